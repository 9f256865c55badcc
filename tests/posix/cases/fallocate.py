"""fallocate(2) with its modes, and posix_fallocate(3)."""
from errno import EBADF, EFBIG, EINVAL, ENODEV, EOPNOTSUPP, ESPIPE
from os import O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_WRONLY

from lib.model import ALICE, KIB, MIB, Case, bob, file, folder, root, rootfar, thing
from lib.syscalls import (FALLOC_COLLAPSE_RANGE, FALLOC_INSERT_RANGE, FALLOC_KEEP_SIZE,
                          FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE)

KEEP, PUNCH, ZERO = FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, FALLOC_ZERO_RANGE
ZERO_KEEP = ZERO | KEEP
MODES = ((0, "allocate"), (KEEP, "allocate, keep the size"), (PUNCH, "punch a hole"),
         (ZERO, "zero range"), (ZERO_KEEP, "zero range, keep the size"))
SIZES = (0, 100, 4096, 16 * KIB, 20000, MIB, 3 * MIB)
RANGES = ((0, 1), (0, 4096), (10, 80), (4095, 2), (4096, 4096), (16383, 2), (0, 16 * KIB),
          (MIB - 1, 2), (MIB, MIB), (100, 3 * MIB), (3 * MIB, 4096))


def cases():
    yield from contents()
    yield from space()
    yield from times()
    yield from refused()


def expected(mode, size, offset, length):
    """The bytes of a file of `size` bytes "d" afterwards."""
    data = bytearray(b"d" * size)
    end = offset + length
    if mode in (PUNCH, ZERO, ZERO_KEEP):
        data[offset:min(end, size)] = b"\0" * max(0, min(end, size) - offset)
    if mode in (0, ZERO) and end > size:
        data += b"\0" * (end - size)
    return bytes(data)


def contents():
    for mode, name in MODES:
        for size in SIZES:
            for offset, length in RANGES:
                data = expected(mode, size, offset, length)
                yield Case(f"{name}: {length} bytes at {offset} of {size}",
                           [file("f", data=b"d" * size)],
                           root.open("f", O_RDWR),
                           root.fallocate(mode, offset, length),
                           root.close(),
                           after={"f": {"size": len(data), "data": data}})
        for size in (100, 20000, 3 * MIB):
            data = expected(mode, size, 50, 5000)
            yield Case(f"{name}: of {size} bytes that are not yet written out", [],
                       root.open("f", O_CREAT | O_RDWR),
                       root.write(b"d" * size),
                       root.fallocate(mode, 50, 5000),
                       root.pread(len(data) + 1, 0).gives(data),
                       after={"f": {"data": data}})
            yield Case(f"{name}: of {size} bytes, seen by another mount",
                       [file("f", data=b"d" * size)], root.open("f", O_RDWR),
                       root.fallocate(mode, 50, 5000), root.close(),
                       rootfar.content("f").gives(data))
    yield Case("write after a hole", [file("f", data=b"d" * 2 * MIB)],
               root.open("f", O_RDWR),
               root.fallocate(PUNCH, 0, 2 * MIB),
               root.pwrite(b"new", MIB - 1),
               after={"f": {"data": b"\0" * (MIB - 1) + b"new" + b"\0" * (MIB - 2)}})
    for size, offset, length in ((0, 0, 100), (100, 50, 20), (100, 50, 5000), (20000, 30000, MIB)):
        yield Case(f"posix_fallocate: {length} bytes at {offset} of {size}",
                   [file("f", data=b"d" * size)],
                   root.open("f", O_RDWR),
                   root.posix_fallocate(offset, length),
                   after={"f": {"data": expected(0, size, offset, length)}})


