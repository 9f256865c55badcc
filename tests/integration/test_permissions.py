"""Permissions, ACLs and what follows from them, as several users see them, on a mount and on a local
file system: the same verdict is expected of both, so that the tests themselves are checked."""
import errno
import os
import stat
import subprocess

import pytest

from cluster import run, wait_for
from files import read_file, write_file

pytestmark = pytest.mark.usefixtures("need_root")

ALICE, BOB, CAROL = 4321, 4322, 4323
SHARED, OTHERS = 5001, 5002


@pytest.fixture(scope="module")
def need_root():
    assert os.geteuid() == 0, "these tests become other users"


@pytest.fixture(scope="module")
def open_mount(shared, scratch):
    # Users must be able to reach the mount: the scratch directory is closed to others.
    scratch.chmod(0o755)
    return shared.mount("open", "-o", "allow_other")


@pytest.fixture(params=["weft", "local"])
def place(request, open_mount, scratch):
    """An empty directory that everybody may use, on the mount and on a local file system."""
    name = request.node.name.replace("[", "-").replace("]", "")
    if request.param == "weft":
        path = open_mount / name
    else:
        path = scratch / "local" / name
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)
    path.mkdir()
    path.chmod(0o777)
    return path


def as_user(uid, action, groups=(), gid=None, umask=0o022):
    """The errno of action() in a child with that user and these groups; 0 where it went well."""
    child = os.fork()
    if child == 0:
        code = 255
        try:
            gid = uid if gid is None else gid
            os.setgroups(list(groups))
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.umask(umask)
            action()
            code = 0
        except OSError as error:
            code = error.errno
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def opening(path, flags):
    return lambda: os.close(os.open(path, flags, 0o666))


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def chown_to(path, uid, gid, mode):
    os.chown(path, uid, gid)
    os.chmod(path, mode)


def getfacl(path):
    """Entries of an ACL, without comments."""
    lines = run("getfacl", "--omit-header", "--numeric", "--absolute-names", path).stdout.split("\n")
    return [line.split("\t")[0] for line in lines if line]


def test_classes_and_supplementary_groups(place):
    write_file(place / "f", b"x")
    chown_to(place / "f", ALICE, SHARED, 0o640)
    read, write = opening(place / "f", os.O_RDONLY), opening(place / "f", os.O_WRONLY)
    assert as_user(ALICE, write) == 0
    assert as_user(BOB, read) == errno.EACCES
    assert as_user(BOB, read, groups=[OTHERS, SHARED]) == 0
    assert as_user(BOB, write, groups=[SHARED]) == errno.EACCES
    assert as_user(BOB, read, gid=SHARED) == 0
    chown_to(place / "f", ALICE, SHARED, 0o604)
    assert as_user(BOB, read, groups=[SHARED]) == errno.EACCES
    assert as_user(BOB, read) == 0


def test_groups_that_change_while_a_process_runs(place):
    write_file(place / "f", b"x")
    chown_to(place / "f", ALICE, SHARED, 0o640)

    def seen_by_one_thread():
        """A server that acts for many: the kernel tells no groups, only thread, user and group."""
        for groups, expected in [([OTHERS], errno.EACCES), ([SHARED], 0), ([OTHERS], errno.EACCES),
                                 ([SHARED], 0)]:
            os.seteuid(0)
            os.setgroups(groups)
            os.seteuid(BOB)
            try:
                os.close(os.open(place / "f", os.O_RDONLY))
                code = 0
            except OSError as error:
                code = error.errno
            if code != expected:
                raise OSError(errno.EBADE, "unexpected")

    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setegid(BOB)
            seen_by_one_thread()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_directories(place):
    os.mkdir(place / "d")
    write_file(place / "d" / "f", b"x")
    chown_to(place / "d", ALICE, ALICE, 0o700)
    assert as_user(BOB, lambda: os.stat(place / "d" / "f")) == errno.EACCES
    assert as_user(BOB, lambda: os.listdir(place / "d")) == errno.EACCES
    os.chmod(place / "d", 0o711)
    assert as_user(BOB, lambda: os.stat(place / "d" / "f")) == 0
    assert as_user(BOB, lambda: os.listdir(place / "d")) == errno.EACCES
    assert as_user(BOB, lambda: os.mkdir(place / "d" / "f")) == errno.EEXIST
    assert as_user(BOB, lambda: os.mkdir(place / "d" / "new")) == errno.EACCES
    assert as_user(BOB, lambda: os.unlink(place / "d" / "f")) == errno.EACCES
    os.chmod(place / "d", 0o744)
    assert as_user(BOB, lambda: os.listdir(place / "d")) == 0
    assert as_user(BOB, lambda: os.stat(place / "d" / "f")) == errno.EACCES
    os.mkdir(place / "moved")
    chown_to(place / "moved", ALICE, ALICE, 0o555)
    os.mkdir(place / "to")
    os.chmod(place / "to", 0o777)
    assert as_user(BOB, lambda: os.rename(place / "moved", place / "to" / "m")) == errno.EACCES
    assert as_user(BOB, lambda: os.rename(place / "moved", place / "here")) == 0


