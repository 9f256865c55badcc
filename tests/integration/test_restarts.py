"""Daemons and clients killed with kill -9 in the middle of work: nothing acknowledged is lost."""
import json
import os
import signal
import threading
import time

import pytest

from cluster import CHUNK, SANITIZED, wait_for
from files import check_file, first_difference, read_file, seeded_bytes, write_file
from writers import Writers

ROUNDS = 2 if SANITIZED else 4


@pytest.mark.parametrize("victim", ("metadata", "storage", "all"))
def test_kill_a_daemon_in_the_middle_of_writes(cluster, victim):
    mount = cluster.mount()
    writers = Writers(mount.path)
    victims = {"metadata": [cluster.metadata], "storage": list(cluster.storage.values()),
               "all": cluster.daemons}[victim]
    try:
        for round_number in range(ROUNDS):
            writers.wait_progress()
            if victim == "all":
                for daemon in victims:
                    daemon.kill()
                for daemon in victims:
                    daemon.start()
                for daemon in victims:
                    daemon.wait_listening()
            else:
                cluster.restart(victims[round_number % len(victims)])
        writers.wait_progress()
    finally:
        writers.stop()
    writers.check(mount.path)
    mount.remount()
    writers.check(mount.path)


def test_kill_everything_after_writing(cluster):
    """What was closed is there after all daemons and the client were killed."""
    mount = cluster.mount()
    for number, size in enumerate(Writers.SIZES):
        write_file(mount / f"f{number}", seeded_bytes(number, size))
    os.mkdir(mount / "d")
    os.rename(mount / "f1", mount / "d" / "moved")
    for daemon in cluster.daemons:
        daemon.kill()
    mount.kill()
    for daemon in cluster.daemons:
        daemon.start()
    for daemon in cluster.daemons:
        daemon.wait_listening()
    mount.start()
    for number, size in enumerate(Writers.SIZES):
        path = mount / "d" / "moved" if number == 1 else mount / f"f{number}"
        check_file(path, seeded_bytes(number, size))


def test_kill_the_client_in_the_middle_of_writes(cluster):
    """Closed files and fsynced bytes survive; a file in progress has a prefix of what was written."""
    mount = cluster.mount()
    stream = seeded_bytes(99, 4 * CHUNK)
    closed, synced = [], 0
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _write_until_the_mount_dies(mount, stream, writer)
    os.close(writer)
    with os.fdopen(reader, "r") as progress:
        for line in progress:
            kind, value = line.split()
            if kind == "closed":
                closed.append(int(value))
            else:
                synced = int(value)
            if len(closed) == 8 and mount.running:
                mount.program.kill()
    os.waitpid(child, 0)
    assert len(closed) >= 8 and synced > 0
    mount.detach()
    mount.start()
    for number in closed:
        check_file(mount / f"f{number}", seeded_bytes(number, 50_000))
    got = read_file(mount / "stream")
    assert len(got) >= synced
    assert got == stream[:len(got)], first_difference(got, stream[:len(got)])


def _write_until_the_mount_dies(mount, stream, pipe):
    """In the child: writes files and one growing file, tells what is done, ends with the mount."""
    try:
        with open(mount / "stream", "wb", buffering=0) as growing:
            for number in range(10_000):
                piece = 30_011
                offset = number * piece % len(stream)
                if offset + piece <= len(stream) and number * piece < len(stream):
                    os.pwrite(growing.fileno(), stream[offset:offset + piece], offset)
                    os.fsync(growing.fileno())
                    os.write(pipe, f"synced {offset + piece}\n".encode())
                write_file(mount / f"f{number}", seeded_bytes(number, 50_000))
                os.write(pipe, f"closed {number}\n".encode())
    except OSError:
        pass
    finally:
        os._exit(0)


def test_open_files_go_on_after_restarts(cluster):
    """Descriptors, also of unlinked files, work on when the metadata-server comes back."""
    mount = cluster.mount()
    data = seeded_bytes(5, 2 * CHUNK)
    write_file(mount / "kept", data)
    with open(mount / "kept", "r+b", buffering=0) as kept, \
            open(mount / "gone", "w+b", buffering=0) as gone:
        gone.write(data)
        os.unlink(mount / "gone")
        for daemon in cluster.daemons:
            cluster.restart(daemon)
        os.pwrite(kept.fileno(), b"changed", CHUNK)
        os.fsync(kept.fileno())
        assert os.pread(gone.fileno(), len(data), 0) == data
        os.pwrite(gone.fileno(), b"still", 0)
        os.fsync(gone.fileno())
        assert os.pread(gone.fileno(), 5, 0) == b"still"
    check_file(mount / "kept", data[:CHUNK] + b"changed" + data[CHUNK + 7:])


