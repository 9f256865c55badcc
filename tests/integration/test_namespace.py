"""Names, attributes, links, permissions and extended attributes, as the manual pages say."""
import errno
import os
import stat
import time

import pytest

from cluster import run, wait_for
from files import check_file, read_file, seeded_bytes, write_file


def expect(number, call, *arguments, **options):
    with pytest.raises(OSError) as error:
        call(*arguments, **options)
    assert error.value.errno == number, error.value


def test_create_and_remove(home):
    expect(errno.ENOENT, os.stat, home / "f")
    write_file(home / "f", b"x")
    expect(errno.EEXIST, os.open, home / "f", os.O_CREAT | os.O_EXCL)
    expect(errno.ENOTDIR, os.stat, home / "f" / "g")
    os.mkdir(home / "d")
    expect(errno.EEXIST, os.mkdir, home / "d")
    write_file(home / "d" / "g", b"y")
    expect(errno.ENOTEMPTY, os.rmdir, home / "d")
    expect(errno.ENOTDIR, os.rmdir, home / "f")
    expect(errno.EISDIR, os.unlink, home / "d")
    expect(errno.EISDIR, os.open, home / "d", os.O_WRONLY)
    os.unlink(home / "d" / "g")
    os.rmdir(home / "d")
    os.unlink(home / "f")
    assert os.listdir(home) == []


def test_names(home):
    expect(errno.ENAMETOOLONG, os.mkdir, home / ("n" * 256))
    names = {b"n" * 255, b"with space", b"\xff\xfe not UTF-8", "Grüße".encode(), b"new\nline", b"-"}
    for name in names:
        write_file(os.path.join(os.fsencode(home), name), name)
    assert set(os.listdir(os.fsencode(home))) == names
    for name in names:
        assert read_file(os.path.join(os.fsencode(home), name)) == name


def test_link_counts(home):
    write_file(home / "a", b"data")
    os.link(home / "a", home / "b")
    assert os.stat(home / "a").st_nlink == 2
    assert os.stat(home / "a").st_ino == os.stat(home / "b").st_ino
    expect(errno.EEXIST, os.link, home / "a", home / "b")
    expect(errno.EPERM, os.link, home, home / "c")
    os.unlink(home / "a")
    assert os.stat(home / "b").st_nlink == 1
    assert read_file(home / "b") == b"data"
    links = os.stat(home).st_nlink
    os.mkdir(home / "d")
    assert os.stat(home).st_nlink == links + 1
    assert os.stat(home / "d").st_nlink == 2


def test_symlinks(home):
    os.symlink("target", home / "link")
    assert os.readlink(home / "link") == "target"
    assert stat.S_ISLNK(os.lstat(home / "link").st_mode)
    assert os.lstat(home / "link").st_size == 6
    expect(errno.ENOENT, os.stat, home / "link")
    write_file(home / "target", b"t")
    assert read_file(home / "link") == b"t"
    os.symlink("loop", home / "loop")
    expect(errno.ELOOP, os.stat, home / "loop")
    long = "x" * 4000
    os.symlink(long, home / "long")
    assert os.readlink(home / "long") == long


def test_rename(home):
    write_file(home / "a", b"a")
    write_file(home / "b", b"b")
    os.rename(home / "a", home / "b")
    assert os.listdir(home) == ["b"] and read_file(home / "b") == b"a"
    os.mkdir(home / "d")
    os.mkdir(home / "e")
    write_file(home / "e" / "in", b"")
    expect(errno.ENOTEMPTY, os.rename, home / "d", home / "e")
    expect(errno.EISDIR, os.rename, home / "b", home / "e")
    expect(errno.ENOTDIR, os.rename, home / "d", home / "b")
    expect(errno.EINVAL, os.rename, home / "e", home / "e" / "below")
    expect(errno.ENOENT, os.rename, home / "none", home / "x")
    os.rename(home / "e", home / "d")
    assert sorted(os.listdir(home)) == ["b", "d"] and os.listdir(home / "d") == ["in"]
    os.rename(home / "b", home / "d" / "b")
    assert sorted(os.listdir(home / "d")) == ["b", "in"]
    os.rename(home / "d" / "b", home / "d" / "b")
    os.link(home / "d" / "b", home / "d" / "b2")
    os.rename(home / "d" / "b", home / "d" / "b2")  # the same inode: nothing happens
    assert sorted(os.listdir(home / "d")) == ["b", "b2", "in"]


