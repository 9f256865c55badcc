"""O_APPEND from two mounts at once: no record is lost or torn, also while daemons are killed."""
import os
import threading

import pytest

from cluster import SANITIZED
from files import read_file

RECORDS = 150 if SANITIZED else 500


def record(writer, number, size):
    return (f"{writer}:{number}:".encode()).ljust(size - 1, b".") + b"\n"


class Appender(threading.Thread):
    """Appends numbered records of one length through one mount."""

    def __init__(self, path, name, size, count=RECORDS):
        super().__init__()
        self.path, self.writer, self.size, self.count = path, name, size, count
        self.done, self.error = 0, None
        self.start()

    def run(self):
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            for number in range(self.count):
                data = record(self.writer, number, self.size)
                assert os.write(fd, data) == len(data)
                self.done += 1
                if number % 100 == 99:
                    os.fsync(fd)
            os.close(fd)
        except Exception as error:  # told by check()
            self.error = error


def check(path, appenders):
    """Every record is there once, whole, and each writer's in its order."""
    for appender in appenders:
        appender.join()
        assert appender.error is None, f"{appender.writer}: {appender.error!r}"
    size = appenders[0].size
    data = read_file(path)
    assert len(data) == size * sum(appender.count for appender in appenders)
    next_number = {appender.writer: 0 for appender in appenders}
    for at in range(0, len(data), size):
        writer = data[at:at + size].split(b":")[0].decode()
        assert data[at:at + size] == record(writer, next_number[writer], size), f"record at {at}"
        next_number[writer] += 1
    assert next_number == {appender.writer: appender.count for appender in appenders}


@pytest.mark.parametrize("size", (17, 100, 5000))
def test_two_mounts_append_to_one_file(home, mount_a, mount_b, size):
    elsewhere = mount_b.path / home.name
    appenders = [Appender(place / "log", name, size)
                 for place, name in ((home, "a"), (elsewhere, "b"), (home, "c"), (elsewhere, "d"))]
    check(home / "log", appenders)
    mount_b.remount()
    check(elsewhere / "log", appenders)


def test_appends_go_on_over_restarts(cluster):
    one, two = cluster.mount("one"), cluster.mount("two")
    appenders = [Appender(mount / "log", name, 3001, count=2 * RECORDS)
                 for mount, name in ((one, "a"), (two, "b"))]
    for daemon in (cluster.metadata, *cluster.storage.values(), cluster.metadata):
        cluster.restart(daemon)
    check(one / "log", appenders)
    two.remount()
    check(two / "log", appenders)