def test_every_open_of_an_unlinked_file_counts_after_a_restart(make_cluster):
    """Closing one descriptor of several does not end the file for the others."""
    cluster = make_cluster(nodes=1, metadata_options=("--session-ttl", "2s")).start()
    mount = cluster.mount()
    data = seeded_bytes(6, 2 * CHUNK)
    write_file(mount / "gone", data)
    modes = (os.O_RDONLY, os.O_RDONLY, os.O_RDWR, os.O_RDWR)
    descriptors = [os.open(mount / "gone", mode) for mode in modes]
    os.unlink(mount / "gone")
    cluster.metadata.kill()
    cluster.metadata.start().wait_listening()

    def status():
        return json.loads(cluster.weft("status", "--server", cluster.server, "--json").stdout)

    wait_for(lambda: [session["open_files"] for session in status()["sessions"]] == [1],
             "the mount to report what it has open")
    time.sleep(4)  # what is forgotten is deleted once the grace period, a TTL, is over
    while len(descriptors) > 1:
        os.close(descriptors.pop())
        time.sleep(1)  # the kernel tells of a close later
        assert status()["inodes"] == 2, f"deleted while {len(descriptors)} are open"
        os.posix_fadvise(descriptors[0], 0, 0, os.POSIX_FADV_DONTNEED)
        assert os.pread(descriptors[0], len(data), 0) == data
    os.close(descriptors.pop())
    wait_for(lambda: status()["inodes"] == 1, "its deletion")


def test_an_open_after_a_restart_is_counted_once(make_cluster):
    """Also where the mount reports it, too: with the last close the file is gone."""
    cluster = make_cluster(nodes=1, metadata_options=("--session-ttl", "6s")).start()
    mount = cluster.mount()
    for name in ("marker", "gone"):
        write_file(mount / name, name.encode())
    marker, before = os.open(mount / "marker", os.O_RDONLY), os.open(mount / "gone", os.O_RDWR)
    cluster.metadata.kill()
    cluster.metadata.start().wait_listening()
    after = os.open(mount / "gone", os.O_RDWR)

    def status():
        return json.loads(cluster.weft("status", "--server", cluster.server, "--json").stdout)

    wait_for(lambda: [session["open_files"] for session in status()["sessions"]] == [2],
             "the mount to report what it has open")
    os.unlink(mount / "gone")
    os.close(before)
    os.close(after)
    wait_for(lambda: status()["inodes"] == 2, "the deletion of the file")
    os.close(marker)


def test_graceful_restart_of_everything(cluster):
    """SIGTERM of all daemons, in the order of an impatient person, and a new start."""
    mount = cluster.mount()
    write_file(mount / "f", seeded_bytes(6, 3 * CHUNK))
    for daemon in cluster.daemons:
        daemon.stop()
    for daemon in reversed(cluster.daemons):  # storage-servers wait for their metadata-server
        daemon.start()
    for daemon in cluster.daemons:
        daemon.wait_listening()
    check_file(mount / "f", seeded_bytes(6, 3 * CHUNK))
    write_file(mount / "g", seeded_bytes(7, 3 * CHUNK))
    mount.remount()
    check_file(mount / "g", seeded_bytes(7, 3 * CHUNK))


def test_writes_without_an_answer_do_not_come_late(cluster):
    """They wait in the stopped daemon; when it goes on they must not overwrite newer bytes."""
    mount = cluster.mount("a", "-o", "io_timeout=1s")
    path = mount / "f"
    write_file(path, seeded_bytes(0, 8 * CHUNK))
    victim = next(iter(cluster.storage.values()))

    def rewrite(data):
        try:
            with open(path, "r+b", buffering=0) as file:
                assert file.write(data) == len(data)
                os.fsync(file.fileno())
        except OSError:
            return False
        return True

    for round_number in range(1, ROUNDS + 1):
        victim.signal(signal.SIGSTOP)
        try:
            assert not rewrite(seeded_bytes(100 + round_number, 8 * CHUNK))
        finally:
            victim.signal(signal.SIGCONT)
        newer = seeded_bytes(200 + round_number, 8 * CHUNK)
        wait_for(lambda data=newer: rewrite(data), "the daemon takes writes again")
        mount.remount()
        check_file(path, newer)


def test_a_stopped_daemon_is_waited_for(cluster):
    """A storage-server that hangs (SIGSTOP) delays calls; they succeed when it goes on."""
    mount = cluster.mount()
    data = seeded_bytes(8, 4 * CHUNK)
    victim = next(iter(cluster.storage.values()))
    victim.signal(signal.SIGSTOP)
    result = []
    worker = threading.Thread(target=lambda: result.append(write_file(mount / "f", data)))
    worker.start()
    worker.join(2)
    victim.signal(signal.SIGCONT)
    worker.join()
    assert len(result) == 1
    mount.remount()
    check_file(mount / "f", data)
