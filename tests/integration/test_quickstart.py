"""deploy/quickstart: start, start again, revive what died, stop, clean. With ports and a directory of its
own, so that it touches nobody's quickstart."""
import contextlib
import fcntl
import os
import signal
import subprocess

import pytest

from cluster import ROOT, Port, environment, is_mounted, run, wait_for
from files import write_file

pytestmark = pytest.mark.release_only  # quickstart always runs build/release


class Quickstart:
    """Runs deploy/quickstart with settings of its own."""

    def __init__(self, directory):
        self.run = directory / "run"
        tree = directory / "tree"
        (tree / "below").mkdir(parents=True)
        for number in range(50):
            write_file(tree / "below" / f"f{number}", os.urandom(number * 777))
        (tree / "link").symlink_to("below/f1")
        self.settings = {
            "QUICKSTART_RUN": str(self.run), "QUICKSTART_CAPACITY": "1GiB",
            "QUICKSTART_TREES": str(tree), "QUICKSTART_FILE_MIB": "24",
            "QUICKSTART_PORT": str(free_port_base())}

    def __call__(self, *arguments, check=True):
        return run(ROOT / "deploy" / "quickstart", *arguments, check=check, timeout=600,
                   env=environment(**self.settings))

    def pid(self, part):
        return int((self.run / "pids" / f"{part}.pid").read_text())


def free_port_base():
    """The first of 14 ports that nobody uses now."""
    for _ in range(100):
        base = Port()
        base.release()
        ports = []
        try:
            for number in (0, 1, 10, 11, 12, 13):
                port = Port.__new__(Port)
                port.take(base.number + number)
                ports.append(port)
            return base.number
        except OSError:
            continue
        finally:
            for port in ports:
                port.release()
    raise AssertionError("no free range of ports")


@contextlib.contextmanager
def locked(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@pytest.fixture
def quickstart(tmp_path):
    tool = Quickstart(tmp_path)
    yield tool
    tool("clean", check=False)
    if is_mounted(tool.run / "mnt"):
        subprocess.run(["umount", "--lazy", str(tool.run / "mnt")], check=False)


def test_whole_life(quickstart):
    """One after the other, since each start takes a while."""
    assert quickstart("status", check=False).returncode == 3

    out = quickstart().stdout
    samples = quickstart.run / "mnt" / "samples"
    assert "all of: storage-1 storage-2 storage-3 storage-4" in out
    assert (samples / "large.bin").stat().st_size == 24 << 20
    assert quickstart("status").returncode == 0
    write_file(quickstart.run / "mnt" / "mine", b"mine")

    pids = {part: quickstart.pid(part) for part in ("metadata", "storage-3", "client")}
    out = quickstart("start").stdout
    assert "started" not in out and "copying" not in out
    assert pids == {part: quickstart.pid(part) for part in pids}

    for part in ("metadata", "storage-3", "client"):
        os.kill(quickstart.pid(part), signal.SIGKILL)
        wait_for(lambda: quickstart("status", check=False).returncode == 3, "status sees it")
        out = quickstart("start").stdout
        assert ("mounted" if part == "client" else f"started {part}") in out
        assert quickstart("status").returncode == 0
        assert (quickstart.run / "mnt" / "mine").read_bytes() == b"mine"

    quickstart("stop")
    assert not is_mounted(quickstart.run / "mnt")
    assert quickstart("status", check=False).returncode == 3
    quickstart("stop")  # again is harmless
    quickstart("start")
    assert (quickstart.run / "mnt" / "mine").read_bytes() == b"mine"

    write_file(quickstart.run / "not-ours", b"")
    quickstart("clean")
    assert os.listdir(quickstart.run) == ["not-ours"]


def test_pids_of_others_are_left_alone(quickstart):
    """A stale pid file that now names somebody else's process."""
    quickstart("start")
    quickstart("stop")
    with subprocess.Popen(["sleep", "600"]) as sleeper:
        try:
            (quickstart.run / "pids" / "metadata.pid").write_text(f"{sleeper.pid}\n")
            quickstart("stop")
            assert sleeper.poll() is None
        finally:
            sleeper.kill()


def test_clean_refuses_data_in_use(quickstart):
    """A daemon that quickstart cannot see, as one that another container has started."""
    quickstart("start")
    for place in ("metadata", "storage-2/lock"):
        quickstart("stop")
        with locked(quickstart.run / "data" / place):
            assert quickstart("clean", check=False).returncode != 0
        quickstart("start")
        assert quickstart("status").returncode == 0


def test_clean_refuses_what_it_did_not_make(quickstart):
    quickstart.run.mkdir()
    write_file(quickstart.run / "precious", b"1")
    assert quickstart("clean", check=False).returncode != 0
    assert quickstart("start", check=False).returncode != 0
    assert os.listdir(quickstart.run) == ["precious"]