def test_sticky_directories(place):
    os.chmod(place, 0o1777)
    assert as_user(ALICE, lambda: write_file(place / "a", b"a")) == 0
    assert as_user(BOB, lambda: write_file(place / "b", b"b")) == 0
    assert as_user(BOB, lambda: os.unlink(place / "a")) == errno.EPERM
    assert as_user(BOB, lambda: os.rename(place / "a", place / "c")) == errno.EPERM
    assert as_user(BOB, lambda: os.rename(place / "b", place / "a")) == errno.EPERM
    assert as_user(BOB, lambda: os.unlink(place / "b")) == 0
    os.chown(place, BOB, BOB)
    assert as_user(BOB, lambda: os.unlink(place / "a")) == 0


def test_owner_only(place):
    write_file(place / "f", b"x")
    chown_to(place / "f", ALICE, ALICE, 0o666)
    f = place / "f"
    assert as_user(BOB, lambda: os.chmod(f, 0o777)) == errno.EPERM
    assert as_user(ALICE, lambda: os.chown(f, BOB, -1)) == errno.EPERM
    assert as_user(ALICE, lambda: os.chown(f, -1, SHARED)) == errno.EPERM
    assert as_user(ALICE, lambda: os.chown(f, -1, SHARED), groups=[SHARED]) == 0
    assert as_user(BOB, lambda: os.chown(f, -1, SHARED), groups=[SHARED]) == errno.EPERM
    assert as_user(BOB, lambda: os.utime(f)) == 0
    assert as_user(BOB, lambda: os.utime(f, (1, 1))) == errno.EPERM
    os.chmod(f, 0o644)
    assert as_user(BOB, lambda: os.utime(f)) == errno.EACCES
    assert as_user(BOB, lambda: os.truncate(f, 0)) == errno.EACCES
    assert as_user(ALICE, lambda: os.chmod(f, 0o2755)) == 0
    assert mode_of(f) == 0o755, "set-group-id of a group that she is not in"
    assert as_user(ALICE, lambda: os.chmod(f, 0o2755), groups=[SHARED]) == 0
    assert mode_of(f) == 0o2755
    assert as_user(BOB, lambda: os.mknod(place / "dev", 0o600 | stat.S_IFCHR, 0x103)) == errno.EPERM


def test_open_files_need_no_further_check(place):
    write_file(place / "f", b"x" * 100)
    chown_to(place / "f", ALICE, ALICE, 0o600)

    def use_after_chmod():
        file = os.open(place / "f", os.O_RDWR)
        os.chmod(place / "f", 0)
        os.write(file, b"y" * 50)
        assert os.pread(file, 10, 0) == b"y" * 10
        os.ftruncate(file, 60)
        os.fsync(file)
        os.close(file)

    assert as_user(ALICE, use_after_chmod) == 0
    assert read_file(place / "f") == b"y" * 50 + b"x" * 10
    assert as_user(ALICE, opening(place / "f", os.O_RDONLY)) == errno.EACCES


def changing(path, how):
    def change():
        file = os.open(path, os.O_RDWR)
        how(file)
        os.close(file)
    return change


SET_ID_CHANGES = {
    "write": lambda path: changing(path, lambda file: os.write(file, b"y")),
    "ftruncate": lambda path: changing(path, lambda file: os.ftruncate(file, 3)),
    "truncate": lambda path: lambda: os.truncate(path, 3),
    "O_TRUNC": lambda path: opening(path, os.O_WRONLY | os.O_TRUNC),
    "fallocate": lambda path: changing(path, lambda file: os.posix_fallocate(file, 0, 4096)),
}


@pytest.mark.parametrize("how", SET_ID_CHANGES)
def test_changes_drop_set_id_bits(place, how):
    path = place / how
    for uid, mode, expected in [(BOB, 0o6777, 0o777), (ALICE, 0o6755, 0o755), (0, 0o6755, 0o6755),
                                (BOB, 0o4666, 0o666)]:
        write_file(path, b"some bytes")
        chown_to(path, ALICE, SHARED, mode)
        assert as_user(uid, SET_ID_CHANGES[how](path)) == 0, (uid, oct(mode))
        assert mode_of(path) == expected, (uid, oct(mode))
        os.unlink(path)


