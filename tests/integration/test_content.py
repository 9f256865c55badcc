"""Bytes of files on one mount: every size, random access against a model, and the ways to write."""
import errno
import mmap
import os
import pathlib

import pytest

from cluster import BLOCK, CHUNK, INLINE_MAX, MIB, SANITIZED, run, wait_for
from files import (EDGE_SIZES, check_file, check_file_soon, check_same_tree, copy_some, read_file,
                   seeded_bytes, write_file)
from model_file import ModelFile, punch_hole


def test_every_size_survives_a_remount(home, mount_a):
    for size in EDGE_SIZES:
        write_file(home / f"f{size}", seeded_bytes(size, size))
    for _ in range(2):
        for size in EDGE_SIZES:
            assert (home / f"f{size}").stat().st_size == size
            check_file(home / f"f{size}", seeded_bytes(size, size))
        mount_a.remount()


def test_copy_and_compare_a_tree(home, mount_a, scratch):
    source = scratch / "tree"
    copy_some(pathlib.Path("/usr/share/doc"), source, (8 if SANITIZED else 40) * MIB)
    run("cp", "-a", source, home / "copy", timeout=600)
    check_same_tree(source, home / "copy")
    mount_a.remount()
    check_same_tree(source, home / "copy")
    run("rm", "-r", home / "copy", timeout=600)
    assert os.listdir(home) == []


@pytest.mark.parametrize("number", range(4))
def test_random_access_agrees_with_a_model(home, mount_a, rng, number):
    file = ModelFile(home / "model", rng)
    for step in range(60 if SANITIZED else 250):
        file.step()
        if step % 20 == 19:
            file.check()
    file.check()
    file.close()
    mount_a.remount()
    check_file(home / "model", bytes(file.model))


def test_two_mounts_see_each_other(home, mount_a, mount_b, rng):
    """One writes and closes, then the other reads, in turns."""
    other_home = mount_b.path / home.name
    model = bytearray()
    write_file(home / "f", b"")
    for _ in range(10 if SANITIZED else 30):
        writer, reader = rng.sample((home, other_home), 2)
        offset = min(len(model), rng.choice((0, BLOCK, INLINE_MAX - 1, CHUNK - 1, len(model))))
        data = rng.randbytes(rng.choice((1, BLOCK, INLINE_MAX, 50_000, CHUNK + 3)))
        check_file_soon(writer / "f", bytes(model))
        with open(writer / "f", "r+b", buffering=0) as file:
            file.seek(offset)
            assert file.write(data) == len(data)
        model[offset:offset + len(data)] = data
        check_file_soon(reader / "f", bytes(model))


def test_two_mounts_move_one_file_to_chunks(home, mount_a, mount_b, rng):
    """Both have it open and write beyond the inline bound: neither loses a byte, nor an error comes."""
    other_home = mount_b.path / home.name
    for number in range(8 if SANITIZED else 25):
        name = f"f{number}"
        model = bytearray(seeded_bytes(number, 3000))
        write_file(home / name, bytes(model))
        files = [open(place / name, "r+b", buffering=0) for place in (home, other_home)]
        # Each has places of its own, within the inline bytes and beyond.
        writes = [(which, (2 * at + which) * 100) for which in (0, 1) for at in range(15)]
        writes += [(which, (1 + which + 2 * at) * CHUNK) for which in (0, 1) for at in range(2)]
        rng.shuffle(writes)
        for which, offset in writes:
            data = rng.randbytes(rng.choice((1, 50, 100)))
            assert os.pwrite(files[which].fileno(), data, offset) == len(data)
            model.extend(bytes(max(0, offset + len(data) - len(model))))
            model[offset:offset + len(data)] = data
            if rng.random() < 0.1:
                os.fsync(files[which].fileno())
        for file in rng.sample(files, 2):
            file.close()
        check_file_soon(home / name, bytes(model))
        check_file_soon(other_home / name, bytes(model))


