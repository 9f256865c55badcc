"""truncate(2) and ftruncate(2)."""
from errno import EACCES, EBADF, EFBIG, EINVAL, EISDIR
from os import O_APPEND, O_RDONLY, O_RDWR, O_WRONLY

from lib.model import (ALICE, MIB, SPECIAL, STAFF, Case, alice, bob, carol, dave, file, folder,
                       root, symlink, thing)
from lib.paths import path_errors

# Around every boundary of WeftFS: inline bytes, blocks, chunks, stripes. And none of ext4's is missed by it.
SIZES = (0, 1, 4095, 4096, 4097, 16383, 16384, 16385, MIB - 1, MIB, MIB + 1, 2 * MIB + 1, 4 * MIB)


def cases():
    yield from path_errors("truncate", lambda who, path: who.truncate(path, 0))
    yield from sizes()
    yield from rights()
    yield from refused()
    yield from effects()


def sizes():
    for old in SIZES:
        for new in SIZES:
            kept = min(old, new)
            data = b"d" * kept + b"\0" * (new - kept)
            yield Case(f"from {old} to {new} bytes", [file("f", data=b"d" * old)],
                       root.truncate("f", new),
                       after={"f": {"size": new, "data": data}})
    for old, low, high in ((100, 10, 200), (5000, 100, 9000), (20000, 3, 20000),
                           (MIB + 5, 4096, MIB + 5), (3 * MIB, MIB - 1, 3 * MIB), (3 * MIB, 1,
                                                                                   2 * MIB)):
        yield Case(f"from {old} down to {low} and up to {high}: zeros come back, not the old bytes",
                   [file("f", data=b"d" * old)],
                   root.open("f", O_RDWR),
                   root.ftruncate(low),
                   root.ftruncate(high),
                   root.pread_fill(high, low).gives((high - low, b"\0")),
                   after={"f": {"data": b"d" * low + b"\0" * (high - low)}})
        yield Case(
            f"what was written and not yet synchronised, {old} down to {low} and up to {high}",
            [file("f")],
            root.open("f", O_RDWR),
            root.write(b"w" * old),
            root.ftruncate(low),
            root.ftruncate(high),
            root.fsync(),
            after={"f": {"data": b"w" * low + b"\0" * (high - low)}})
        yield Case(f"{old} down to {low}, and a byte written at {high}",
                   [file("f", data=b"d" * old)],
                   root.truncate("f", low),
                   root.open("f", O_RDWR),
                   root.pwrite(b"!", high),
                   root.close(),
                   after={"f": {"data": b"d" * low + b"\0" * (high - low) + b"!"}})
    for size in (1 << 31, (1 << 32) + 1, 1 << 40):
        yield Case(f"a sparse file of {size} bytes", [file("f", data=b"x")],
                   root.truncate("f", size),
                   root.open("f", O_RDONLY),
                   root.pread(9, size - 5).gives(b"\0" * 5),
                   root.pread(1, 0).gives(b"x"),
                   after={"f": {"size": size}})


def rights():
    for bits in range(8):
        for who, mode, what in ((alice, bits << 6, "owner"), (carol, bits << 3, "primary group"),
                                (dave, bits << 3, "supplementary group"), (bob, bits, "others")):
            step = who.truncate("f", 1)
            yield Case(f"mode {mode:04o}, {what}", [file("f", mode, ALICE, STAFF, data=b"abc")],
                       step if bits & 2 else step.fails(EACCES),
                       after={"f": {"size": 1 if bits & 2 else 3}})
    yield Case("root may in any case", [file("f", 0, ALICE, data=b"abc")],
               root.truncate("f", 1),
               after={"f": {"size": 1}})
    yield Case("ftruncate asks the descriptor, not the mode",
               [file("f", 0o666, ALICE, data=b"abc")],
               bob.open("f", O_RDWR),
               alice.chmod("f", 0),
               bob.ftruncate(1),
               after={"f": {"size": 1}})


def refused():
    for size in (-1, -4096):
        yield Case(f"to {size} bytes", [file("f", data=b"x")],
                   root.truncate("f", size).fails(EINVAL))
        yield Case(f"ftruncate to {size} bytes", [file("f", data=b"x")], root.open("f", O_RDWR),
                   root.ftruncate(size).fails(EINVAL))
    yield Case("more than any file can have", [file("f")],
               root.truncate("f", (1 << 63) - 1).fails(EFBIG, EINVAL))
    yield Case("a directory", [folder("d")], root.truncate("d", 0).fails(EISDIR))
    for kind in SPECIAL:
        yield Case(f"a {kind}", [thing(kind, "x")], root.truncate("x", 0).fails(EINVAL))
    yield Case("ftruncate of what is open to read", [file("f")], root.open("f", O_RDONLY),
               root.ftruncate(0).fails(EINVAL))
    yield Case("ftruncate of a directory", [folder("d")], root.open("d", O_RDONLY),
               root.ftruncate(0).fails(EINVAL))
    yield Case("ftruncate of what is not open", [], root.bad_fd(), root.ftruncate(0).fails(EBADF))


def effects():
    for old, new in ((0, 10), (10, 0), (10, 10), (0, 0), (20000, 5), (5, 3 * MIB)):
        yield Case(f"times, {old} to {new}, ftruncate", [file("f", data=b"x" * old)],
                   root.open("f", O_RDWR),
                   root.ftruncate(new),
                   changes="f.mtime f.ctime",
                   keeps="f.atime ..mtime")
    for old, new in ((0, 10), (10, 0), (20000, 5)):
        yield Case(f"times, {old} to {new}, truncate", [file("f", data=b"x" * old)],
                   root.truncate("f", new),
                   changes="f.mtime f.ctime",
                   keeps="f.atime ..mtime")
    yield Case("the offset stays", [file("f", data=b"abcdef")],
               root.open("f", O_RDWR),
               root.lseek(4, 0),
               root.ftruncate(2),
               root.lseek(0, 1).gives(4),
               root.read(9).gives(b""),
               root.write(b"X"),
               after={"f": {"data": b"ab\0\0X"}})
    yield Case("O_APPEND writes at the new end", [file("f", data=b"abcdef")],
               root.open("f", O_WRONLY | O_APPEND),
               root.truncate("f", 2),
               root.write(b"X"),
               after={"f": {"data": b"abX"}})
    yield Case("a symbolic link is followed",
               [file("f", data=b"abc"), symlink("l", "f")],
               root.truncate("l", 1),
               after={"f": {"size": 1}})
    yield Case("others see it at once", [file("f", 0o666, data=b"abcdef")], bob.open("f", O_RDONLY),
               alice.truncate("f", 3),
               bob.fstat("size").gives({"size": 3}),
               bob.read(9).gives(b"abc"))
    for mode, left in ((0o6777, 0o777), (0o4755, 0o755), (0o2767, 0o767)):
        yield Case(f"setuid and setgid after truncate by another: {mode:o}",
                   [file("f", mode | 0o2, ALICE, data=b"abc")],
                   bob.truncate("f", 1),
                   after={"f": {"mode": left | 0o2}})
    yield Case("blocks are given back", [file("f", data=b"x" * 3 * MIB)], root.truncate("f", 0),
               root.blocks_between("f", 0, 8).gives(True))