def test_chown_drops_set_id_bits(place):
    write_file(place / "f", b"x")
    chown_to(place / "f", ALICE, ALICE, 0o6755)
    assert as_user(ALICE, lambda: os.chown(place / "f", -1, SHARED), groups=[SHARED]) == 0
    assert mode_of(place / "f") == 0o755
    os.chmod(place / "f", 0o6755)
    os.chown(place / "f", BOB, BOB)
    assert mode_of(place / "f") == 0o755
    os.mkdir(place / "d")
    os.chmod(place / "d", 0o6755)
    os.chown(place / "d", ALICE, ALICE)
    assert mode_of(place / "d") == 0o6755


def test_programs_that_may_only_be_executed(place):
    with open("/bin/true", "rb") as program:
        write_file(place / "true", program.read())
    chown_to(place / "true", ALICE, ALICE, 0o711)
    assert as_user(BOB, opening(place / "true", os.O_RDONLY)) == errno.EACCES
    assert as_user(BOB, lambda: subprocess.run([place / "true"], check=True)) == 0
    os.chmod(place / "true", 0o744)
    assert as_user(BOB, lambda: subprocess.run([place / "true"], check=True)) == errno.EACCES


def test_acls_of_named_users_and_groups(place):
    write_file(place / "f", b"x")
    chown_to(place / "f", ALICE, ALICE, 0o640)
    f, read, write = place / "f", opening(place / "f", os.O_RDONLY), opening(place / "f", os.O_RDWR)
    run("setfacl", "-m", f"u:{BOB}:rw,g:{SHARED}:r", f)
    assert getfacl(f) == ["user::rw-", f"user:{BOB}:rw-", "group::r--", f"group:{SHARED}:r--",
                          "mask::rw-", "other::---"]
    assert mode_of(f) == 0o660
    assert as_user(BOB, write) == 0
    assert as_user(CAROL, read) == errno.EACCES
    assert as_user(CAROL, read, groups=[SHARED]) == 0
    assert as_user(CAROL, write, groups=[SHARED]) == errno.EACCES
    assert as_user(ALICE, lambda: os.chmod(f, 0o640)) == 0
    assert getfacl(f)[4] == "mask::r--"
    assert as_user(BOB, write) == errno.EACCES
    assert as_user(BOB, read) == 0
    assert as_user(BOB, lambda: os.removexattr(f, "system.posix_acl_access")) == errno.EPERM
    run("setfacl", "-b", f)
    assert getfacl(f) == ["user::rw-", "group::r--", "other::---"]
    assert as_user(BOB, read) == errno.EACCES
    with pytest.raises(OSError) as error:
        os.setxattr(f, "system.posix_acl_access", b"\x02\0\0\0nonsense")
    assert error.value.errno == errno.EINVAL
    assert subprocess.run(["setfacl", "-d", "-m", "u::rwx", f], stderr=subprocess.DEVNULL,
                          check=False).returncode != 0, "a file has no default ACL"


def test_default_acls_and_umask(place):
    os.mkdir(place / "d", 0o750)
    run("setfacl", "-d", "-m", f"u:{BOB}:rwx,g::r-x,o::-", place / "d")
    run("setfacl", "-m", f"u:{ALICE}:rwx", place / "d")
    assert as_user(ALICE, lambda: write_file(place / "d" / "f", b"x"), umask=0o077) == 0
    assert getfacl(place / "d" / "f") == ["user::rw-", f"user:{BOB}:rwx", "group::r-x",
                                          "mask::rw-", "other::---"]
    assert as_user(BOB, opening(place / "d" / "f", os.O_RDWR)) == errno.EACCES, "no search in d"
    run("setfacl", "-m", f"u:{BOB}:x", place / "d")
    assert as_user(BOB, opening(place / "d" / "f", os.O_RDWR)) == 0
    assert as_user(ALICE, lambda: os.mkdir(place / "d" / "s", 0o777), umask=0o077) == 0
    assert getfacl(place / "d" / "s") == [
        "user::rwx", f"user:{BOB}:rwx", "group::r-x", "mask::rwx", "other::---",
        "default:user::rwx", f"default:user:{BOB}:rwx", "default:group::r-x", "default:mask::rwx",
        "default:other::---"]
    os.mkdir(place / "plain")
    os.chmod(place / "plain", 0o777)
    assert as_user(ALICE, lambda: write_file(place / "plain" / "f", b"x"), umask=0o027) == 0
    assert mode_of(place / "plain" / "f") == 0o640
    assert as_user(ALICE, lambda: os.mkdir(place / "plain" / "s"), umask=0o077) == 0
    assert mode_of(place / "plain" / "s") == 0o700


