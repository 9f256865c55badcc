"""Operations that open, act and close, for the state machine: what one mount has done the other may then see."""
import os
import stat

from . import actors, syscalls


class WholeCalls(actors.Helper):
    """A FIFO is opened, too, and never waited for: O_NONBLOCK, which means nothing to a file."""
    def make_file(self, path, mode, flags):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK | flags, mode))

    def write_at(self, path, data, offset):
        return self._with(path, os.O_WRONLY, lambda fd: os.pwrite(fd, data, offset))

    def append(self, path, data):
        return self._with(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT,
                          lambda fd: os.write(fd, data))

    def truncate_open(self, path, size):
        return self._with(path, os.O_WRONLY, lambda fd: os.ftruncate(fd, size))

    def allocate_in(self, path, mode, offset, length):
        return self._with(path, os.O_RDWR, lambda fd: syscalls.fallocate(fd, mode, offset, length))

    def copy_between(self, source, target, count, read_at, write_at):
        def copy(input_fd):
            return self._with(
                target, os.O_WRONLY,
                lambda output_fd: os.copy_file_range(input_fd, output_fd, count, read_at, write_at))

        return self._with(source, os.O_RDONLY, copy)

    @staticmethod
    def _with(path, flags, call):
        fd = os.open(path, flags | os.O_NONBLOCK, 0o644)
        try:
            return call(fd)
        finally:
            os.close(fd)

    def tree(self):
        """Everything below the current directory, as two file systems must agree on it; inode, mtime and ctime apart."""
        found, times = {}, {}
        for folder, folders, files in os.walk("."):
            for name in [*folders, *files]:
                path = os.path.join(folder, name)
                found[path], times[path] = self._seen(path)
        return found, times

    @staticmethod
    def _seen(path):
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        seen = {
            "mode": f"{status.st_mode:o}", "nlink": status.st_nlink, "uid": status.st_uid, "gid":
            status.st_gid
        }
        if kind != stat.S_IFDIR:  # whose size is the file system's own affair
            seen["size"] = status.st_size
        if kind == stat.S_IFLNK:
            seen["target"] = os.readlink(path)
        else:
            seen["xattrs"] = {name: os.getxattr(path, name) for name in sorted(os.listxattr(path))}
        if kind == stat.S_IFREG:
            with open(path, "rb", buffering=0) as source:
                seen["data"] = source.readall()
        return seen, (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
