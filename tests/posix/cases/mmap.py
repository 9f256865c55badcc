"""mmap(2): shared and private mappings, with read(2) and write(2) beside them, and between mounts."""
from errno import EACCES, EBADF, EINVAL, ENODEV
from mmap import MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE
from os import O_APPEND, O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY
from signal import SIGBUS

from lib.model import ALICE, KIB, MIB, Case, alice, bob, file, folder, root, rootfar, thing

BOTH = PROT_READ | PROT_WRITE
SIZES = (1, 4096, 5000, 16 * KIB, 20000, MIB, 2 * MIB + 100)


def cases():
    yield from shared()
    yield from private()
    yield from between_processes()
    yield from between_mounts()
    yield from ends()
    yield from effects()
    yield from refused()


def shared():
    for size in SIZES:
        data = b"d" * size
        there = [file("f", data=data)]
        yield Case(f"read {size} bytes", there, root.open("f", O_RDONLY),
                   root.mmap(size, PROT_READ),
                   root.peek(0, size).gives(data))
        yield Case(f"change the last of {size} bytes, msync",
                   there,
                   root.open("f", O_RDWR),
                   root.mmap(size, BOTH),
                   root.poke(size - 1, b"!"),
                   root.msync(),
                   root.pread(1, size - 1).gives(b"!"),
                   after={"f": {"data": data[:-1] + b"!", "size": size}})
        yield Case(f"change the first of {size} bytes, unmap and close",
                   there,
                   root.open("f", O_RDWR),
                   root.mmap(size, BOTH),
                   root.poke(0, b"!"),
                   root.munmap(),
                   root.close(),
                   after={"f": {"data": b"!" + data[1:]}})
        yield Case(f"change {size} bytes, fsync",
                   there,
                   root.open("f", O_RDWR),
                   root.mmap(size, BOTH),
                   root.poke(0, b"n" * size),
                   root.fsync(),
                   after={"f": {"data": b"n" * size}})
        yield Case(f"read(2) sees a change at once: {size}", there, root.open("f", O_RDWR),
                   root.mmap(size, BOTH), root.poke(0, b"!"),
                   root.pread(1, 0).gives(b"!"))
        yield Case(f"the map sees write(2) at once: {size}", there, root.open("f", O_RDWR),
                   root.mmap(size, BOTH),
                   root.peek(0, 1).gives(b"d"), root.pwrite(b"!", 0),
                   root.peek(0, 1).gives(b"!"))
        yield Case(f"the map sees what was not yet written out: {size}", [],
                   root.open("f", O_CREAT | O_RDWR), root.write(data), root.mmap(size, PROT_READ),
                   root.peek(0, size).gives(data))
        yield Case(f"the descriptor may be closed: {size}",
                   there,
                   root.open("f", O_RDWR),
                   root.mmap(size, BOTH),
                   root.close(),
                   root.poke(0, b"!"),
                   root.msync(),
                   root.munmap(),
                   after={"f": {"data": b"!" + data[1:]}})
        yield Case(f"an unlinked file stays mapped: {size}", there, root.open("f", O_RDWR),
                   root.mmap(size, BOTH), root.close(), root.unlink("f"),
                   root.peek(0, size).gives(data), root.poke(0, b"!"), root.msync(),
                   root.peek(0, 1).gives(b"!"))
    yield Case("a map of a later page", [file("f", data=b"a" * 4096 + b"b" * 4096)],
               root.open("f", O_RDWR), root.mmap(4096, BOTH, MAP_SHARED, 4096),
               root.peek(0, 1).gives(b"b"), root.poke(0, b"c"), root.msync(),
               root.pread(2, 4095).gives(b"ac"))
    yield Case("two maps of a file are the same memory", [file("f", data=b"d" * 4096)],
               root.open("f", O_RDWR), root.mmap(4096, BOTH),
               root.mmap(4096, BOTH, MAP_SHARED, 0, "fd", "other"), root.poke(7, b"x"),
               root.peek(7, 1, "other").gives(b"x"))


def private():
    for size in (1, 5000, 20000, MIB):
        data = b"d" * size
        yield Case(f"a private change stays private: {size}", [file("f", data=data)],
                   root.open("f", O_RDONLY),
                   root.mmap(size, BOTH, MAP_PRIVATE),
                   root.poke(0, b"!"),
                   root.peek(0, 1).gives(b"!"),
                   root.munmap(),
                   after={"f": {"data": data}},
                   keeps="f.mtime f.ctime")
    yield Case("a private map sees writes to pages that it has not changed",
               [file("f", data=b"d" * 8192)], root.open("f", O_RDWR),
               root.mmap(8192, BOTH, MAP_PRIVATE), root.poke(0, b"!"), root.pwrite(b"W", 4096),
               root.peek(4096, 1).gives(b"W"))


