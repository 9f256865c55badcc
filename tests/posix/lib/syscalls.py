"""System calls that Python's os module lacks, or hides a flag of. Each raises OSError with the errno."""
import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.lseek.restype = ctypes.c_long
_libc.lseek.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int]
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long]
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long
]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.msync.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

_libc.opendir.restype = ctypes.c_void_p
_libc.readdir.restype = ctypes.c_void_p
_libc.readdir.argtypes = _libc.telldir.argtypes = _libc.closedir.argtypes = [ctypes.c_void_p]
_libc.telldir.restype = ctypes.c_long
_libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR = 0x100, 0x200
AT_SYMLINK_FOLLOW, AT_EMPTY_PATH, AT_EACCESS = 0x400, 0x1000, 0x200
RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT = 1, 2, 4
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_COLLAPSE_RANGE = 0x1, 0x2, 0x8
FALLOC_ZERO_RANGE, FALLOC_INSERT_RANGE, FALLOC_UNSHARE_RANGE = 0x10, 0x20, 0x40
UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
F_SETLK, F_SETLKW, F_GETLK = 6, 7, 5
F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
O_TMPFILE = 0o20000000 | os.O_DIRECTORY


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class FileLock(ctypes.Structure):
    """struct flock of 64-bit Linux."""
    _fields_ = [("type", ctypes.c_short), ("whence", ctypes.c_short), ("start", ctypes.c_long),
                ("length", ctypes.c_long), ("pid", ctypes.c_int)]


def checked(result):
    """`result`, or OSError where it is -1."""
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def path_bytes(path):
    return ctypes.c_char_p(os.fsencode(path))


def renameat2(old, new, flags):
    checked(_libc.renameat2(AT_FDCWD, path_bytes(old), AT_FDCWD, path_bytes(new), flags))


def linkat(old, new, flags, old_directory=AT_FDCWD):
    checked(_libc.linkat(old_directory, path_bytes(old), AT_FDCWD, path_bytes(new), flags))


def unlinkat(path, flags):
    checked(_libc.unlinkat(AT_FDCWD, path_bytes(path), flags))


def utimensat(path, atime, mtime, flags):
    """Times are (seconds, nanoseconds), where nanoseconds may be UTIME_NOW or UTIME_OMIT."""
    times = (Timespec * 2)(Timespec(*atime), Timespec(*mtime))
    checked(_libc.utimensat(AT_FDCWD, path_bytes(path), times, flags))


def utimensat_null(path, flags):
    checked(_libc.utimensat(AT_FDCWD, path_bytes(path), None, flags))


def futimens(fd, atime, mtime):
    times = (Timespec * 2)(Timespec(*atime), Timespec(*mtime))
    checked(_libc.futimens(fd, times))


def fallocate(fd, mode, offset, length):
    checked(_libc.fallocate(fd, mode, offset, length))


def lseek(fd, offset, whence):
    return checked(_libc.lseek(fd, offset, whence))


def faccessat(path, mode, flags):
    checked(_libc.faccessat(AT_FDCWD, path_bytes(path), mode, flags))


def flock(fd, operation):
    """Unlike fcntl.flock it is not called again after a signal."""
    checked(_libc.flock(fd, operation))


def lock(fd, command, kind, start, length, whence=os.SEEK_SET):
    """fcntl with F_SETLK and its like. What the kernel left in the structure, as (type, start, length)."""
    request = FileLock(kind, whence, start, length, 0)
    checked(_libc.fcntl(fd, command, ctypes.byref(request)))
    return (request.type, request.start, request.length, request.pid)


def mmap_fails(fd, length, protection, flags, offset):
    """Maps and unmaps again: for the errors that mmap can give."""
    address = _libc.mmap(None, length, protection, flags, fd, offset)
    if address == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    checked(_libc.munmap(address, length))


def creat(path, mode):
    return checked(_libc.creat(path_bytes(path), mode))


def mknod(path, mode, device):
    checked(_libc.mknod(path_bytes(path), ctypes.c_uint(mode), ctypes.c_ulong(device)))


def readlink(path, size):
    """With a buffer of `size` bytes."""
    buffer = ctypes.create_string_buffer(max(size, 1))
    count = checked(_libc.readlink(path_bytes(path), buffer, size))
    return os.fsdecode(buffer.raw[:count])


def open_raw(path, flags, mode):
    """open(2) without the O_CLOEXEC that os.open adds."""
    return checked(_libc.open(path_bytes(path), flags, mode))


def with_bad_address(call):
    """`call`: the name of one whose only or first argument is a path, and all others may be 0."""
    checked(getattr(_libc, call)(ctypes.c_void_p(1), 0, 0, 0))


# Of struct dirent: the name follows inode, position, length and type.
_NAME_AT = 19


def seekdir_finds(path):
    """Reads a directory, and then each entry again, last first, from where telldir said it is."""
    stream = _libc.opendir(path_bytes(path))
    if not stream:
        checked(-1)
    try:
        places = []
        while True:
            at = _libc.telldir(stream)
            entry = _libc.readdir(stream)
            if not entry:
                break
            places.append((at, ctypes.string_at(entry + _NAME_AT)))
        for at, name in reversed(places):
            _libc.seekdir(stream, at)
            entry = _libc.readdir(stream)
            if not entry or ctypes.string_at(entry + _NAME_AT) != name:
                return f"{name} is not where it was"
        return len(places)
    finally:
        _libc.closedir(stream)
