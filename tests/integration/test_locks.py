"""flock and fcntl locks between two mounts, and what becomes of them when somebody dies."""
import errno
import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from cluster import SANITIZED, run, wait_for
from lock_process import LockProcess

TTL = ("--session-ttl", "4s")
TIMES = 100 if SANITIZED else 500


class Locks:
    """Two mounts, a file, and processes on either of them."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.a = cluster.mounts.get("a") or cluster.mount("a")
        self.b = cluster.mounts.get("b") or cluster.mount("b")
        self._processes = []
        self._files = 0

    def file(self, content=b""):
        """The name of a new file, that both mounts see."""
        self._files += 1
        name = f"locked{self._files}-{id(self)}"
        (self.a / name).write_bytes(content)
        wait_for(lambda: (self.b / name).exists(), f"{name} on the other mount")
        return name

    def process(self, mount, name):
        """A process that has the file open on a mount, and its descriptor."""
        process = LockProcess()
        self._processes.append(process)
        descriptor = process.ask("open", str(mount / name))
        assert descriptor >= 0, os.strerror(-descriptor)
        return process, descriptor

    def list(self, *arguments):
        result = self.cluster.weft("locks", *arguments, "--server", self.cluster.server, "--json")
        return json.loads(result.stdout)["locks"]

    def states(self, name):
        return [lock["state"] for lock in self.list() if lock["path"] == f"/{name}"]

    def wait_states(self, name, *states):
        wait_for(lambda: self.states(name) == list(states), f"{name} is {states}")

    def end(self):
        for process in self._processes:
            process.end()


@pytest.fixture
def locks(shared):
    made = Locks(shared)
    yield made
    made.end()


@pytest.fixture
def own_locks(make_cluster):
    """On a cluster whose sessions expire soon, for tests that kill."""
    made = Locks(make_cluster(metadata_options=TTL).start())
    yield made
    made.end()


def test_flock_between_mounts(locks):
    name = locks.file()
    one, f = locks.process(locks.a, name)
    two, g = locks.process(locks.b, name)
    assert one.ask("flock", f, "shared") is None
    assert two.ask("flock", g, "shared") is None
    assert two.ask("flock", g, "exclusive") == -errno.EAGAIN  # and its shared lock is gone
    assert one.ask("flock", f, "exclusive") is None
    assert two.ask("flock", g, "shared") == -errno.EAGAIN
    assert one.ask("setlk", f, "write") is None  # the other kind knows nothing of it
    assert one.ask("close", f) is None
    assert two.ask("flock", g, "exclusive", True) is None


def test_fcntl_ranges_between_mounts(locks):
    name = locks.file()
    one, f = locks.process(locks.a, name)
    two, g = locks.process(locks.b, name)
    assert one.ask("setlk", f, "write", 10, 10) is None
    assert two.ask("setlk", g, "write", 0, 10) is None
    assert two.ask("setlk", g, "read", 15, 1) == -errno.EAGAIN
    assert two.ask("getlk", g, "read", 0, 0) == ["write", 10, 10, 0]  # a process elsewhere: 0
    third, h = locks.process(locks.a, name)
    assert third.ask("getlk", h, "read", 12, 1) == ["write", 10, 10, one.ask("pid")]
    assert one.ask("setlk", f, "unlock", 12, 2) is None
    assert two.ask("setlk", g, "write", 12, 2) is None
    assert two.ask("getlk", g, "read", 14, 0) == ["write", 14, 6, 0]
    assert one.ask("setlk", f, "read", 14, 6) is None
    assert two.ask("setlk", g, "read", 14, 6) is None
    assert one.ask("close", f) is None
    assert two.ask("setlk", g, "write", 0, 0) is None


def test_closing_any_descriptor_gives_up_fcntl_locks_but_not_ofd_locks(locks):
    name = locks.file()
    one, f = locks.process(locks.a, name)
    two, g = locks.process(locks.b, name)
    assert one.ask("setlk", f, "write", 0, 1) is None
    assert one.ask("setlk", f, "write", 5, 1, False, True) is None
    other = one.ask("open", str(locks.a / name), os.O_RDONLY)
    assert two.ask("setlk", g, "write", 0, 1) == -errno.EAGAIN
    assert one.ask("close", other) is None
    assert two.ask("setlk", g, "write", 0, 1) is None
    assert two.ask("setlk", g, "write", 5, 1) == -errno.EAGAIN
    assert one.ask("close", f) is None
    assert two.ask("setlk", g, "write", 5, 1, True) is None


@pytest.mark.parametrize("kind", ("flock", "fcntl"))
def test_a_wait_is_granted_listed_and_interrupted(locks, kind):
    name = locks.file()
    one, f = locks.process(locks.a, name)
    two, g = locks.process(locks.b, name)
    third, h = locks.process(locks.b, name)
    take = ("flock", "exclusive") if kind == "flock" else ("setlk", "write", 0, 0)
    give = ("flock", "unlock") if kind == "flock" else ("setlk", "unlock", 0, 0)
    wait = lambda fd: (take[0], fd, *take[1:], True)  # noqa: E731
    assert one.ask(take[0], f, *take[1:]) is None
    two.start(*wait(g))
    locks.wait_states(name, "held", "waiting")
    third.start(*wait(h))
    locks.wait_states(name, "held", "waiting", "waiting")
    listed = locks.list(locks.a / name)
    assert [lock["kind"] for lock in listed] == [kind] * 3
    assert {lock["mount_point"] for lock in listed} == {str(locks.a.path), str(locks.b.path)}
    two.signal()
    assert two.answer() == -errno.EINTR
    locks.wait_states(name, "held", "waiting")
    assert one.ask(give[0], f, *give[1:]) is None
    assert third.answer() is None
    locks.wait_states(name, "held")
    assert two.ask(take[0], g, *take[1:]) == -errno.EAGAIN


def test_deadlock_over_two_mounts_is_told(locks):
    name, other = locks.file(), locks.file()
    one, f = locks.process(locks.a, name)
    two, g = locks.process(locks.b, name)
    one_other = one.ask("open", str(locks.a / other))
    two_other = two.ask("open", str(locks.b / other))
    assert one.ask("setlk", f, "write") is None
    assert two.ask("setlk", two_other, "write") is None
    one.start("setlk", one_other, "write", 0, 0, True)
    locks.wait_states(other, "held", "waiting")
    assert two.ask("setlk", g, "write", 0, 0, True) == -errno.EDEADLK
    assert two.ask("close", two_other) is None
    assert one.answer() is None


def test_many_waits_leave_the_mount_usable(locks):
    """More than the mount has threads."""
    name = locks.file(b"x")
    one, f = locks.process(locks.a, name)
    assert one.ask("flock", f, "exclusive") is None
    waiters = [locks.process(locks.b, name) for _ in range(80)]
    for process, descriptor in waiters:
        process.start("flock", descriptor, "exclusive", True)
    locks.wait_states(name, "held", *["waiting"] * len(waiters))
    assert (locks.b / name).read_bytes() == b"x"
    assert one.ask("close", f) is None
    left = dict(waiters)
    while left:  # in the order in which the requests came, whichever that was
        for process in select.select(list(left), [], [])[0]:
            assert process.answer() is None
            assert process.ask("close", left.pop(process)) is None


@pytest.mark.parametrize("kind", ("flock", "fcntl"))
def test_a_counter_loses_nothing(locks, kind):
    name = locks.file()
    processes = [locks.process(mount, name) for mount in (locks.a, locks.b, locks.a, locks.b)]
    for process, descriptor in processes:
        process.start("count", descriptor, TIMES, kind)
    for process, _ in processes:
        assert process.answer() is None
    assert int((locks.a / name).read_bytes()) == TIMES * len(processes)


def test_records_appended_under_a_lock_are_all_there(locks):
    """Past the bound of inline files, so that the content moves to chunks meanwhile."""
    name = locks.file()
    processes = [locks.process(mount, name) for mount in (locks.a, locks.b)]
    for number, (process, descriptor) in enumerate(processes):
        process.start("append", descriptor, TIMES, f"process-{number}-" + "x" * 60)
    for process, _ in processes:
        assert process.answer() is None
    lines = (locks.a / name).read_text().splitlines()
    for number in range(len(processes)):
        start = f"process-{number}-"
        mine = [line for line in lines if line.startswith(start)]
        assert [int(line.split()[-1]) for line in mine] == list(range(TIMES))
    assert len(lines) == TIMES * len(processes)


def test_a_killed_process_gives_up_its_locks(locks):
    name = locks.file()
    one, f = locks.process(locks.a, name)
    two, g = locks.process(locks.b, name)
    third, h = locks.process(locks.a, name)
    assert one.ask("flock", f, "exclusive") is None
    assert one.ask("setlk", f, "write") is None
    third.start("flock", h, "exclusive", True)  # it waits, and is killed, too
    locks.wait_states(name, "held", "waiting", "held")
    third.kill()
    locks.wait_states(name, "held", "held")
    two.start("flock", g, "exclusive", True)
    locks.wait_states(name, "held", "waiting", "held")
    one.kill()
    assert two.answer() is None
    assert two.ask("setlk", g, "write", 0, 0, True) is None


def test_a_killed_mount_gives_up_its_locks_with_its_session(own_locks):
    name = own_locks.file()
    one, f = own_locks.process(own_locks.a, name)
    two, g = own_locks.process(own_locks.b, name)
    assert one.ask("flock", f, "exclusive") is None
    two.start("flock", g, "exclusive", True)
    own_locks.wait_states(name, "held", "waiting")
    own_locks.a.program.kill()
    assert two.answer() is None
    own_locks.a.detach()


def test_locks_outlive_a_restart_of_the_server(own_locks):
    name = own_locks.file()
    one, f = own_locks.process(own_locks.a, name)
    two, g = own_locks.process(own_locks.b, name)
    third, h = own_locks.process(own_locks.b, name)
    assert one.ask("setlk", f, "write", 0, 10) is None
    assert one.ask("flock", f, "shared") is None
    two.start("setlk", g, "write", 0, 5, True)
    own_locks.wait_states(name, "held", "held", "waiting")
    own_locks.cluster.restart(own_locks.cluster.metadata)
    assert third.ask("setlk", h, "write", 9, 1) == -errno.EAGAIN
    assert third.ask("flock", h, "exclusive") == -errno.EAGAIN
    assert third.ask("setlk", h, "write", 10, 1) is None
    own_locks.wait_states(name, "held", "held", "held", "waiting")
    assert one.ask("setlk", f, "unlock", 0, 5) is None
    assert two.answer() is None


def test_a_lock_that_was_lost_with_its_session_is_told(own_locks):
    """A mount that the cluster has given up must not go on as if it had its lock."""
    name = own_locks.file(b"0123456789")
    one, f = own_locks.process(own_locks.a, name)
    two, g = own_locks.process(own_locks.b, name)
    assert one.ask("setlk", f, "write") is None
    own_locks.a.program.signal(signal.SIGSTOP)
    assert two.ask("setlk", g, "write", 0, 0, True) is None
    assert two.ask("write", g, "XX", 0) == 2
    own_locks.a.program.signal(signal.SIGCONT)
    wait_for(lambda: one.ask("setlk", f, "read", 0, 1) == -errno.EIO, "the lost lock is told")
    assert one.ask("write", f, "YY", 4) == -errno.EIO
    assert one.ask("close", f) is None
    f = one.ask("open", str(own_locks.a / name))
    assert one.ask("setlk", f, "write") == -errno.EAGAIN
    assert two.ask("close", g) is None
    assert one.ask("setlk", f, "write", 0, 0, True) is None
    assert one.ask("read", f, 10, 0) == "XX23456789"


def test_flock_command(locks):
    name = locks.file()
    holder, f = locks.process(locks.a, name)
    assert holder.ask("flock", f, "exclusive") is None
    busy = run("flock", "--nonblock", locks.b / name, "true", check=False)
    assert busy.returncode == 1
    late = run("flock", "--wait", "1", locks.b / name, "true", check=False)
    assert late.returncode == 1
    with subprocess.Popen(["flock", str(locks.b / name), "echo", "mine"], stdout=subprocess.PIPE,
                          text=True) as waits:
        locks.wait_states(name, "held", "waiting")
        assert holder.ask("close", f) is None
        assert waits.communicate()[0] == "mine\n"


def test_sqlite_from_two_mounts(locks):
    """Each adds to one row, in transactions of its own; nothing is lost and nothing is damaged."""
    name = locks.file()
    times = TIMES // 10
    with sqlite3.connect(locks.a / name) as database:
        database.execute("create table counter (value integer)")
        database.execute("insert into counter values (0)")
    database.close()
    script = (
        "import sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\n"
        f"for _ in range({times}):\n"
        "    database.execute('begin immediate')\n"
        "    database.execute('update counter set value = value + 1')\n"
        "    database.execute('commit')\n")
    failures = []

    def add(mount):
        try:
            run(sys.executable, "-c", script, mount / name)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=add, args=[mount]) for mount in (locks.a, locks.b)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    database = sqlite3.connect(locks.b / name)
    assert database.execute("select value from counter").fetchone() == (2 * times,)
    assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()


def test_local_locks_are_those_of_the_mount(make_cluster):
    cluster = make_cluster().start()
    mount = cluster.mount("a", "-o", "locks=local")
    cluster.mount("b")
    locks = Locks(cluster)
    name = locks.file()
    try:
        one, f = locks.process(mount, name)
        two, g = locks.process(locks.b, name)
        third, h = locks.process(mount, name)
        assert one.ask("flock", f, "exclusive") is None
        assert two.ask("flock", g, "exclusive") is None
        assert third.ask("flock", h, "exclusive") == -errno.EAGAIN
    finally:
        locks.end()