def test_appends_through_two_descriptors(home):
    """O_APPEND writes go to the end at that moment."""
    first = os.open(home / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    second = os.open(home / "log", os.O_WRONLY | os.O_APPEND)
    expected = b""
    for number in range(200):
        line = f"{number} {'x' * (number * 7 % 900)}\n".encode()
        os.write((first, second)[number % 2], line)
        expected += line
    os.close(first)
    os.close(second)
    check_file(home / "log", expected)


def test_a_shrink_loses_its_bytes_for_ever(home):
    """Bytes past a shrink read as zeros when the file grows again."""
    for keep in (1, 100, BLOCK, INLINE_MAX, INLINE_MAX + 1, CHUNK - 1, CHUNK, CHUNK + 1):
        path = home / f"f{keep}"
        write_file(path, b"\xff" * (2 * CHUNK + 5))
        os.truncate(path, keep)
        os.truncate(path, 3 * CHUNK)
        check_file(path, b"\xff" * keep + bytes(3 * CHUNK - keep))


def test_sparse_files(home, mount_a):
    far = 3 * 1024 * 1024 * MIB + 17
    with open(home / "sparse", "wb", buffering=0) as file:
        file.seek(far)
        file.write(b"end")
        file.seek(5 * CHUNK)
        file.write(b"middle")
    mount_a.remount()
    status = (home / "sparse").stat()
    assert status.st_size == far + 3
    assert status.st_blocks * 512 < 8 * CHUNK
    with open(home / "sparse", "rb", buffering=0) as file:
        assert file.read(4096) == bytes(4096)
        assert os.pread(file.fileno(), 8, 5 * CHUNK - 1) == b"\0middle\0"
        assert os.pread(file.fileno(), 100, far - 2) == b"\0\0end"


def test_st_blocks_tell_the_space_that_is_used(home, mount_a):
    """Also where it does not follow the size: preallocated, overwritten and punched."""
    with open(home / "f", "wb", buffering=0) as file:
        def used():
            os.fsync(file.fileno())
            return (home / "f").stat().st_blocks * 512

        os.posix_fallocate(file.fileno(), 0, 16 * CHUNK)
        for _ in range(2):  # the second time takes no more space
            os.pwrite(file.fileno(), seeded_bytes(1, 3 * CHUNK), 5 * CHUNK + BLOCK)
        wait_for(lambda: used() == 3 * CHUNK, "st_blocks of what was written")
        os.pwrite(file.fileno(), b"x", 0)
        wait_for(lambda: used() == 3 * CHUNK + BLOCK, "st_blocks of one more block")
        punch_hole(file.fileno(), 6 * CHUNK, CHUNK)
        wait_for(lambda: used() == 2 * CHUNK + BLOCK, "st_blocks after a hole was punched")
    mount_a.remount()
    assert (home / "f").stat().st_blocks * 512 == 2 * CHUNK + BLOCK


def test_a_size_beyond_the_limit_is_refused(home):
    with open(home / "f", "wb", buffering=0) as file:
        with pytest.raises(OSError) as error:
            os.ftruncate(file.fileno(), (1 << 62))
        assert error.value.errno in (errno.EFBIG, errno.EINVAL)
    assert (home / "f").stat().st_size == 0


def test_memory_mapped(home, mount_a):
    path = home / "mapped"
    write_file(path, seeded_bytes(1, 3 * CHUNK))
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        assert memory[CHUNK - 2:CHUNK + 2] == seeded_bytes(1, 3 * CHUNK)[CHUNK - 2:CHUNK + 2]
        memory[CHUNK - 5:CHUNK + 5] = b"0123456789"
        memory[:3] = b"abc"
        memory.flush()
    expected = bytearray(seeded_bytes(1, 3 * CHUNK))
    expected[CHUNK - 5:CHUNK + 5] = b"0123456789"
    expected[:3] = b"abc"
    mount_a.remount()
    check_file(path, bytes(expected))


def test_direct_io(home):
    path = home / "direct"
    size = 2 * CHUNK
    memory = mmap.mmap(-1, size)
    memory.write(seeded_bytes(2, size))
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    try:
        assert os.pwritev(fd, [memory], 0) == size
        assert os.pwritev(fd, [memoryview(memory)[:BLOCK]], CHUNK - BLOCK) == BLOCK
        read_back = mmap.mmap(-1, size)
        assert os.preadv(fd, [read_back], 0) == size
    finally:
        os.close(fd)
    expected = bytearray(seeded_bytes(2, size))
    expected[CHUNK - BLOCK:CHUNK] = expected[:BLOCK]
    assert read_back[:] == expected
    check_file(path, bytes(expected))


def test_read_and_write_at_the_end(home):
    write_file(home / "f", b"12345")
    with open(home / "f", "r+b", buffering=0) as file:
        assert os.pread(file.fileno(), 10, 3) == b"45"
        assert os.pread(file.fileno(), 10, 5) == b""
        assert os.pread(file.fileno(), 10, 500) == b""
        os.pwrite(file.fileno(), b"", 100)
    assert read_file(home / "f") == b"12345"


def test_writers_of_different_parts_do_not_disturb_each_other(home, rng):
    """Eight threads write pieces of one file that share blocks and chunks."""
    import concurrent.futures
    size, piece = 3 * CHUNK, 10_007
    data = rng.randbytes(size)
    pieces = list(range(0, size, piece))
    rng.shuffle(pieces)
    write_file(home / "f", b"")

    def write_some(offsets):
        with open(home / "f", "r+b", buffering=0) as file:
            for offset in offsets:
                part = data[offset:offset + piece]
                assert os.pwrite(file.fileno(), part, offset) == len(part)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(write_some, [pieces[i::8] for i in range(8)]))
    check_file(home / "f", data)