def renameat2(source, target, flags):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(-100, os.fsencode(source), -100, os.fsencode(target), flags):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_rename_with_flags(home):
    no_replace, exchange = 1, 2
    write_file(home / "a", b"a")
    os.mkdir(home / "d")
    write_file(home / "d" / "b", b"b")
    expect(errno.EEXIST, renameat2, home / "a", home / "d" / "b", no_replace)
    renameat2(home / "a", home / "d" / "b", exchange)
    assert read_file(home / "a") == b"b" and read_file(home / "d" / "b") == b"a"
    renameat2(home / "a", home / "d", exchange)
    assert os.path.isdir(home / "a") and read_file(home / "d") == b"b"
    assert os.path.realpath(home / "a" / "..") == str(home)


def test_rename_over_an_open_file(home):
    write_file(home / "old", b"old content")
    write_file(home / "new", b"new")
    with open(home / "old", "rb", buffering=0) as file:
        os.rename(home / "new", home / "old")
        assert file.read() == b"old content"
    assert read_file(home / "old") == b"new"


@pytest.mark.parametrize("size", (10, 3 << 20))
def test_an_unlinked_file_lives_while_it_is_open(home, size):
    data = seeded_bytes(3, size)
    with open(home / "f", "w+b", buffering=0) as file:
        file.write(data)
        os.unlink(home / "f")
        assert os.listdir(home) == []
        assert os.fstat(file.fileno()).st_nlink == 0
        assert os.pread(file.fileno(), size, 0) == data
        os.pwrite(file.fileno(), b"more", size)
        os.fsync(file.fileno())
        assert os.fstat(file.fileno()).st_size == size + 4
        assert os.pread(file.fileno(), 100, size) == b"more"
    expect(errno.ENOENT, os.stat, home / "f")


def test_unlinked_by_the_other_mount(home, mount_b):
    data = seeded_bytes(4, 2 << 20)
    write_file(home / "f", data)
    there = mount_b.path / home.name / "f"
    wait_for(there.exists, "the file on the other mount", 30)
    with open(there, "rb", buffering=0) as file:
        os.unlink(home / "f")
        wait_for(lambda: not there.exists(), "the name gone on the other mount", 30)
        assert file.readall() == data


def test_modes_and_owners(home):
    write_file(home / "f", b"")
    os.chmod(home / "f", 0o640)
    assert stat.S_IMODE(os.stat(home / "f").st_mode) == 0o640
    os.chown(home / "f", 1234, 2345)
    status = os.stat(home / "f")
    assert (status.st_uid, status.st_gid) == (1234, 2345)
    old = os.umask(0o027)
    try:
        os.mkdir(home / "d", 0o777)
        os.close(os.open(home / "g", os.O_CREAT | os.O_WRONLY, 0o666))
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(home / "d").st_mode) == 0o750
    assert stat.S_IMODE(os.stat(home / "g").st_mode) == 0o640
    os.chmod(home / "d", 0o2775)
    os.chown(home / "d", -1, 777)
    os.mkdir(home / "d" / "sub")
    write_file(home / "d" / "file", b"")
    assert os.stat(home / "d" / "sub").st_gid == 777
    assert os.stat(home / "d" / "sub").st_mode & stat.S_ISGID
    assert os.stat(home / "d" / "file").st_gid == 777


def as_user(uid, action):
    """Runs `action` in a child process as another user; the errno it failed with, or 0."""
    child = os.fork()
    if child == 0:
        code = 255
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            action()
            code = 0
        except OSError as error:
            code = error.errno
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")
def test_permissions_of_other_users(shared, scratch):
    # A user must be able to reach the mount: the scratch directory is closed to others.
    scratch.chmod(0o755)
    mount = shared.mounts.get("open") or shared.mount("open", "-o", "allow_other")
    home = mount / "permissions"
    home.mkdir()
    write_file(home / "private", b"secret")
    os.chmod(home / "private", 0o600)
    write_file(home / "public", b"open")
    os.chmod(home / "public", 0o644)
    assert as_user(4321, lambda: read_file(home / "private")) == errno.EACCES
    assert as_user(4321, lambda: read_file(home / "public")) == 0
    assert as_user(4321, lambda: write_file(home / "public", b"")) == errno.EACCES
    assert as_user(4321, lambda: os.unlink(home / "public")) == errno.EACCES
    assert as_user(4321, lambda: os.chmod(home / "public", 0o666)) == errno.EPERM
    os.chmod(home, 0o1777)
    assert as_user(4321, lambda: write_file(home / "mine", b"m")) == 0
    assert os.stat(home / "mine").st_uid == 4321
    assert as_user(4322, lambda: os.unlink(home / "mine")) in (errno.EPERM, errno.EACCES)
    assert as_user(4321, lambda: os.unlink(home / "mine")) == 0


