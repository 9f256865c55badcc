"""Holes and copies on real mounts: SEEK_DATA and SEEK_HOLE, fallocate, copy_file_range."""
import ctypes
import errno
import os

import pytest

from cluster import BLOCK, CHUNK, MIB, SANITIZED, run
from files import check_file, read_file, seeded_bytes, write_file

KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
COLLAPSE_RANGE, INSERT_RANGE = 8, 32
LIBC = ctypes.CDLL(None, use_errno=True)


def fallocate(fd, mode, offset, length):
    if LIBC.fallocate64(fd, mode, ctypes.c_int64(offset), ctypes.c_int64(length)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def data_ranges(fd):
    """What SEEK_DATA and SEEK_HOLE tell of the whole file."""
    ranges, at, size = [], 0, os.fstat(fd).st_size
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            assert error.errno == errno.ENXIO
            break
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        ranges.append((begin, at))
    return ranges


def test_data_and_holes_are_told_in_blocks(home, mount_a, mount_b):
    path = home / "sparse"
    with open(path, "wb", buffering=0) as file:
        for begin, length in ((0, BLOCK), (3 * CHUNK + BLOCK, 2 * CHUNK), (40 * CHUNK, 10)):
            os.pwrite(file.fileno(), b"x" * length, begin)
        os.truncate(path, 60 * CHUNK)
    expected = [(0, BLOCK), (3 * CHUNK + BLOCK, 5 * CHUNK + BLOCK), (40 * CHUNK, 40 * CHUNK + 10)]
    for name in (path, mount_b.path / home.name / "sparse"):
        fd = os.open(name, os.O_RDONLY)
        assert [(b, e) for b, e in data_ranges(fd)][:2] == expected[:2]
        begin, end = data_ranges(fd)[2]
        assert begin == 40 * CHUNK and 40 * CHUNK + 10 <= end <= 40 * CHUNK + BLOCK
        os.close(fd)


def test_cp_keeps_a_sparse_file_sparse(home, mount_a, scratch):
    source = home / "sparse"
    with open(source, "wb") as file:
        file.write(seeded_bytes(1, 2 * MIB))
        file.seek(200 * MIB)
        file.write(seeded_bytes(2, MIB))
    for copy in (home / "copy", scratch / "copy"):
        run("cp", "--sparse=auto", source, copy)
        assert read_file(copy) == read_file(source)
        assert copy.stat().st_blocks * 512 < 20 * MIB
    os.unlink(scratch / "copy")


def test_punched_and_zeroed_ranges_give_their_space_back(home, mount_a):
    path = home / "file"
    model = bytearray(seeded_bytes(3, 16 * CHUNK))
    write_file(path, model)
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    fallocate(fd, PUNCH_HOLE | KEEP_SIZE, CHUNK + 100, 4 * CHUNK)
    model[CHUNK + 100:5 * CHUNK + 100] = bytes(4 * CHUNK)
    fallocate(fd, ZERO_RANGE, 8 * CHUNK, CHUNK)
    model[8 * CHUNK:9 * CHUNK] = bytes(CHUNK)
    fallocate(fd, ZERO_RANGE | KEEP_SIZE, 15 * CHUNK, 9 * CHUNK)
    model[15 * CHUNK:] = bytes(CHUNK)
    check_file(path, bytes(model))
    fallocate(fd, ZERO_RANGE, 16 * CHUNK - 5, 10)
    model.extend(bytes(5))
    check_file(path, bytes(model))
    assert data_ranges(fd)[0][1] <= CHUNK + BLOCK
    os.fsync(fd)
    assert os.fstat(fd).st_blocks * 512 < 12 * CHUNK
    for mode in (COLLAPSE_RANGE, INSERT_RANGE):
        with pytest.raises(OSError) as refused:
            fallocate(fd, mode, 0, CHUNK)
        assert refused.value.errno == errno.EOPNOTSUPP
    os.close(fd)


def test_preallocation_extends_or_keeps_the_size(home, mount_a):
    path = home / "file"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    fallocate(fd, KEEP_SIZE, 0, 10 * CHUNK)
    assert os.fstat(fd).st_size == 0
    os.posix_fallocate(fd, 0, 10 * CHUNK)
    assert os.fstat(fd).st_size == 10 * CHUNK
    assert os.pread(fd, CHUNK, 3 * CHUNK) == bytes(CHUNK)
    space = os.statvfs(home)
    with pytest.raises(OSError) as refused:
        fallocate(fd, 0, 0, space.f_bavail * space.f_frsize + (1 << 30))
    assert refused.value.errno == errno.ENOSPC
    assert os.fstat(fd).st_size == 10 * CHUNK
    os.close(fd)


@pytest.mark.parametrize("shift", (0, 1, BLOCK, 12345))
def test_copy_file_range_copies_every_byte(home, mount_a, mount_b, shift):
    size = (6 if SANITIZED else 24) * CHUNK + 777
    data = seeded_bytes(shift, size)
    write_file(home / "source", data)
    source = os.open(home / "source", os.O_RDONLY)
    target = os.open(home / "target", os.O_RDWR | os.O_CREAT)
    done = 0
    while done < size:
        copied = os.copy_file_range(source, target, size - done, done, shift + done)
        assert copied > 0
        done += copied
    assert os.copy_file_range(source, target, 100, size, 0) == 0
    os.close(source)
    os.fsync(target)
    os.close(target)
    check_file(home / "target", bytes(shift) + data)
    check_file(mount_b.path / home.name / "target", bytes(shift) + data)
    mount_a.remount()
    check_file(home / "target", bytes(shift) + data)


def test_copies_of_what_is_not_written_out_yet(home, mount_a, rng):
    """Source and target are dirty, and the target is changed by copies and writes in turn."""
    source = os.open(home / "source", os.O_RDWR | os.O_CREAT)
    target = os.open(home / "target", os.O_RDWR | os.O_CREAT)
    models = {source: bytearray(4 * CHUNK), target: bytearray(4 * CHUNK)}
    for fd in models:
        os.ftruncate(fd, 4 * CHUNK)
    for _ in range(20 if SANITIZED else 80):
        for fd, model in models.items():
            offset, data = rng.randrange(3 * CHUNK), rng.randbytes(rng.randrange(1, CHUNK))
            os.pwrite(fd, data, offset)
            model[offset:offset + len(data)] = data
        begin, length = rng.randrange(2 * CHUNK), rng.randrange(1, 2 * CHUNK)
        to = rng.randrange(2 * CHUNK)
        done = 0
        while done < length:
            done += os.copy_file_range(source, target, length - done, begin + done, to + done)
        models[target][to:to + length] = models[source][begin:begin + length]
    for fd, model in models.items():
        assert os.pread(fd, 4 * CHUNK, 0) == bytes(model)
        os.close(fd)
    mount_a.remount()
    check_file(home / "target", bytes(models[target]))
    check_file(home / "source", bytes(models[source]))
