"""The operations on attributes: what actors can do with modes, owners, times and extended attributes."""
import os
import stat
import subprocess
import time

from . import acl, syscalls
from .model import TYPE_OF


def describe(path):
    """What lstat says of a path, as a dictionary; None where nothing is there."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    kind = TYPE_OF[stat.S_IFMT(found.st_mode)]
    return {
        "type": kind, "mode": stat.S_IMODE(found.st_mode), "nlink": found.st_nlink, "uid":
        found.st_uid, "gid": found.st_gid, "size": found.st_size, "ino": found.st_ino, "rdev":
        found.st_rdev, "blocks": found.st_blocks, "atime": found.st_atime_ns, "mtime":
        found.st_mtime_ns, "ctime": found.st_ctime_ns
    }


class AttributeOperations:
    """Part of Operations, which see. `fd` is the name of an open file."""

    def __init__(self):
        self._files = {}  # descriptors by name
        self._remembered = None

    def stat(self, path, *names):
        """Some attributes, following a symbolic link: all of `names`, or nothing but success."""
        found = describe(os.path.realpath(path)) if names else os.stat(path)
        return {name: found[name] for name in names}

    def lstat(self, path, *names):
        os.lstat(path)
        found = describe(path)
        return {name: found[name] for name in names}

    def fstat(self, *names, fd="fd"):
        return self.fstat_of(fd, *names)

    def fstat_of(self, fd, *names):
        found = os.fstat(self._files[fd])
        fields = {
            "nlink": found.st_nlink, "size": found.st_size, "mode": stat.S_IMODE(found.st_mode),
            "uid": found.st_uid, "gid": found.st_gid
        }
        return {name: fields[name] for name in names}

    def times(self, path):
        """(atime, mtime) in nanoseconds."""
        found = os.lstat(path)
        return (found.st_atime_ns, found.st_mtime_ns)

    def remember(self, path):
        """The times now, for `..._is_remembered`."""
        self._remembered = describe(path)

    def atime_is_remembered(self, path):
        return describe(path)["atime"] == self._remembered["atime"]

    def ctime_is_remembered(self, path):
        return describe(path)["ctime"] == self._remembered["ctime"]

    def newer_than(self, path, name, seconds):
        return describe(path)[name] > seconds * 1_000_000_000

    def times_agree(self, path):
        """Within a minute, of each other and of the clock."""
        found = describe(path)
        moments = [found["atime"], found["mtime"], found["ctime"], time.time_ns()]
        return max(moments) - min(moments) < 60 * 1_000_000_000

    def pause(self):
        """Long enough that the next change gets another time."""
        time.sleep(0.012)

    def same_file(self, one, other):
        first, second = os.lstat(one), os.lstat(other)
        return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)

    def blocks_between(self, path, low, high):
        return low <= os.lstat(path).st_blocks <= high

    def chmod(self, path, mode):
        os.chmod(path, mode)

    def fchmod(self, mode, fd="fd"):
        os.fchmod(self._files[fd], mode)

    def chown(self, path, uid, gid):
        os.chown(path, uid, gid)

    def lchown(self, path, uid, gid):
        os.lchown(path, uid, gid)

    def fchown(self, uid, gid, fd="fd"):
        os.fchown(self._files[fd], uid, gid)

    def utimensat(self, path, atime, mtime, flags=0):
        syscalls.utimensat(path, atime, mtime, flags)

    def utime_now(self, path, flags=0):
        """With no times at all, which means now."""
        syscalls.utimensat_null(path, flags)

    def futimens(self, atime, mtime, fd="fd"):
        syscalls.futimens(self._files[fd], atime, mtime)

    def access(self, path, mode):
        syscalls.faccessat(path, mode, 0)

    def eaccess(self, path, mode):
        syscalls.faccessat(path, mode, syscalls.AT_EACCESS)

    def statvfs(self, path, *names):
        found = os.statvfs(path)
        return {name: getattr(found, name) for name in names}

    def statvfs_holds(self, path):
        """What must be true of any file system's figures."""
        found = os.statvfs(path)
        return (found.f_bavail <= found.f_bfree <= found.f_blocks and found.f_blocks > 0
                and found.f_ffree <= found.f_files and found.f_bsize >= 512
                and found.f_frsize >= 512)

    def statvfs_same(self, path, fd="fd"):
        one, other = os.statvfs(path), os.fstatvfs(self._files[fd])
        return (one.f_bsize, one.f_namemax, one.f_blocks) == (other.f_bsize, other.f_namemax,
                                                              other.f_blocks)

    def execute(self, path):
        """Runs a program, which is a script; its exit status."""
        return subprocess.run([f"./{path}"], check=False, stdout=subprocess.DEVNULL).returncode

    # Extended attributes

    def setxattr(self, path, name, value, flags=0, follow=True):
        os.setxattr(path, name, value, flags, follow_symlinks=follow)

    def fsetxattr(self, name, value, flags=0, fd="fd"):
        os.setxattr(self._files[fd], name, value, flags)

    def getxattr(self, path, name, follow=True):
        return os.getxattr(path, name, follow_symlinks=follow)

    def fgetxattr(self, name, fd="fd"):
        return os.getxattr(self._files[fd], name)

    def xattr_length(self, path, name):
        return len(os.getxattr(path, name))

    def removexattr(self, path, name, follow=True):
        os.removexattr(path, name, follow_symlinks=follow)

    def listxattr(self, path, follow=True):
        return sorted(os.listxattr(path, follow_symlinks=follow))

    def setacl(self, path, text, kind="access"):
        os.setxattr(path, f"system.posix_acl_{kind}", acl.encode(text))

    def getacl(self, path, kind="access"):
        return acl.decode(os.getxattr(path, f"system.posix_acl_{kind}"))

    def removeacl(self, path, kind="access"):
        os.removexattr(path, f"system.posix_acl_{kind}")

    def tool(self, *command):
        """Runs a program; its exit status and what it printed."""
        done = subprocess.run(command,
                              check=False,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              text=True)
        return (done.returncode, done.stdout)