def test_a_write_by_others_drops_set_uid(home):
    write_file(home / "f", b"#!")
    os.chmod(home / "f", 0o4755)
    os.chown(home / "f", 1000, 1000)
    assert stat.S_IMODE(os.stat(home / "f").st_mode) == 0o755


def test_times(home):
    before = time.time_ns() - 2_000_000_000  # clocks of kernel and daemons may differ by a tick
    write_file(home / "f", b"1")
    status = os.stat(home / "f")
    for value in (status.st_mtime_ns, status.st_ctime_ns, status.st_atime_ns):
        assert before < value < time.time_ns() + 2_000_000_000
    os.utime(home / "f", ns=(1_000_000_001, 2_000_000_002))
    status = os.stat(home / "f")
    assert (status.st_atime_ns, status.st_mtime_ns) == (1_000_000_001, 2_000_000_002)
    os.utime(home / "f", ns=(-5_000_000_001, -1))  # before 1970
    assert os.stat(home / "f").st_mtime_ns == -1
    mtime = os.stat(home).st_mtime_ns
    wait_for(lambda: time.time_ns() > mtime + 20_000_000, "a later clock")
    write_file(home / "g", b"")
    assert os.stat(home).st_mtime_ns > mtime
    with open(home / "f", "ab", buffering=0) as file:
        file.write(b"2")
    assert os.stat(home / "f").st_mtime_ns > before


def test_extended_attributes(home):
    write_file(home / "f", b"")
    expect(errno.ENODATA, os.getxattr, home / "f", "user.none")
    os.setxattr(home / "f", "user.a", b"1")
    os.setxattr(home / "f", "user.b", b"")
    os.setxattr(home / "f", "user.big", b"v" * 20_000)
    assert os.getxattr(home / "f", "user.a") == b"1"
    assert os.getxattr(home / "f", "user.b") == b""
    assert os.getxattr(home / "f", "user.big") == b"v" * 20_000
    assert sorted(os.listxattr(home / "f")) == ["user.a", "user.b", "user.big"]
    expect(errno.EEXIST, os.setxattr, home / "f", "user.a", b"2", os.XATTR_CREATE)
    expect(errno.ENODATA, os.setxattr, home / "f", "user.c", b"2", os.XATTR_REPLACE)
    os.setxattr(home / "f", "user.a", b"3", os.XATTR_REPLACE)
    assert os.getxattr(home / "f", "user.a") == b"3"
    os.removexattr(home / "f", "user.a")
    expect(errno.ENODATA, os.removexattr, home / "f", "user.a")
    os.rename(home / "f", home / "g")
    assert sorted(os.listxattr(home / "g")) == ["user.b", "user.big"]
    os.setxattr(home, "user.dir", b"d")
    assert os.getxattr(home, "user.dir") == b"d"


def test_special_files(home):
    os.mkfifo(home / "fifo", 0o600)
    assert stat.S_ISFIFO(os.stat(home / "fifo").st_mode)
    if os.geteuid() == 0:
        os.mknod(home / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        status = os.stat(home / "null")
        assert stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)
    os.mknod(home / "plain", 0o644 | stat.S_IFREG)
    write_file(home / "plain", b"p")
    check_file(home / "plain", b"p")


def test_statfs(home, shared):
    result = os.statvfs(home)
    assert result.f_namemax == 255
    total = result.f_blocks * result.f_frsize
    assert 0 < result.f_bavail * result.f_frsize <= total
    assert result.f_files > 0


def test_names_appear_on_the_other_mount(home, mount_b):
    there = mount_b.path / home.name
    assert os.path.isdir(there)
    assert not (there / "late").exists()  # the kernel may remember that for a second
    write_file(home / "late", b"1")
    wait_for((there / "late").exists, "a new name on the other mount", 30)
    os.rename(home / "late", home / "later")
    wait_for(lambda: not (there / "late").exists() and (there / "later").exists(), "a rename", 30)
    os.chmod(home / "later", 0o700)
    wait_for(lambda: stat.S_IMODE(os.stat(there / "later").st_mode) == 0o700, "a chmod", 30)
    os.unlink(there / "later")
    wait_for(lambda: not (home / "later").exists(), "an unlink", 30)


def test_fsync_of_a_directory(home):
    fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)
    run("sync", "-f", home)
