"""`weft mount` and `weft unmount` as people and mount(8) call them."""
import os
import pathlib
import subprocess

import pytest

from cluster import BIN, DEADLINE, Program, environment, is_mounted, run, wait_for
from files import check_file, write_file


@pytest.fixture
def place(shared, request):
    """An empty directory that is not mounted any more afterwards."""
    path = shared.directory / request.node.name
    path.mkdir()
    yield path
    if is_mounted(path):
        subprocess.run(["umount", "--lazy", str(path)], check=False)


def processes_with(word):
    """Pids of weft processes with a word on their command line."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "exe").removesuffix(" (deleted)") == str(BIN / "weft"):
                    if str(word).encode() in (entry / "cmdline").read_bytes():
                        found.append(int(entry.name))
            except OSError:
                continue
    return found


def test_background(shared, place):
    """The command returns when the mount works; unmount ends the process."""
    run(BIN / "weft", "mount", shared.server, place)
    assert is_mounted(place)
    write_file(place / "background", b"1")
    assert processes_with(place)
    run(BIN / "weft", "unmount", place)
    assert not is_mounted(place)
    wait_for(lambda: not processes_with(place), "the client process ends")


def test_as_mount_weft(shared, place):
    """mount(8) calls mount.weft with the options of /etc/fstab."""
    helper = shared.directory / "mount.weft"
    helper.symlink_to(BIN / "weft")
    run(helper, shared.server, place, "-n", "-o", "rw,noatime,nosuid,nodev,_netdev,nofail")
    assert is_mounted(place)
    options = next(line for line in open("/proc/self/mountinfo") if f" {place} " in line).split()[5]
    assert "nosuid" in options and "nodev" in options and "noatime" in options
    write_file(place / "helper", b"1")
    run("umount", place)
    wait_for(lambda: not processes_with(place), "the client process ends")


def test_read_only(shared, mount_a, place):
    write_file(mount_a / "read-only", b"1")
    run(BIN / "weft", "mount", shared.server, place, "-o", "ro")
    wait_for(lambda: (place / "read-only").exists(), "the file", 30)
    check_file(place / "read-only", b"1")
    with pytest.raises(OSError, match="Read-only"):
        write_file(place / "new", b"")
    run(BIN / "weft", "unmount", place)


def test_unknown_options_are_refused(shared, place):
    result = run(BIN / "weft", "mount", shared.server, place, "-o", "no_such_option", check=False)
    assert result.returncode != 0
    assert "no_such_option" in result.stderr
    assert not is_mounted(place)


def test_the_table_shows_what_it_is(shared, mount_a):
    line = next(line for line in open("/proc/mounts") if f" {mount_a.path} " in line)
    source, _, kind = line.split()[:3]
    assert source == shared.server and kind == "fuse.weft"


def test_unmount_of_a_busy_mount_is_refused(shared, place):
    run(BIN / "weft", "mount", shared.server, place)
    with open(place / "open", "w") as file:
        result = run(BIN / "weft", "unmount", place, check=False)
        assert result.returncode != 0
        assert "busy" in result.stderr
        file.write("still works")
    check_file(place / "open", b"still works")
    run(BIN / "weft", "unmount", place)


def test_unmount_of_what_is_not_mounted(place):
    result = run(BIN / "weft", "unmount", place, check=False)
    assert result.returncode != 0
    assert str(place) in result.stderr


def test_sigterm_unmounts(shared, place):
    program = Program("mount-sigterm", [BIN / "weft", "mount", shared.server, place, "-f"],
                      shared.directory)
    program.start()
    wait_for(lambda: is_mounted(place), "mounted")
    write_file(place / "sigterm", b"1")
    program.stop()
    assert not is_mounted(place)


def test_unmount_says_what_it_waits_for(shared, place):
    """A mount that another mount namespace keeps: a message instead of a silent wait."""
    run(BIN / "weft", "mount", shared.server, place)
    keeper = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep",
                               str(DEADLINE)])
    try:
        wait_for(lambda: os.readlink(f"/proc/{keeper.pid}/exe").endswith("sleep"), "the namespace")
        unmount = subprocess.Popen([BIN / "weft", "unmount", place], env=environment(),
                                   stderr=subprocess.PIPE, text=True)
        assert "another mount namespace" in unmount.stderr.readline()
    finally:
        keeper.kill()
        keeper.wait()
    assert unmount.communicate(timeout=DEADLINE) == (None, "")
    assert unmount.returncode == 0
