"""copy_file_range(2)."""
from errno import EBADF, EFBIG, EINVAL, EISDIR, EOVERFLOW
from os import O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_WRONLY, SEEK_CUR

from lib.model import ALICE, KIB, MIB, Case, alice, bob, file, folder, root, rootfar, thing

SIZES = (1, 4096, 16 * KIB, 20000, MIB, 2 * MIB + 5)


def source(size):
    block = bytes(range(256)) * 16
    return (block * (size // 4096 + 1))[:size]


def cases():
    yield from whole_files()
    yield from parts()
    yield from one_file()
    yield from effects()
    yield from refused()


def open_both(flags=O_RDWR):
    return (root.open("a", O_RDONLY, "a"), root.open("b", flags, "b"))


def whole_files():
    for size in SIZES:
        for old in (0, 100, 3 * MIB):
            data = source(size)
            after = data + b"o" * max(0, old - size)
            yield Case(f"{size} bytes over a file of {old}",
                       [file("a", data=data), file("b", data=b"o" * old)],
                       *open_both(),
                       root.copy_range("a", "b", size + 10, 0, 0).gives(size),
                       root.pread(len(after), 0, "b").gives(after),
                       after={"a": {"data": data}, "b": {"size": len(after), "data": after}})
        yield Case(f"{size} bytes that are not yet written out", [],
                   root.open("a", O_CREAT | O_RDWR, "a"),
                   root.open("b", O_CREAT | O_RDWR, "b"),
                   root.write(source(size), "a"),
                   root.copy_range("a", "b", size, 0, 0).gives(size),
                   after={"b": {"data": source(size)}})
        yield Case(f"{size} bytes, seen by another mount",
                   [file("a", data=source(size)), file("b")], *open_both(),
                   root.copy_range("a", "b", size, 0, 0).gives(size), root.close("b"),
                   rootfar.content("b").gives(source(size)))


def parts():
    table = ((0, 0, 4096), (4096, 0, 4096), (0, 4096, 4096), (1, 0, 100), (0, 1, 100),
             (100, 5000, 20000), (0, MIB, MIB), (MIB, 0, MIB), (MIB, 2 * MIB, MIB + 1),
             (MIB - 1, MIB + 1, 2), (0, 5 * MIB, 10), (2 * MIB, 100, MIB))
    size = 3 * MIB
    data = source(size)
    for read_at, write_at, count in table:
        old = b"o" * size
        after = bytearray(old + b"\0" * max(0, write_at + count - size))
        after[write_at:write_at + count] = data[read_at:read_at + count]
        yield Case(f"{count} bytes from {read_at} to {write_at}",
                   [file("a", data=data), file("b", data=old)],
                   *open_both(),
                   root.copy_range("a", "b", count, read_at, write_at).gives(count),
                   after={"b": {"data": bytes(after)}})
    yield Case("the offsets of both descriptors move",
               [file("a", data=b"abcdef"), file("b")],
               *open_both(),
               root.read(1, "a"),
               root.copy_range("a", "b", 3).gives(3),
               root.lseek(0, SEEK_CUR, "a").gives(4),
               root.lseek(0, SEEK_CUR, "b").gives(3),
               root.copy_range("a", "b", 9).gives(2),
               after={"b": {"data": b"bcdef"}})
    yield Case("given offsets leave the descriptors' alone",
               [file("a", data=b"abcdef"), file("b")],
               *open_both(),
               root.copy_range("a", "b", 3, 2, 1).gives(3),
               root.lseek(0, SEEK_CUR, "a").gives(0),
               root.lseek(0, SEEK_CUR, "b").gives(0),
               after={"b": {"data": b"\0cde"}})
    for at in (6, 7, 1 << 40):
        yield Case(f"nothing to read at {at}",
                   [file("a", data=b"abcdef"), file("b", data=b"o")],
                   *open_both(),
                   root.copy_range("a", "b", 10, at, 0).gives(0),
                   after={"b": {"data": b"o"}})
    yield Case("no bytes", [file("a", data=b"abc"), file("b")], *open_both(),
               root.copy_range("a", "b", 0, 0, 0).gives(0))
    yield Case("a hole is copied as zeros", [file("a"), file("b", data=b"o" * 4 * MIB)],
               root.truncate("a", 3 * MIB),
               *open_both(),
               root.copy_range("a", "b", 3 * MIB, 0, 0).gives(3 * MIB),
               after={"b": {"data": b"\0" * 3 * MIB + b"o" * MIB}})


def one_file():
    data = source(3 * MIB)
    for read_at, write_at, count in ((0, 4096, 4096), (0, 2 * MIB, MIB), (2 * MIB, 0, MIB),
                                     (10, 100, 90)):
        after = bytearray(data)
        after[write_at:write_at + count] = data[read_at:read_at + count]
        yield Case(f"within a file: {count} bytes from {read_at} to {write_at}",
                   [file("a", data=data)],
                   root.open("a", O_RDWR, "a"),
                   root.copy_range("a", "a", count, read_at, write_at).gives(count),
                   after={"a": {"data": bytes(after)}})
        yield Case(f"within a file, two descriptors: {count} bytes from {read_at} to {write_at}",
                   [file("a", data=data)],
                   root.open("a", O_RDONLY, "a"),
                   root.open("a", O_WRONLY, "b"),
                   root.copy_range("a", "b", count, read_at, write_at).gives(count),
                   after={"a": {"data": bytes(after)}})
    for read_at, write_at, count in ((0, 0, 10), (0, 5, 10), (5, 0, 10), (0, MIB, 2 * MIB)):
        yield Case(f"within a file, overlapping: {count} bytes from {read_at} to {write_at}",
                   [file("a", data=data)], root.open("a", O_RDWR, "a"),
                   root.copy_range("a", "a", count, read_at, write_at).fails(EINVAL))


def effects():
    both = [file("a", data=b"abc"), file("b", data=b"xyzxyz")]
    yield Case("times of the destination change, not of the source",
               both,
               *open_both(),
               root.copy_range("a", "b", 3, 0, 0),
               changes="b.mtime b.ctime",
               keeps="a.mtime a.ctime ..mtime")
    yield Case(
        "setuid and setgid of the destination go",
        [file("a", 0o644, data=b"abc"), file("b", 0o6777, ALICE)],
        bob.open("a", O_RDONLY, "a"),
        bob.open("b", O_RDWR, "b"),
        bob.copy_range("a", "b", 3, 0, 0),
        after={"b": {"mode": 0o777, "data": b"abc"}})
    yield Case("two owners", [file("a", 0o644, ALICE, data=b"abc"),
                              file("b", 0o666)],
               alice.open("a", O_RDONLY, "a"),
               alice.open("b", O_WRONLY, "b"),
               alice.copy_range("a", "b", 3),
               after={"b": {"data": b"abc"}})


def refused():
    both = [file("a", data=b"abc"), file("b", data=b"xyz")]
    yield Case("the source is open to write", both, root.open("a", O_WRONLY, "a"),
               root.open("b", O_WRONLY, "b"),
               root.copy_range("a", "b", 3, 0, 0).fails(EBADF))
    yield Case("the destination is open to read", both, *open_both(O_RDONLY),
               root.copy_range("a", "b", 3, 0, 0).fails(EBADF))
    yield Case("the destination is open to append", both, *open_both(O_WRONLY | O_APPEND),
               root.copy_range("a", "b", 3, 0, 0).fails(EBADF))
    yield Case("a descriptor that is not open", both, root.bad_fd("a"), root.open("b", O_RDWR, "b"),
               root.copy_range("a", "b", 3).fails(EBADF),
               root.copy_range("b", "a", 3).fails(EBADF))
    yield Case("the source is a directory", [folder("a"), file("b")], *open_both(),
               root.copy_range("a", "b", 3).fails(EISDIR))
    yield Case("the source is a FIFO", [thing("fifo", "a"), file("b")], root.open("a", O_RDWR, "a"),
               root.open("b", O_RDWR, "b"),
               root.copy_range("a", "b", 3).fails(EINVAL))
    yield Case("a negative offset", both, *open_both(),
               root.copy_range("a", "b", 3, -1, 0).fails(EOVERFLOW, EINVAL))
    yield Case("behind the largest offset", both, *open_both(),
               root.copy_range("a", "b", 3, 0, (1 << 63) - 1).fails(EFBIG))
