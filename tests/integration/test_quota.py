"""Quotas of directory trees, through real mounts: EDQUOT, df, borders, walks that are interrupted."""
import errno
import json
import os
import sys
import threading

import pytest

from cluster import MIB, run, wait_for
from files import check_file, seeded_bytes, write_file

DIRECTORY = 4096  # what a directory uses


def quotas(cluster, directory):
    """Nearest first."""
    answer = cluster.weft("quota", "get", directory, "--json").stdout
    return json.loads(answer)["quotas"]


def quotas_below(cluster, directory):
    return json.loads(cluster.weft("quota", "list", directory, "--json").stdout)["quotas"]


def set_quota(cluster, directory, *limits):
    cluster.weft("quota", "set", directory, *limits)


def wait_counted(cluster, directory):
    wait_for(lambda: quotas(cluster, directory)[0]["state"] == "active", f"{directory} is counted")
    return quotas(cluster, directory)[0]


def refused(action, *arguments):
    """The errno that a call fails with; 0: it does not."""
    try:
        action(*arguments)
    except OSError as error:
        return error.errno
    return 0


def count(top):
    """Inodes at and below a directory."""
    return 1 + sum(len(names) + len(files) for _, names, files in os.walk(top))


def populate(top, directories=20, files=10):
    for number in range(directories):
        os.makedirs(top / f"d{number}")
        for name in range(files):
            write_file(top / f"d{number}" / f"f{name}", b"x" * (number * 40))


