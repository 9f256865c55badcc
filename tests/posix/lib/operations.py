"""What an actor can do, by name. Runs in the actor's process; knows its open files by the names cases give.

A result is a value that can be compared: no descriptor, no time. Errors are OSError.
"""
import fcntl
import mmap
import os
import signal
import socket
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
    return {"type": kind, "mode": stat.S_IMODE(found.st_mode), "nlink": found.st_nlink,
            "uid": found.st_uid, "gid": found.st_gid, "size": found.st_size, "ino": found.st_ino,
            "rdev": found.st_rdev, "blocks": found.st_blocks, "atime": found.st_atime_ns,
            "mtime": found.st_mtime_ns, "ctime": found.st_ctime_ns}


class Operations:
    """The calls themselves. Those that take `fd` want the name of an open file."""

    def __init__(self):
        self._files = {}
        self._maps = {}
        self._remembered = None

    def begin(self, directory):
        os.chdir(directory)
        os.umask(0)

    def end(self):
        for mapped in self._maps.values():
            mapped.close()
        for number in self._files.values():
            try:
                os.close(number)
            except OSError:
                pass  # a write that failed late is not this case's subject
        self._files, self._maps = {}, {}
        os.chdir("/")

    def umask(self, mask):
        os.umask(mask)

    # Opening

    def open(self, path, flags, fd="fd", mode=0o666):
        self._files[fd] = os.open(path, flags, mode)

    def creat(self, path, fd="fd", mode=0o666):
        self._files[fd] = syscalls.creat(path, mode)

    def close(self, fd="fd"):
        os.close(self._files.pop(fd))

    def dup(self, fd, copy):
        self._files[copy] = os.dup(self._files[fd])

    def bad_fd(self, fd="fd"):
        """A name for a descriptor that is not open."""
        self._files[fd] = 1 << 20

    def getfl(self, fd="fd"):
        """The access mode and the flags O_APPEND, O_DIRECT and O_NONBLOCK."""
        mask = os.O_ACCMODE | os.O_APPEND | os.O_DIRECT | os.O_NONBLOCK
        return fcntl.fcntl(self._files[fd], fcntl.F_GETFL) & mask

    def setfl(self, flags, fd="fd"):
        fcntl.fcntl(self._files[fd], fcntl.F_SETFL, flags)

    # Reading and writing

    def write(self, data, fd="fd"):
        return os.write(self._files[fd], data)

    def writev(self, parts, fd="fd"):
        return os.writev(self._files[fd], parts)

    def pwrite(self, data, offset, fd="fd"):
        return os.pwrite(self._files[fd], data, offset)

    def read(self, size, fd="fd"):
        return os.read(self._files[fd], size)

    def readv(self, sizes, fd="fd"):
        buffers = [bytearray(size) for size in sizes]
        count = os.readv(self._files[fd], buffers)
        return b"".join(buffers)[:count]

    def pread(self, size, offset, fd="fd"):
        return os.pread(self._files[fd], size, offset)

    def pread_fill(self, size, offset, fd="fd"):
        """How many bytes there are, and which ones, each once."""
        data = os.pread(self._files[fd], size, offset)
        return (len(data), bytes(sorted(set(data))))

    def write_direct(self, size, offset, fill, fd="fd"):
        """From memory that is aligned as O_DIRECT wants it."""
        with mmap.mmap(-1, max(size, mmap.PAGESIZE)) as memory:
            memory[:size] = fill * size
            view = memoryview(memory)[:size]
            try:
                return os.pwritev(self._files[fd], [view], offset)
            finally:
                view.release()

    def read_direct(self, size, offset, fd="fd"):
        with mmap.mmap(-1, max(size, mmap.PAGESIZE)) as memory:
            view = memoryview(memory)[:size]
            try:
                count = os.preadv(self._files[fd], [view], offset)
            finally:
                view.release()
            return (count, bytes(sorted(set(memory[:count]))))

    def lseek(self, offset, whence, fd="fd"):
        return syscalls.lseek(self._files[fd], offset, whence)

    def fsync(self, fd="fd"):
        os.fsync(self._files[fd])

    def fdatasync(self, fd="fd"):
        os.fdatasync(self._files[fd])

    def content(self, path):
        """All of a file."""
        with open(path, "rb", buffering=0) as source:
            return source.readall()

    def put(self, path, data):
        """Writes over an existing file from its start, without truncating it."""
        number = os.open(path, os.O_WRONLY)
        try:
            return os.write(number, data)
        finally:
            os.close(number)

    def truncate(self, path, size):
        os.truncate(path, size)

    def ftruncate(self, size, fd="fd"):
        os.ftruncate(self._files[fd], size)

    def fallocate(self, mode, offset, length, fd="fd"):
        syscalls.fallocate(self._files[fd], mode, offset, length)

    def posix_fallocate(self, offset, length, fd="fd"):
        os.posix_fallocate(self._files[fd], offset, length)

    def posix_fadvise(self, offset, length, advice, fd="fd"):
        os.posix_fadvise(self._files[fd], offset, length, advice)

    def copy_range(self, source, destination, count, source_at=None, destination_at=None):
        return os.copy_file_range(self._files[source], self._files[destination], count, source_at,
                                  destination_at)

    def sendfile(self, source, destination, offset, count):
        return os.sendfile(self._files[destination], self._files[source], offset, count)

    # Names

    def mkdir(self, path, mode=0o777):
        os.mkdir(path, mode)

    def rmdir(self, path):
        os.rmdir(path)

    def unlink(self, path):
        os.unlink(path)

    def unlinkat(self, path, flags):
        syscalls.unlinkat(path, flags)

    def link(self, old, new):
        os.link(old, new)

    def linkat(self, old, new, flags):
        syscalls.linkat(old, new, flags)

    def link_fd(self, new, fd="fd"):
        """Gives a name to an open file that may have none (O_TMPFILE)."""
        syscalls.linkat(f"/proc/self/fd/{self._files[fd]}", new, syscalls.AT_SYMLINK_FOLLOW)

    def symlink(self, target, path):
        os.symlink(target, path)

    def readlink(self, path, size=None):
        return os.readlink(path) if size is None else syscalls.readlink(path, size)

    def rename(self, old, new):
        os.rename(old, new)

    def renameat2(self, old, new, flags):
        syscalls.renameat2(old, new, flags)

    def mknod(self, path, mode, device=0):
        syscalls.mknod(path, mode, device)

    def mkfifo(self, path, mode=0o666):
        os.mkfifo(path, mode)

    def bind(self, path):
        """Makes a socket in the file system."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)

    def connect(self, path):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)

    def listdir(self, path="."):
        return sorted(os.listdir(path))

    def count(self, path="."):
        return len(os.listdir(path))

    def entry_types(self, path="."):
        """What readdir itself says of each name, without a stat."""
        kinds = {}
        with os.scandir(path) as entries:
            for entry in entries:
                kinds[entry.name] = (entry.is_file(follow_symlinks=False), entry.is_dir(follow_symlinks=False),
                                     entry.is_symlink())
        return kinds

    def dots(self, path):
        """What getdents gives besides the names that os.listdir does, which leaves them out."""
        done = subprocess.run(["ls", "-fa", path], check=True, stdout=subprocess.PIPE, text=True)
        return sorted(name for name in done.stdout.split() if name in (".", ".."))

    def listdir_fd(self, fd="fd"):
        return sorted(os.listdir(self._files[fd]))

    def entry_inodes_match(self, path):
        with os.scandir(path) as entries:
            return all(entry.inode() == os.lstat(entry.path).st_ino for entry in entries)

    def read_while_removing(self, path, every):
        """Reads a directory and removes each name that was read, when `every` more were; how many were seen."""
        seen = []
        with os.scandir(path) as entries:
            for entry in entries:
                seen.append(entry.name)
                if len(seen) % every == 0:
                    os.unlink(os.path.join(path, seen[-1]))
        return len(set(seen)) if len(set(seen)) == len(seen) else f"{len(seen)} names, some twice"

    def rewound(self, path, new):
        """What a directory's descriptor gives before and after a name was made."""
        number = os.open(path, os.O_RDONLY)
        try:
            first = sorted(os.listdir(number))
            os.close(os.open(new, os.O_CREAT, 0o644))
            return (first, sorted(os.listdir(number)))
        finally:
            os.close(number)

    def make_many(self, path, count):
        for number in range(count):
            os.close(os.open(f"{path}/{number:05}", os.O_CREAT | os.O_EXCL, 0o644))

    def make_links(self, path, count):
        for number in range(count):
            os.link(path, f"l{number}")

    def chdir(self, path):
        os.chdir(path)

    def getcwd(self):
        return os.path.basename(os.getcwd())

    # Attributes

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
        fields = {"nlink": found.st_nlink, "size": found.st_size, "mode": stat.S_IMODE(found.st_mode),
                  "uid": found.st_uid, "gid": found.st_gid}
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
                and found.f_ffree <= found.f_files and found.f_bsize >= 512 and found.f_frsize >= 512)

    def statvfs_same(self, path, fd="fd"):
        one, other = os.statvfs(path), os.fstatvfs(self._files[fd])
        return (one.f_bsize, one.f_namemax, one.f_blocks) == (other.f_bsize, other.f_namemax, other.f_blocks)

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
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return (done.returncode, done.stdout)

    # Locks

    def flock(self, operation, fd="fd"):
        syscalls.flock(self._files[fd], operation)

    def lock(self, command, kind, start, length, fd="fd", whence=os.SEEK_SET):
        """F_SETLK and its like; F_GETLK gives (type, start, length) of a lock that is in the way, or the type."""
        found = syscalls.lock(self._files[fd], command, kind, start, length, whence)
        if command in (syscalls.F_GETLK, syscalls.F_OFD_GETLK):
            return found[:3] if found[0] != syscalls.F_UNLCK else syscalls.F_UNLCK
        return None

    def alarmed(self, operation, *arguments):
        """The call, interrupted by a signal after a while."""
        before = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        try:
            return getattr(self, operation)(*arguments)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    # Memory

    def mmap(self, length, protection, flags=mmap.MAP_SHARED, offset=0, fd="fd", name="map"):
        self._maps[name] = mmap.mmap(self._files[fd], length, flags=flags, prot=protection, offset=offset)

    def mmap_raw(self, length, protection, flags, offset=0, fd="fd"):
        """Only for its errors: is unmapped at once."""
        syscalls.mmap_fails(self._files[fd], length, protection, flags, offset)

    def munmap(self, name="map"):
        self._maps.pop(name).close()

    def peek(self, start, length, name="map"):
        return self._maps[name][start:start + length]

    def poke(self, start, data, name="map"):
        self._maps[name][start:start + len(data)] = data

    def msync(self, name="map"):
        self._maps[name].flush()

    def touch_beyond_end(self, start, name="map"):
        """The signal that reading the map there ends a process with; 0: none."""
        child = os.fork()
        if child == 0:
            try:
                self._maps[name][start]  # pylint: disable=pointless-statement
            finally:
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