def space():
    """st_blocks, in units of 512 bytes."""
    whole = 8 * MIB
    yield Case("allocating takes space", [file("f")], root.open("f", O_RDWR),
               root.fallocate(0, 0, whole), root.fsync(),
               root.blocks_between("f", whole // 512, whole // 512 + 256).gives(True))
    yield Case("allocating behind the end takes space, too", [file("f")],
               root.open("f", O_RDWR),
               root.fallocate(KEEP, 0, whole),
               root.fsync(),
               root.blocks_between("f", whole // 512, whole // 512 + 256).gives(True),
               after={"f": {"size": 0}})
    yield Case("a hole gives it back", [file("f", data=b"d" * whole)], root.open("f", O_RDWR),
               root.fsync(), root.fallocate(PUNCH, MIB, 6 * MIB), root.fsync(),
               root.blocks_between("f", 4096, 4096 + 256).gives(True))
    yield Case("a sparse file takes none", [file("f")], root.truncate("f", 100 * MIB),
               root.blocks_between("f", 0, 16).gives(True))
    yield Case("data takes what it is long", [file("f")], root.open("f", O_RDWR),
               root.write(b"d" * 3 * MIB), root.fsync(),
               root.blocks_between("f", 6144, 6144 + 256).gives(True))
    yield Case("zero range keeps the space", [file("f", data=b"d" * whole)], root.open("f", O_RDWR),
               root.fallocate(ZERO, 0, whole), root.fsync(),
               root.blocks_between("f", whole // 512, whole // 512 + 256).gives(True))


def times():
    for mode, name in MODES:
        yield Case(f"{name}: times of a file", [file("f", data=b"d" * 5000)],
                   root.open("f", O_RDWR),
                   root.fallocate(mode, 0, 9000),
                   changes="f.ctime f.mtime" if mode != KEEP else "f.ctime")
        yield Case(f"{name}: takes setuid and setgid away",
                   [file("f", 0o6777, ALICE, data=b"d" * 5000)],
                   bob.open("f", O_RDWR),
                   bob.fallocate(mode, 0, 4096),
                   after={"f": {"mode": 0o777}})


def refused():
    for mode, name in MODES:
        there = [file("f", data=b"d" * 5000)]
        for offset, length in ((0, 0), (0, -1), (-1, 10), (-4096, 4096)):
            yield Case(f"{name}: offset {offset}, length {length}", there, root.open("f", O_RDWR),
                       root.fallocate(mode, offset, length).fails(EINVAL))
        yield Case(
            f"{name}: more than any file can have", there, root.open("f", O_RDWR),
            root.fallocate(mode, (1 << 63) - 4096, 4096).fails(EFBIG)
            if mode != PUNCH else root.fallocate(mode, (1 << 63) - 4096, 8192).fails(EFBIG))
        yield Case(f"{name}: open to read", there, root.open("f", O_RDONLY),
                   root.fallocate(mode, 0, 10).fails(EBADF))
        yield Case(f"{name}: not open", [], root.bad_fd(), root.fallocate(mode, 0, 10).fails(EBADF))
        yield Case(f"{name}: a FIFO", [thing("fifo", "p")], root.open("p", O_RDWR),
                   root.fallocate(mode, 0, 10).fails(ESPIPE))
        yield Case(f"{name}: a directory", [folder("d")], root.open("d", O_RDONLY),
                   root.fallocate(mode, 0, 10).fails(EBADF))
        yield Case(f"{name}: a device", [thing("char", "x", 0o666)], root.open("x", O_RDWR),
                   root.fallocate(mode, 0, 10).fails(ENODEV))
    for mode in (FALLOC_PUNCH_HOLE, FALLOC_PUNCH_HOLE | ZERO, PUNCH | ZERO, 0x1000):
        yield Case(f"no such mode: {mode:#x}", [file("f", data=b"d" * 5000)],
                   root.open("f", O_RDWR),
                   root.fallocate(mode, 0, 4096).fails(EOPNOTSUPP, EINVAL))
    for mode, name, size in ((FALLOC_COLLAPSE_RANGE, "collapse", 8192), (FALLOC_INSERT_RANGE,
                                                                         "insert", 16384)):
        yield Case(f"{name} range, which a file system may lack", [file("f", data=b"d" * 12288)],
                   root.open("f", O_WRONLY),
                   root.fallocate(mode, 4096, 4096),
                   after={"f": {"size": size}},
                   optional=True)
    yield Case("an append-only descriptor allocates", [file("f")],
               root.open("f", O_WRONLY | O_APPEND),
               root.fallocate(0, 0, 100),
               after={"f": {"size": 100}})
