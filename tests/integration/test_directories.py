"""Directories with many entries, and directories that change while they are read."""
import os

import pytest

from cluster import SANITIZED
from empty_files import steps
from files import write_file

MANY = 2_000 if SANITIZED else 20_000


def test_big_directory(home, mount_a):
    names = {f"file-{number:06}" for number in range(MANY)}
    for name in names:
        os.close(os.open(home / name, os.O_CREAT | os.O_WRONLY))
    mount_a.remount()
    assert set(os.listdir(home)) == names
    with os.scandir(home) as entries:
        assert all(entry.stat(follow_symlinks=False).st_size == 0 for entry in entries)
    for name in sorted(names)[::2]:
        os.unlink(home / name)
    assert set(os.listdir(home)) == set(sorted(names)[1::2])


def test_removing_while_reading(home):
    """As rm -r does: every entry is removed as soon as it is read, and none is missed."""
    count = MANY // 4
    for number in range(count):
        write_file(home / f"f{number}", b"")
    removed = 0
    with os.scandir(home) as entries:
        for entry in entries:
            os.unlink(entry.path)
            removed += 1
    assert removed == count
    assert os.listdir(home) == []


def test_what_stays_is_seen_exactly_once(home):
    """Entries come and go during a read; those that were there all the time come once."""
    count = MANY // 4
    stay = {f"m{number:05}" for number in range(count)}
    for name in stay:
        write_file(home / name, b"")
    seen = []
    with os.scandir(home) as entries:
        for number, entry in enumerate(entries):
            seen.append(entry.name)
            if number % 50 == 0:
                write_file(home / f"a{number}", b"")
                write_file(home / f"z{number}", b"")
                os.unlink(home / f"a{number}")
    assert len(seen) == len(set(seen))
    assert stay <= set(seen)


def test_seeking_in_a_directory(home):
    """Reading again from the start shows what is there then."""
    for number in range(500):
        write_file(home / f"f{number}", b"")
    fd = os.open(home, os.O_RDONLY)
    try:
        assert len(os.listdir(fd)) == 500
        write_file(home / "g", b"")
        assert len(os.listdir(fd)) == 501
    finally:
        os.close(fd)


def test_deep_tree(home):
    path = home
    for number in range(60):
        path = path / f"d{number}"
        path.mkdir()
    write_file(path / "leaf", b"leaf")
    assert (path / "leaf").read_bytes() == b"leaf"
    parent = path
    while parent != home:
        assert os.stat(parent / "..").st_ino == os.stat(parent.parent).st_ino
        parent = parent.parent


@pytest.mark.release_only  # a sanitizer's own memory hides ours
def test_memory_for_many_files_is_bounded(make_cluster):
    """100,000 files in one directory: neither the metadata-server nor the client keeps them all."""
    cluster = make_cluster(nodes=1).start()
    for step in steps(cluster, cluster.mount(), 100_000):
        assert step.worst_mib < 500, step