def test_xattrs_by_user(place):
    write_file(place / "f", b"x")
    chown_to(place / "f", ALICE, ALICE, 0o644)
    f = place / "f"
    os.setxattr(f, "trusted.t", b"1")
    os.setxattr(f, "user.u", b"1")
    assert as_user(BOB, lambda: os.setxattr(f, "user.u", b"2")) == errno.EACCES
    assert as_user(BOB, lambda: os.getxattr(f, "user.u")) == 0
    assert as_user(BOB, lambda: os.getxattr(f, "trusted.t")) == errno.ENODATA
    assert as_user(BOB, lambda: os.setxattr(f, "trusted.t", b"2")) == errno.EPERM
    assert set(os.listxattr(f)) >= {"trusted.t", "user.u"}

    def lists_no_trusted():
        if "trusted.t" in os.listxattr(f):
            raise OSError(errno.EBADE, "trusted")

    assert as_user(BOB, lists_no_trusted) == 0
    os.chmod(f, 0o600)
    assert as_user(BOB, lambda: os.getxattr(f, "user.u")) == errno.EACCES
    os.symlink("f", place / "l")
    with pytest.raises(OSError) as error:
        os.setxattr(place / "l", "user.u", b"1", follow_symlinks=False)
    assert error.value.errno == errno.EPERM


def test_access_times_follow_changes(open_mount):
    home = open_mount / "atimes"
    home.mkdir()
    write_file(home / "f", b"x" * 100)
    before = os.stat(home / "f")
    read_file(home / "f")
    wait_for(lambda: os.stat(home / "f").st_atime_ns > before.st_atime_ns, "atime after a read")
    after = os.stat(home / "f")
    assert after.st_ctime_ns == before.st_ctime_ns
    read_file(home / "f")
    assert os.stat(home / "f").st_atime_ns == after.st_atime_ns, "relatime"
    os.utime(home / "f", ns=(5, 7))
    assert os.stat(home / "f").st_atime_ns == 5
    with os.scandir(home) as entries:
        assert len(list(entries)) == 1
    wait_for(lambda: os.stat(home).st_atime_ns >= os.stat(home).st_mtime_ns, "atime of a directory")


def test_root_squash(make_cluster, scratch):
    scratch.chmod(0o755)
    plain = make_cluster(nodes=1).start()
    mount = plain.mount("a", "-o", "allow_other")
    os.mkdir(mount / "d")
    os.chmod(mount / "d", 0o777)
    write_file(mount / "d" / "roots", b"secret")
    os.chmod(mount / "d" / "roots", 0o600)
    mount.unmount()
    plain.metadata.stop()
    plain.metadata.command += ["--root-squash"]
    plain.metadata.start().wait_listening()
    mount.start()
    write_file(mount / "d" / "f", b"x" * (3 << 20))
    assert os.stat(mount / "d" / "f").st_uid == 65534
    assert read_file(mount / "d" / "f") == b"x" * (3 << 20)
    with pytest.raises(PermissionError):
        read_file(mount / "d" / "roots")
    with pytest.raises(PermissionError):
        write_file(mount / "not_mine", b"")
    assert as_user(ALICE, lambda: write_file(mount / "d" / "a", b"x")) == 0
    assert os.stat(mount / "d" / "a").st_uid == ALICE


def test_read_only_mounts_and_clients(make_cluster):
    cluster = make_cluster(nodes=1).start()
    writer = cluster.mount("writer")
    write_file(writer / "f", b"data")
    reader = cluster.mount("reader", "-o", "ro")
    assert read_file(reader / "f") == b"data"
    with pytest.raises(OSError) as error:
        write_file(reader / "g", b"")
    assert error.value.errno == errno.EROFS
    # The kernel no longer stands between: the session itself may only read.
    run("mount", "--internal-only", "-o", "remount,rw", reader.path)
    with pytest.raises(OSError) as error:
        write_file(reader / "g", b"")
    assert error.value.errno == errno.EROFS
    write_file(writer / "g", b"")
    for mount in (reader, writer):
        mount.unmount()
    cluster.metadata.stop()
    cluster.metadata.command += ["--read-only-clients", "127.0.0.0/8"]
    cluster.metadata.start().wait_listening()
    writer.start()
    assert read_file(writer / "f") == b"data"
    with pytest.raises(OSError) as error:
        os.unlink(writer / "f")
    assert error.value.errno == errno.EROFS
