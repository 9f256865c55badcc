"""What an actor can do, by name. Runs in the actor's process; knows its open files by the names cases give.

A result is a value that can be compared: no descriptor, no time. Errors are OSError.
"""
import fcntl
import mmap
import os
import resource
import shutil
import signal
import socket
import subprocess

from . import syscalls
from .attribute_operations import AttributeOperations


class Operations(AttributeOperations):
    """The calls themselves. Those that take `fd` want the name of an open file."""
    def __init__(self):
        super().__init__()
        self._maps = {}

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

    def pwritev2(self, data, offset, flags, fd="fd"):
        return os.pwritev(self._files[fd], [data], offset, flags)

    def limited(self, limit, operation, *arguments):
        """The call, with files limited to `limit` bytes (RLIMIT_FSIZE) and the signal for it ignored."""
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            return getattr(self, operation)(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)

    def make_program(self, path):
        """A copy of sleep(1)."""
        shutil.copyfile("/bin/sleep", path)
        os.chmod(path, 0o755)

    def while_running(self, program, operation, *arguments):
        """The call, while a process runs the program."""
        running = subprocess.Popen([f"./{program}", "60"])
        try:
            return getattr(self, operation)(*arguments)
        finally:
            running.kill()
            running.wait()

    def bad_address(self, call):
        """A call whose path is at an address that nobody may read."""
        syscalls.with_bad_address(call)

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
                kinds[entry.name] = (entry.is_file(follow_symlinks=False),
                                     entry.is_dir(follow_symlinks=False), entry.is_symlink())
        return kinds

    def dots(self, path):
        """What getdents gives besides the names that os.listdir does, which leaves them out."""
        done = subprocess.run(["ls", "-fa", path], check=True, stdout=subprocess.PIPE, text=True)
        return sorted(name for name in done.stdout.split() if name in (".", ".."))

    def seeks_to_each(self, path):
        """Whether seekdir to the place that telldir gave before each entry leads to that entry again."""
        return syscalls.seekdir_finds(path)

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
        self._maps[name] = mmap.mmap(self._files[fd],
                                     length,
                                     flags=flags,
                                     prot=protection,
                                     offset=offset)

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
