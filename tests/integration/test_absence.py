"""Servers that are away while a mount is in use: calls wait, then succeed or fail with EIO."""
import errno
import os
import threading
import time

import pytest

from cluster import CHUNK, DEADLINE
from files import check_file, seeded_bytes, write_file


class Call(threading.Thread):
    """A call that runs beside the test."""

    def __init__(self, function, *arguments):
        super().__init__()
        self._function, self._arguments = function, arguments
        self.error = None
        self.start()

    def run(self):
        try:
            self._function(*self._arguments)
        except Exception as error:
            self.error = error

    def finish(self):
        self.join(DEADLINE)
        assert not self.is_alive(), "the call does not end"
        return self.error


def test_calls_wait_for_the_metadata_server(cluster):
    mount = cluster.mount()
    write_file(mount / "f", b"1")
    cluster.metadata.kill()
    calls = [Call(write_file, mount / "g", b"2"), Call(os.mkdir, mount / "d"),
             Call(os.listdir, mount.path), Call(os.rename, mount / "f", mount / "h")]
    time.sleep(1)  # they cannot have ended, however slow the machine is
    assert all(call.is_alive() for call in calls)
    cluster.metadata.start().wait_listening()
    assert [call.finish() for call in calls] == [None] * 4
    assert sorted(os.listdir(mount.path)) == ["d", "g", "h"]
    check_file(mount / "g", b"2")


def test_calls_wait_for_a_storage_server(cluster):
    mount = cluster.mount()
    data = seeded_bytes(1, 4 * CHUNK)
    write_file(mount / "f", data)
    mount.remount()
    for storage in cluster.storage.values():
        storage.kill()
    calls = [Call(check_file, mount / "f", data), Call(write_file, mount / "g", data)]
    time.sleep(1)
    assert all(call.is_alive() for call in calls)
    for storage in cluster.storage.values():
        storage.start().wait_listening()
    assert [call.finish() for call in calls] == [None, None]
    check_file(mount / "g", data)


def expect_eio(call):
    error = call.finish()
    assert isinstance(error, OSError) and error.errno == errno.EIO, error


def test_calls_fail_after_the_io_timeout(cluster):
    """EIO after the time that the user chose, and everything works again afterwards."""
    mount = cluster.mount("a", "-o", "io_timeout=2s")
    data = seeded_bytes(2, 2 * CHUNK)
    write_file(mount / "f", data)
    mount.remount()
    for storage in cluster.storage.values():
        storage.kill()
    expect_eio(Call(check_file, mount / "f", data))
    expect_eio(Call(write_file, mount / "g", data))
    cluster.metadata.kill()
    expect_eio(Call(os.mkdir, mount / "d"))
    for daemon in cluster.daemons:
        daemon.start()
    for daemon in cluster.daemons:
        daemon.wait_listening()
    deadline = time.monotonic() + DEADLINE
    while True:  # the client may notice only with its next try
        try:
            check_file(mount / "f", data)
            write_file(mount / "h", data)
            break
        except OSError as error:
            assert error.errno == errno.EIO and time.monotonic() < deadline, error
    check_file(mount / "h", data)


@pytest.mark.parametrize("size", (100, 3 * CHUNK))
def test_a_lost_write_is_reported_once(cluster, size):
    """What a buffered write could not write out is told by fsync or close, and then forgotten."""
    mount = cluster.mount("a", "-o", "io_timeout=2s")
    fd = os.open(mount / "f", os.O_CREAT | os.O_RDWR)
    for daemon in cluster.daemons:
        daemon.kill()
    with pytest.raises(OSError) as error:
        os.write(fd, bytes(size))
        os.fsync(fd)
    assert error.value.errno == errno.EIO
    for daemon in cluster.daemons:
        daemon.start()
    for daemon in cluster.daemons:
        daemon.wait_listening()
    try:
        os.close(fd)
    except OSError as close_error:
        assert close_error.errno == errno.EIO
    write_file(mount / "g", b"works")
    check_file(mount / "g", b"works")


def test_unmount_while_the_servers_are_away(cluster):
    """An unmount must not hang for ever on servers that do not come back."""
    mount = cluster.mount("a", "-o", "io_timeout=2s")
    write_file(mount / "f", b"1")
    for daemon in cluster.daemons:
        daemon.kill()
    mount.unmount()