def test_files_and_bytes_are_limited_and_df_tells(shared, mount_a, home):
    os.mkdir(home / "q")
    set_quota(shared, home / "q", "--bytes", "20MiB", "--inodes", "10")
    for number in range(9):
        write_file(home / "q" / f"f{number}", b"")
    assert refused(write_file, home / "q" / "more", b"") == errno.EDQUOT
    assert refused(os.mkdir, home / "q" / "more") == errno.EDQUOT
    assert refused(os.symlink, "x", home / "q" / "more") == errno.EDQUOT

    dd = run("dd", "if=/dev/zero", f"of={home}/q/f0", "bs=1M", "count=40", check=False)
    assert dd.returncode != 0 and "quota exceeded" in dd.stderr.lower(), dd.stderr
    used = quotas(shared, home / "q")[0]["used_bytes"]
    assert 18 * MIB <= used <= 21 * MIB
    assert os.path.getsize(home / "q" / "f0") >= 18 * MIB
    assert refused(write_file, home / "q" / "f1", seeded_bytes(1, 2 * MIB)) == errno.EDQUOT

    space = os.statvfs(home / "q" / "f3")
    assert space.f_blocks * space.f_frsize in (20 * MIB, used // space.f_frsize * space.f_frsize)
    assert space.f_bavail * space.f_frsize <= max(0, 20 * MIB - used)
    assert (space.f_files, space.f_favail) == (10, 0)
    df = run("df", "--output=itotal,iused,pcent", home / "q").stdout.split()
    assert df[-3:-1] == ["10", "10"]
    assert os.statvfs(home).f_files > 10

    os.unlink(home / "q" / "f0")  # it counts until the server knows that it is open nowhere
    wait_for(lambda: quotas(shared, home / "q")[0]["used_bytes"] < 3 * MIB, "f0 counts no more")
    write_file(home / "q" / "f1", seeded_bytes(1, 2 * MIB))
    check_file(home / "q" / "f1", seeded_bytes(1, 2 * MIB))


def test_small_files_meet_the_limit_at_write(shared, home):
    os.mkdir(home / "q")
    set_quota(shared, home / "q", "--bytes", str(DIRECTORY + 8192))
    write_file(home / "q" / "a", b"a" * 8000)
    with open(home / "q" / "b", "wb", buffering=0) as file:
        assert refused(file.write, b"b" * 1000) == errno.EDQUOT
    assert os.path.getsize(home / "q" / "b") == 0
    check_file(home / "q" / "a", b"a" * 8000)


def test_two_mounts_at_the_limit_never_exceed_it(shared, mount_a, mount_b, home):
    os.mkdir(home / "q")
    set_quota(shared, home / "q", "--inodes", "301")
    there = mount_b.path / home.relative_to(mount_a.path)
    wait_for(lambda: os.path.isdir(there / "q"), "the other mount sees it")
    made = []

    def fill(top, name):
        for number in range(250):
            error = refused(write_file, top / "q" / f"{name}{number}", b"")
            assert error in (0, errno.EDQUOT), error
            if error == 0:
                made.append(number)

    threads = [threading.Thread(target=fill, args=(top, f"{name}-"))
               for name, top in enumerate((home, there, home, there))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 300
    assert len(os.listdir(home / "q")) == 300
    assert quotas(shared, home / "q")[0]["used_inodes"] == 301


def test_set_on_a_tree_that_is_being_changed(shared, home):
    top = home / "q"
    os.mkdir(top)
    populate(top)
    stop = threading.Event()
    failures = []

    def change(name):
        try:
            for number in range(100_000):
                if stop.is_set():
                    return
                own = top / f"d{number % 20}" / f"new {name}"
                os.mkdir(own)
                write_file(own / "file", b"y" * 100)
                os.rename(own, top / f"moved {name} {number}")
                os.link(top / f"moved {name} {number}" / "file", top / f"link {name}")
                os.unlink(top / f"link {name}")
                os.rename(top / f"moved {name} {number}" / "file", top / f"d3/{name} {number}")
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=change, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for _ in range(3):
        set_quota(shared, top, "--inodes", "1000000")
        wait_counted(shared, top)
        shared.weft("quota", "remove", top)
        wait_for(lambda: quotas_below(shared, top) == [], "the quota is gone")
    set_quota(shared, top, "--inodes", "1000000")
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    quota = wait_counted(shared, top)
    assert quota["used_inodes"] == count(top)


def test_nested_quotas_and_borders(shared, home):
    for name in ("q", "q/inner", "other", "other/tree"):
        os.mkdir(home / name)
    populate(home / "q" / "inner", 2, 3)
    write_file(home / "other" / "tree" / "file", b"z" * 3000)
    set_quota(shared, home / "q" / "inner", "--inodes", "100")
    set_quota(shared, home / "q", "--inodes", "13")
    wait_counted(shared, home / "q" / "inner")
    wait_counted(shared, home / "q")
    assert [quota["used_inodes"] for quota in quotas(shared, home / "q" / "inner")] == [9, 10]

    assert refused(os.rename, home / "other" / "tree", home / "q" / "tree") == errno.EXDEV
    assert refused(os.link, home / "other/tree/file", home / "q" / "link") == errno.EXDEV
    run("mv", home / "other" / "tree", home / "q" / "tree")
    check_file(home / "q" / "tree" / "file", b"z" * 3000)
    wait_for(lambda: quotas(shared, home / "q")[0]["used_inodes"] == 12, "the copy counts")
    os.rename(home / "q" / "tree" / "file", home / "other" / "file")
    assert quotas(shared, home / "q")[0]["used_inodes"] == 11
    for name in ("a", "b"):
        write_file(home / "q" / "inner" / name, b"")
    error = refused(write_file, home / "q" / "inner" / "c", b"")
    assert error == errno.EDQUOT, "of the outer one"

    paths = sorted(quota["path"] for quota in quotas_below(shared, home))
    assert paths == [f"/{home.name}/q", f"/{home.name}/q/inner"]
    shared.weft("quota", "remove", home / "q")
    write_file(home / "q" / "inner" / "c", b"")
    wait_for(lambda: len(quotas(shared, home / "q" / "inner")) == 1, "the outer one is gone")
    assert quotas(shared, home / "q") == []
    no_quota = shared.weft("quota", "remove", home / "q", check=False)
    assert no_quota.returncode == 1 and "no quota of its own" in no_quota.stderr


# The directory is opened before: what is above it belongs to root.
AS_A_USER = """
import json, os, sys
directory = os.open(sys.argv[1], os.O_RDONLY)
os.setgroups([])
os.setgid(1000)
os.setuid(1000)
def refused(action, *arguments):
    try:
        action(directory, *arguments)
    except OSError as error:
        return error.errno
print(json.dumps([refused(os.setxattr, "weft.quota", b'{"limit_inodes": 5}'),
                  refused(os.removexattr, "weft.quota"),
                  json.loads(os.getxattr(directory, "weft.quota"))]))
"""


def test_only_root_changes_quotas(shared, home):
    os.mkdir(home / "q")
    os.chmod(home / "q", 0o777)
    set_quota(shared, home / "q", "--inodes", "100")
    result = run(sys.executable, "-c", AS_A_USER, home / "q")
    changed, removed, seen = json.loads(result.stdout)
    assert (changed, removed) == (errno.EPERM, errno.EPERM)
    assert seen["quotas"][0]["limit_inodes"] == 100


@pytest.mark.parametrize("change", ("set", "remove"))
def test_kill_the_metadata_server_during_a_walk(cluster, change):
    mount = cluster.mount()
    top = mount / "q"
    os.mkdir(top)
    populate(top, 60, 50)
    set_quota(cluster, top, "--inodes", "1000000")
    if change == "remove":
        wait_counted(cluster, top)
        cluster.weft("quota", "remove", top)
    for _ in range(3):
        cluster.restart(cluster.metadata)
        write_file(top / "d59" / "new", b"n" * 100)
    if change == "set":
        quota = wait_counted(cluster, top)
        assert quota["used_inodes"] == count(top)
        cluster.restart(cluster.metadata)
        assert quotas(cluster, top)[0]["used_inodes"] == count(top)
        write_file(top / "one more", b"")
        assert quotas(cluster, top)[0]["used_inodes"] == count(top)
    else:
        wait_for(lambda: quotas_below(cluster, mount.path) == [], "the quota is gone")
        assert quotas(cluster, top) == []


def test_the_command_explains_itself(shared, home):
    for command in ("set", "get", "list", "remove"):
        assert "weft quota" in shared.weft("quota", command, "--help").stdout
    script = shared.weft("completion", "bash").stdout
    assert "weft quota set" in script and "--inodes" in script
    no_limit = shared.weft("quota", "set", home, check=False)
    assert no_limit.returncode == 2 and "--bytes or --inodes" in no_limit.stderr
    no_mount = shared.weft("quota", "set", "/", "--bytes", "1G", check=False)
    assert no_mount.returncode == 1 and "not on a mount of WeftFS" in no_mount.stderr
    assert "no quota" in shared.weft("quota", "get", home).stdout
