"""A file and a model of its bytes, changed at random and compared."""
import ctypes
import os

from cluster import BLOCK, CHUNK, INLINE_MAX
from files import check_file

_libc = ctypes.CDLL(None, use_errno=True)
_KEEP_SIZE_AND_PUNCH = 1 | 2  # of fallocate(2)


def punch_hole(fd, offset, length):
    if _libc.fallocate64(fd, _KEEP_SIZE_AND_PUNCH, ctypes.c_int64(offset), ctypes.c_int64(length)):
        raise OSError(ctypes.get_errno(), "fallocate")


class ModelFile:
    """Makes a new file. Each action changes file and model alike, or compares what it reads."""

    LIMIT = 5 * CHUNK + 12345

    def __init__(self, path, rng):
        self.path, self.rng, self.model = path, rng, bytearray()
        self.steps = 0
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self._actions = {self.write: 30, self.read: 30, self.truncate: 8, self.append: 6,
                         self.punch: 5, self.sync: 4, self.reopen: 5, self.truncate_at_open: 2}

    def step(self):
        """One action, drawn by weight."""
        action, = self.rng.choices(list(self._actions), list(self._actions.values()))
        try:
            action()
        except Exception as error:
            raise AssertionError(
                f"{self.path}, step {self.steps}, {action.__name__}: {error}") from error
        self.steps += 1

    def near_boundary(self):
        """An offset or size: often just around a boundary."""
        if self.rng.random() < 0.3:
            return self.rng.randrange(self.LIMIT)
        edge = self.rng.choice(
            (0, BLOCK, INLINE_MAX, 64 * 1024, CHUNK, 2 * CHUNK, 4 * CHUNK, len(self.model)))
        return max(0, min(self.LIMIT, edge + self.rng.choice((-BLOCK, -5, -1, 0, 1, 5, BLOCK))))

    def length(self):
        return self.rng.choice((1, 7, BLOCK - 1, BLOCK, BLOCK + 1, INLINE_MAX, 100_000,
                                CHUNK, CHUNK + 1, 2 * CHUNK + 77))

    def write(self):
        offset, data = self.near_boundary(), self.rng.randbytes(self.length())
        data = data[:max(1, self.LIMIT + CHUNK - offset)]
        assert os.pwrite(self.fd, data, offset) == len(data)
        if len(self.model) < offset:
            self.model.extend(bytes(offset - len(self.model)))
        self.model[offset:offset + len(data)] = data

    def read(self):
        offset, length = self.near_boundary(), self.length()
        got = os.pread(self.fd, length, offset)
        assert got == self.model[offset:offset + length], f"read of {length} at {offset}"

    def truncate(self):
        size = self.near_boundary()
        os.ftruncate(self.fd, size)
        del self.model[size:]
        self.model.extend(bytes(size - len(self.model)))

    def append(self):
        data = self.rng.randbytes(self.length())
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        assert os.write(fd, data) == len(data)
        os.close(fd)
        self.model.extend(data)

    def punch(self):
        offset, length = self.near_boundary(), self.length()
        punch_hole(self.fd, offset, length)
        end = min(offset + length, len(self.model))
        if offset < end:
            self.model[offset:end] = bytes(end - offset)

    def sync(self):
        os.fsync(self.fd)

    def reopen(self, flags=0):
        self.close()
        self.fd = os.open(self.path, os.O_RDWR | flags)

    def truncate_at_open(self):
        self.reopen(os.O_TRUNC)
        self.model.clear()

    def check(self):
        """Compares every byte."""
        assert os.fstat(self.fd).st_size == len(self.model)
        check_file(self.path, bytes(self.model))

    def close(self):
        """Harmless where it is closed already, as after an action that failed."""
        if self.fd is not None:
            fd, self.fd = self.fd, None
            os.close(fd)
