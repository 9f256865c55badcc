"""lseek(2), with SEEK_DATA and SEEK_HOLE."""
from errno import EBADF, EINVAL, ENXIO
from os import O_CREAT, O_RDONLY, O_RDWR, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET

from lib.model import KIB, MIB, Case, file, folder, root
from lib.syscalls import FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE

PUNCH = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE


def cases():
    yield from plain()
    yield from whole_files()
    yield from holes()


def plain():
    six = [file("f", data=b"abcdef")]
    for offset, whence, result in ((0, SEEK_SET, 0), (3, SEEK_SET, 3), (6, SEEK_SET, 6),
                                   (100, SEEK_SET, 100), (1 << 40, SEEK_SET, 1 << 40),
                                   (0, SEEK_CUR, 2), (3, SEEK_CUR, 5), (-2, SEEK_CUR, 0),
                                   (0, SEEK_END, 6), (-6, SEEK_END, 0), (10, SEEK_END, 16)):
        yield Case(f"offset {offset}, whence {whence}", six, root.open("f", O_RDONLY), root.read(2),
                   root.lseek(offset, whence).gives(result),
                   root.lseek(0, SEEK_CUR).gives(result))
    for offset, whence in ((-1, SEEK_SET), (-3, SEEK_CUR), (-7, SEEK_END), (0, 99), (0, -1)):
        yield Case(f"refused: offset {offset}, whence {whence}", six, root.open("f", O_RDONLY),
                   root.read(2),
                   root.lseek(offset, whence).fails(EINVAL),
                   root.lseek(0, SEEK_CUR).gives(2))
    yield Case("what is not open", [], root.bad_fd(), root.lseek(0, SEEK_SET).fails(EBADF))
    yield Case("a directory to its start", [folder("d")], root.open("d", O_RDONLY),
               root.lseek(0, SEEK_SET).gives(0))


def whole_files():
    for size in (1, 100, 4096, 16 * KIB, 20000, MIB, 3 * MIB):
        there = [file("f", data=b"x" * size)]
        last = size - 1
        for at in sorted({0, last // 2, last}):
            yield Case(f"SEEK_DATA at {at} of {size} bytes of data", there,
                       root.open("f", O_RDONLY),
                       root.lseek(at, SEEK_DATA).gives(at))
            yield Case(f"SEEK_HOLE at {at} of {size} bytes of data", there,
                       root.open("f", O_RDONLY),
                       root.lseek(at, SEEK_HOLE).gives(size))
        for at in (size, size + 1, size + MIB):
            yield Case(f"at {at}, behind the end of {size} bytes", there, root.open("f", O_RDONLY),
                       root.lseek(at, SEEK_DATA).fails(ENXIO),
                       root.lseek(at, SEEK_HOLE).fails(ENXIO))
    for whence in (SEEK_DATA, SEEK_HOLE):
        yield Case(f"an empty file, whence {whence}", [file("f")], root.open("f", O_RDONLY),
                   root.lseek(0, whence).fails(ENXIO))
        yield Case(f"a negative offset, whence {whence}", [file("f", data=b"x")],
                   root.open("f", O_RDONLY),
                   root.lseek(-1, whence).fails(ENXIO, EINVAL))
    yield Case("data that is not yet written out counts", [], root.open("f", O_CREAT | O_RDWR),
               root.pwrite(b"x" * 5000, MIB),
               root.lseek(0, SEEK_DATA).gives(MIB),
               root.lseek(MIB, SEEK_HOLE).gives(MIB + 5000))


def holes():
    """Holes of whole mebibytes, which every file system here keeps as holes."""
    for size in (MIB, 4 * MIB, 100 * MIB):
        yield Case(f"a file of {size} bytes that is one hole", [file("f")],
                   root.truncate("f", size), root.open("f", O_RDONLY),
                   root.lseek(0, SEEK_HOLE).gives(0),
                   root.lseek(0, SEEK_DATA).fails(ENXIO),
                   root.lseek(size - 1, SEEK_HOLE).gives(size - 1),
                   root.lseek(size - 1, SEEK_DATA).fails(ENXIO))
    for start, end in ((2 * MIB, 3 * MIB), (MIB, 5 * MIB), (7 * MIB, 7 * MIB + 4096)):
        made = ([file("f")], root.open("f", O_RDWR), root.pwrite(b"d" * (end - start), start),
                root.ftruncate(10 * MIB), root.fsync())
        yield Case(f"data from {start} to {end} in a hole: SEEK_DATA finds its start", *made,
                   root.lseek(0, SEEK_DATA).gives(start),
                   root.lseek(start - 1, SEEK_DATA).gives(start))
        yield Case(f"data from {start} to {end} in a hole: SEEK_HOLE finds its end", *made,
                   root.lseek(start, SEEK_HOLE).gives(end),
                   root.lseek(end - 1, SEEK_HOLE).gives(end))
        yield Case(f"data from {start} to {end} in a hole: inside it", *made,
                   root.lseek(start + 100, SEEK_DATA).gives(start + 100),
                   root.lseek(100, SEEK_HOLE).gives(100))
        yield Case(f"data from {start} to {end} in a hole: behind it", *made,
                   root.lseek(end, SEEK_DATA).fails(ENXIO),
                   root.lseek(end, SEEK_HOLE).gives(end))
        yield Case(f"a hole punched from {start} to {end}", [file("f", data=b"d" * (10 * MIB))],
                   root.open("f", O_RDWR), root.fallocate(PUNCH, start, end - start), root.fsync(),
                   root.lseek(0, SEEK_HOLE).gives(start),
                   root.lseek(start, SEEK_DATA).gives(end),
                   root.lseek(end, SEEK_HOLE).gives(10 * MIB),
                   root.lseek(start + 5, SEEK_HOLE).gives(start + 5))
    yield Case("the offset moves to what was found", [file("f")], root.open("f", O_RDWR),
               root.pwrite(b"data", 3 * MIB),
               root.lseek(0, SEEK_DATA).gives(3 * MIB),
               root.read(9).gives(b"data"))
    yield Case("a hole filled again is data", [file("f", data=b"d" * 4 * MIB)],
               root.open("f", O_RDWR), root.fallocate(PUNCH, MIB, MIB),
               root.pwrite(b"n" * MIB, MIB),
               root.lseek(0, SEEK_HOLE).gives(4 * MIB))
