"""A cluster that runs full: clear errors, nothing half-written, and space that comes back."""
import errno
import os

from cluster import CHUNK, MIB, wait_for
from files import check_file, seeded_bytes, write_file


def fill(directory, size):
    """Writes files until there is no space; the numbers of those that were acknowledged."""
    done = []
    for number in range(10_000):
        try:
            write_file(directory / f"f{number}", seeded_bytes(number, size))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
            return done
        done.append(number)
    raise AssertionError("the cluster is never full")


def test_full_and_free_again(make_cluster):
    cluster = make_cluster(nodes=2, capacity="64MiB").start()
    mount = cluster.mount()
    size = 3 * CHUNK + 5
    done = fill(mount.path, size)
    assert len(done) * size > 64 * MIB, f"full after {len(done)} files of 3 MiB"
    write_file(mount / "small", b"inline files still fit")
    for number in done:
        check_file(mount / f"f{number}", seeded_bytes(number, size))
    mount.remount()
    for number in done:
        check_file(mount / f"f{number}", seeded_bytes(number, size))
    free = os.statvfs(mount.path)
    assert free.f_bavail * free.f_frsize < 20 * MIB

    for name in os.listdir(mount.path):
        os.unlink(mount / name)

    def has_space():
        status = os.statvfs(mount.path)
        return status.f_bavail * status.f_frsize > 100 * MIB

    wait_for(has_space, "space given back after removing everything")
    again = fill(mount.path, size)
    assert len(again) >= len(done) * 3 // 4
    for number in again:
        check_file(mount / f"f{number}", seeded_bytes(number, size))


def test_who_only_writes_hears_of_it(make_cluster):
    """Like a daemon that keeps its log open: no fsync, no close."""
    cluster = make_cluster(nodes=2, capacity="64MiB").start()
    mount = cluster.mount()
    block, written, errors = seeded_bytes(1, MIB), 0, []
    with open(mount / "log", "wb", buffering=0) as log:
        while not errors and written < 4096 * MIB:  # far more than there is room and memory for
            try:
                written += log.write(block)
            except OSError as error:
                errors.append(error.errno)
        try:
            os.fsync(log.fileno())
        except OSError as error:
            assert error.errno == errno.ENOSPC
    assert errors == [errno.ENOSPC]


def test_an_overwrite_that_does_not_fit_keeps_the_old_bytes(make_cluster):
    """Each chunk is the old one or the new one, whatever fails."""
    cluster = make_cluster(nodes=1, capacity="32MiB").start()
    mount = cluster.mount()
    old = seeded_bytes(1, 8 * CHUNK)
    write_file(mount / "f", old)
    fill(mount.path, CHUNK)
    new = seeded_bytes(2, 8 * CHUNK)
    fd = os.open(mount / "f", os.O_RDWR)
    try:
        os.write(fd, new)
        os.fsync(fd)
    except OSError as error:
        assert error.errno == errno.ENOSPC
    try:
        os.close(fd)
    except OSError as error:
        assert error.errno == errno.ENOSPC
    mount.remount()
    with open(mount / "f", "rb") as file:
        got = file.read()
    assert len(got) == len(old)
    for start in range(0, len(old), CHUNK):
        part = got[start:start + CHUNK]
        assert part in (old[start:start + CHUNK], new[start:start + CHUNK]), f"mixed at {start}"