def between_processes():
    there = [file("f", 0o666, data=b"d" * 8192)]
    yield Case("another process's map sees a change at once", there, alice.open("f", O_RDWR),
               bob.open("f", O_RDONLY), alice.mmap(8192, BOTH), bob.mmap(8192, PROT_READ),
               bob.peek(5000, 1).gives(b"d"), alice.poke(5000, b"!"),
               bob.peek(5000, 1).gives(b"!"))
    yield Case("another process's read sees a change at once", there, alice.open("f", O_RDWR),
               bob.open("f", O_RDONLY), alice.mmap(8192, BOTH), alice.poke(5000, b"!"),
               bob.pread(1, 5000).gives(b"!"))
    yield Case("another process's write is seen in the map", there, alice.open("f", O_RDWR),
               bob.open("f", O_RDWR), alice.mmap(8192, BOTH), bob.pwrite(b"!", 5000),
               alice.peek(5000, 1).gives(b"!"))
    yield Case("a truncation empties the rest of the page", there, alice.open("f", O_RDWR),
               alice.mmap(8192, BOTH), bob.truncate("f", 10), bob.truncate("f", 100),
               alice.peek(0, 100).gives(b"d" * 10 + b"\0" * 90))
    yield Case("growing makes more of the map usable", [file("f", 0o666, data=b"d")],
               alice.open("f", O_RDWR), alice.mmap(1, BOTH), bob.truncate("f", 4096),
               bob.put("f", b"nn"),
               alice.peek(0, 1).gives(b"n"))


def between_mounts():
    for size in (100, 20000, MIB + 5):
        data = b"d" * size
        there = [file("f", data=data)]
        yield Case(f"msync, and another mount reads: {size}", there, root.open("f", O_RDWR),
                   root.mmap(size, BOTH), root.poke(0, b"!"), root.msync(),
                   rootfar.content("f").gives(b"!" + data[1:]))
        yield Case(f"close, and another mount maps: {size}", there, root.open("f", O_RDWR),
                   root.mmap(size, BOTH), root.poke(0, b"!"), root.munmap(), root.close(),
                   rootfar.open("f", O_RDONLY), rootfar.mmap(size, PROT_READ),
                   rootfar.peek(0, 1).gives(b"!"))
        yield Case(f"a map made after another mount wrote: {size}", there,
                   rootfar.open("f", O_RDWR), rootfar.pwrite(b"!", 0), rootfar.close(),
                   root.open("f", O_RDONLY), root.mmap(size, PROT_READ),
                   root.peek(0, 1).gives(b"!"))


def ends():
    yield Case("zeros behind the end in the last page", [file("f", data=b"abc")],
               root.open("f", O_RDWR), root.mmap(3, BOTH), root.ftruncate(4096),
               root.pread_fill(4096, 3).gives((4093, b"\0")))
    yield Case("a page behind the end gives SIGBUS", [file("f", data=b"d" * 8192)],
               root.open("f", O_RDWR), root.mmap(8192, BOTH), root.ftruncate(100),
               root.touch_beyond_end(5000).gives(int(SIGBUS)),
               root.touch_beyond_end(50).gives(0))
    yield Case("a hole reads as zeros and can be written", [file("f")], root.truncate("f", 3 * MIB),
               root.open("f", O_RDWR), root.mmap(3 * MIB, BOTH),
               root.peek(MIB, 5).gives(b"\0" * 5), root.poke(MIB, b"data"), root.msync(),
               root.pread(6, MIB - 1).gives(b"\0data\0"))


def effects():
    yield Case("writing into a map changes mtime and ctime", [file("f", data=b"d" * 5000)],
               root.open("f", O_RDWR),
               root.mmap(5000, BOTH),
               root.poke(0, b"!"),
               root.msync(),
               root.munmap(),
               root.close(),
               changes="f.mtime f.ctime")
    yield Case("reading from a map changes neither", [file("f", data=b"d" * 5000)],
               root.open("f", O_RDONLY),
               root.mmap(5000, PROT_READ),
               root.peek(0, 1),
               root.munmap(),
               root.close(),
               keeps="f.mtime f.ctime")


def refused():
    there = [file("f", 0o644, ALICE, data=b"d" * 4096)]
    table = ((O_RDONLY, BOTH, MAP_SHARED, EACCES, "shared to write, open to read"),
             (O_WRONLY, PROT_READ, MAP_SHARED, EACCES, "to read, open to write"),
             (O_WRONLY, PROT_WRITE, MAP_SHARED, EACCES, "to write, open to write only"),
             (O_WRONLY, PROT_READ, MAP_PRIVATE, EACCES, "private, open to write"))
    for flags, protection, kind, number, what in table:
        yield Case(what, there, root.open("f", flags),
                   root.mmap_raw(4096, protection, kind).fails(number))
    yield Case("a length of 0", there, root.open("f", O_RDWR),
               root.mmap_raw(0, PROT_READ, MAP_SHARED).fails(EINVAL))
    yield Case("an offset within a page", there, root.open("f", O_RDWR),
               root.mmap_raw(10, PROT_READ, MAP_SHARED, 100).fails(EINVAL))
    yield Case("neither shared nor private", there, root.open("f", O_RDWR),
               root.mmap_raw(10, PROT_READ, 0).fails(EINVAL))
    yield Case("what is not open", [], root.bad_fd(),
               root.mmap_raw(10, PROT_READ, MAP_SHARED).fails(EBADF))
    yield Case("a directory", [folder("d")], root.open("d", O_RDONLY | O_DIRECTORY),
               root.mmap_raw(10, PROT_READ, MAP_SHARED).fails(ENODEV))
    yield Case("a FIFO", [thing("fifo", "p")], root.open("p", O_RDWR),
               root.mmap_raw(10, PROT_READ, MAP_SHARED).fails(ENODEV))
    yield Case("an append-only descriptor, shared", there, root.open("f", O_RDWR | O_APPEND),
               root.mmap_raw(10, BOTH, MAP_SHARED))
    yield Case("a private map to write needs only reading", there, bob.open("f", O_RDONLY),
               bob.mmap_raw(10, BOTH, MAP_PRIVATE))
