"""read(2), write(2), their vector and position forms, O_APPEND, fsync(2)."""
from errno import EBADF, EFBIG, EINVAL, EISDIR, ESPIPE
from os import O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_WRONLY, SEEK_CUR, SEEK_END, SEEK_SET

from lib.model import KIB, MIB, Case, alice, bob, file, folder, root, root2, rootfar, thing

EDGES = (1, 511, 512, 4095, 4096, 4097, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 64 * KIB, MIB - 1,
         MIB, MIB + 1, 2 * MIB, 2 * MIB + 4097)


def pattern(size, seed=7):
    """Bytes in which every block differs."""
    return bytes((number * 31 + (number >> 8) * 17 + seed) & 0xFF
                 for number in range(min(size, 65536))) * (size // 65536 + 1)


def cases():
    yield from sizes()
    yield from positions()
    yield from appending()
    yield from sharing()
    yield from refused()
    yield from times()


def sizes():
    for size in EDGES:
        data = pattern(size)[:size]
        yield Case(f"write and read {size} bytes", [],
                   root.open("f", O_CREAT | O_RDWR),
                   root.write(data).gives(size),
                   root.pread(size + 1, 0).gives(data),
                   root.lseek(0, SEEK_CUR).gives(size),
                   root.read(1).gives(b""),
                   after={"f": {"size": size, "data": data}})
        yield Case(f"read {size} bytes of a closed file", [file("f", data=data)],
                   root.open("f", O_RDONLY),
                   root.read(size + 100).gives(data),
                   root.read(1).gives(b""))
        yield Case(f"a byte at {size} of an empty file, zeros before it", [file("f")],
                   root.open("f", O_RDWR),
                   root.pwrite(b"!", size),
                   root.pread_fill(size, 0).gives((size, b"\0")),
                   after={"f": {"size": size + 1, "data": b"\0" * size + b"!"}})
        yield Case(f"bytes around {size} of a larger file", [file("f", data=b"x" * (size + 5000))],
                   root.open("f", O_RDWR),
                   root.pwrite(b"YYYY", size - 1),
                   after={"f": {"data": b"x" * (size - 1) + b"YYYY" + b"x" * 4997}})
        yield Case(f"in two parts that meet at {size}", [file("f")],
                   root.open("f", O_RDWR),
                   root.pwrite(b"b" * 5000, size),
                   root.pwrite(b"a" * size, 0),
                   root.fsync(),
                   after={"f": {"data": b"a" * size + b"b" * 5000}})
        yield Case(f"{size} bytes, written by one mount, read by another", [file("f")],
                   root.open("f", O_WRONLY), root.write(data), root.close(),
                   rootfar.content("f").gives(data),
                   rootfar.lstat("f", "size").gives({"size": size}))
    yield Case("write nothing", [file("f", data=b"abc")],
               root.open("f", O_RDWR),
               root.write(b"").gives(0),
               after={"f": {"data": b"abc"}},
               keeps="f.mtime f.ctime")
    yield Case("read nothing", [file("f", data=b"abc")], root.open("f", O_RDWR),
               root.read(0).gives(b""),
               root.lseek(0, SEEK_CUR).gives(0))
    yield Case("many small writes", [file("f")],
               root.open("f", O_WRONLY),
               *(root.write(b"%07d\n" % n) for n in range(300)),
               after={"f": {"data": b"".join(b"%07d\n" % n for n in range(300))}})


def positions():
    yield Case("pwrite leaves the offset", [file("f")],
               root.open("f", O_RDWR),
               root.write(b"abc"),
               root.pwrite(b"X", 0),
               root.lseek(0, SEEK_CUR).gives(3),
               root.write(b"d"),
               after={"f": {"data": b"Xbcd"}})
    yield Case("pread leaves the offset", [file("f", data=b"abcdef")], root.open("f", O_RDONLY),
               root.read(2).gives(b"ab"),
               root.pread(2, 4).gives(b"ef"),
               root.read(2).gives(b"cd"))
    yield Case("read beyond the end", [file("f", data=b"abc")], root.open("f", O_RDONLY),
               root.pread(5, 3).gives(b""),
               root.pread(5, 1 << 40).gives(b""),
               root.pread(5, 2).gives(b"c"))
    yield Case("writev and readv", [file("f")], root.open("f", O_RDWR),
               root.writev([b"ab", b"", b"cde"]).gives(5), root.lseek(0, SEEK_SET),
               root.readv([1, 3, 9]).gives(b"abcde"))
    yield Case("writing behind the end leaves a hole", [file("f", data=b"abc")],
               root.open("f", O_RDWR),
               root.lseek(10, SEEK_END).gives(13),
               root.write(b"z"),
               after={"f": {"data": b"abc" + b"\0" * 10 + b"z"}})
    yield Case("writing far away", [file("f")],
               root.open("f", O_RDWR),
               root.pwrite(b"far", 1 << 40),
               root.pread(3, 1 << 40).gives(b"far"),
               root.pread(4, 1 << 39).gives(b"\0" * 4),
               after={"f": {"size": (1 << 40) + 3}})
    yield Case("dup shares the offset", [file("f")],
               root.open("f", O_RDWR),
               root.dup("fd", "other"),
               root.write(b"ab"),
               root.write(b"cd", "other"),
               after={"f": {"data": b"abcd"}})
    yield Case("closing one of two descriptors", [file("f")],
               root.open("f", O_RDWR),
               root.dup("fd", "other"),
               root.close(),
               root.write(b"ab", "other"),
               after={"f": {"data": b"ab"}})


def appending():
    yield Case("O_APPEND writes at the end, wherever the offset is", [file("f", data=b"abc")],
               root.open("f", O_RDWR | O_APPEND),
               root.lseek(0, SEEK_SET),
               root.write(b"d"),
               root.lseek(0, SEEK_CUR).gives(4),
               after={"f": {"data": b"abcd"}})
    yield Case("reading with O_APPEND starts at 0", [file("f", data=b"abc")],
               root.open("f", O_RDWR | O_APPEND),
               root.read(9).gives(b"abc"))
    yield Case("pwrite with O_APPEND appends on Linux", [file("f", data=b"abc")],
               root.open("f", O_RDWR | O_APPEND),
               root.pwrite(b"d", 0),
               after={"f": {"data": b"abcd"}})
    for size in (3, 4096, 16 * KIB, MIB):
        yield Case(f"two processes append to {size} bytes", [file("f", 0o666, data=b"x" * size)],
                   alice.open("f", O_WRONLY | O_APPEND),
                   bob.open("f", O_WRONLY | O_APPEND),
                   alice.write(b"a1"),
                   bob.write(b"b1"),
                   alice.write(b"a2"),
                   bob.write(b"b2"),
                   after={"f": {"data": b"x" * size + b"a1b1a2b2"}})
        yield Case(f"two mounts append in turns to {size} bytes, open at the same time",
                   [file("f", data=b"x" * size)], root.open("f", O_WRONLY | O_APPEND),
                   rootfar.open("f", O_WRONLY | O_APPEND), root.write(b"a1"), rootfar.write(b"b1"),
                   root.write(b"a2"), rootfar.write(b"b2"), root.close(), rootfar.close(),
                   rootfar.content("f").gives(b"x" * size + b"a1b1a2b2"))
    yield Case("an appender follows a truncation", [file("f", 0o666, data=b"abcdef")],
               alice.open("f", O_WRONLY | O_APPEND),
               bob.truncate("f", 1),
               alice.write(b"Z"),
               after={"f": {"data": b"aZ"}})


def sharing():
    yield Case("what one writes another reads at once", [file("f", 0o666)], alice.open("f", O_RDWR),
               bob.open("f", O_RDONLY), alice.write(b"abc"),
               bob.read(9).gives(b"abc"), alice.write(b"def"),
               bob.read(9).gives(b"def"),
               bob.fstat("size").gives({"size": 6}))
    yield Case("the size is seen at once by path", [file("f", 0o666)], alice.open("f", O_RDWR),
               alice.write(b"abc" * 10000),
               bob.lstat("f", "size").gives({"size": 30000}))
    for size in (3, 20000, 2 * MIB):
        yield Case(f"fsync, and another mount reads {size} bytes", [file("f")],
                   root.open("f", O_WRONLY), root.write(b"s" * size), root.fsync(),
                   rootfar.open("f", O_RDONLY),
                   rootfar.pread_fill(size + 1, 0).gives((size, b"s")))
        yield Case(f"fdatasync, and another mount reads {size} bytes", [file("f")],
                   root.open("f", O_WRONLY), root.write(b"s" * size), root.fdatasync(),
                   rootfar.lstat("f", "size").gives({"size": size}))
    yield Case("two processes write different halves", [file("f", 0o666)],
               alice.open("f", O_WRONLY),
               bob.open("f", O_WRONLY),
               alice.pwrite(b"a" * 5000, 0),
               bob.pwrite(b"b" * 5000, 5000),
               alice.close(),
               bob.close(),
               after={"f": {"data": b"a" * 5000 + b"b" * 5000}})
    yield Case("sendfile", [file("f", data=b"abcdef"), file("g")],
               root.open("f", O_RDONLY, "in"),
               root.open("g", O_WRONLY, "out"),
               root.sendfile("in", "out", 2, 3).gives(3),
               after={"g": {"data": b"cde"}})


def refused():
    yield Case("reading a directory", [folder("d")], root.open("d", O_RDONLY),
               root.read(1).fails(EISDIR))
    yield Case("a descriptor that is not open", [], root.bad_fd(),
               root.read(1).fails(EBADF),
               root.write(b"x").fails(EBADF),
               root.fsync().fails(EBADF))
    yield Case("a negative position", [file("f")], root.open("f", O_RDWR),
               root.pread(1, -1).fails(EINVAL),
               root.pwrite(b"x", -1).fails(EINVAL))
    yield Case("behind the largest position", [file("f")], root.open("f", O_RDWR),
               root.pwrite(b"xx", (1 << 63) - 1).fails(EFBIG, EINVAL))
    yield Case("a FIFO has no positions", [thing("fifo", "p")], root.open("p", O_RDWR),
               root.pread(1, 0).fails(ESPIPE),
               root.lseek(0, SEEK_SET).fails(ESPIPE))
    yield Case("fsync of a file open to read", [file("f")], root.open("f", O_RDONLY), root.fsync(),
               root.fdatasync())
    yield Case("fsync of a directory", [folder("d")], root.open("d", O_RDONLY), root.fsync(),
               root.fdatasync())
    yield Case("fsync of a FIFO", [thing("fifo", "p")], root.open("p", O_RDWR),
               root.fsync().fails(EINVAL))


def times():
    for size in (1, 5000, 20000, MIB):
        yield Case(f"writing {size} bytes changes mtime and ctime", [file("f", data=b"abc")],
                   root.open("f", O_WRONLY),
                   root.write(b"x" * size),
                   changes="f.mtime f.ctime",
                   keeps="f.atime ..mtime ..ctime")
        yield Case(f"so does writing them again: {size}", [file("f", data=b"x" * size)],
                   root.open("f", O_WRONLY),
                   root.write(b"x" * size),
                   root.close(),
                   changes="f.mtime f.ctime")
    yield Case("reading changes neither", [file("f", data=b"abc")],
               root2.content("f").gives(b"abc"),
               keeps="f.mtime f.ctime")
    yield Case("opening and closing changes nothing", [file("f", data=b"abc")],
               root.open("f", O_RDWR),
               root.fsync(),
               root.close(),
               keeps="f.mtime f.ctime f.atime")
