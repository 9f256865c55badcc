"""Random calls on one file against a model in memory, around every boundary of the layout.

With several paths to the file, on different mounts, these take turns: the file is closed on one mount and
opened on the next, which is what close-to-open consistency asks for.
"""
import mmap
import os
import random

from . import syscalls

KIB, MIB = 1 << 10, 1 << 20
# Of a block, of what lives inline, of a chunk, and of stripes over two and four nodes.
BOUNDARIES = (0, 4 * KIB, 16 * KIB, 64 * KIB, MIB, 2 * MIB, 4 * MIB)
MAX_SIZE = 5 * MIB
PAGE = mmap.PAGESIZE
# Calls before the next path has its turn, on average.
TURN = 12
# Calls that the report of a failure repeats.
TAIL = 40


class Mismatch(Exception):
    """The file is not as the model says."""


class Fsx:
    """One run. The same seed makes the same calls."""
    def __init__(self, paths, seed):
        self._paths = [str(path) for path in paths]
        self._random = random.Random(seed)
        self._seed = seed
        self._model = bytearray()
        self._turn = 0
        self._log = []
        self._calls = {
            self._read: 6, self._write: 6, self._append: 2, self._truncate: 3, self._mapped_read: 3,
            self._mapped_write: 3, self._punch: 2, self._zero: 2, self._allocate: 2, self._copy: 3,
            self._direct_read: 1, self._direct_write: 1, self._fsync: 1, self._reopen: 1,
            self._overwrite_all: 1
        }

    def run(self, calls):
        """Mismatch, which tells how to repeat it, or OSError."""
        self._fd = os.open(self._paths[0], os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
        try:
            for _ in range(calls):
                self._one()
            self._check_all()
        except (Mismatch, OSError) as error:
            tail = "\n   ".join(self._log[-TAIL:])
            raise Mismatch(
                f"fsx, seed {self._seed}, call {len(self._log)}: {error}\n   {tail}") from error
        finally:
            os.close(self._fd)
            os.unlink(self._paths[0])

    def _one(self):
        if len(self._paths) > 1 and self._random.randrange(TURN) == 0:
            self._turn = (self._turn + 1) % len(self._paths)
            self._reopen()
        call = self._random.choices(list(self._calls), weights=self._calls.values())[0]
        call()
        size = os.fstat(self._fd).st_size
        if size != len(self._model):
            raise Mismatch(f"the size is {size} instead of {len(self._model)}")

    def _note(self, text):
        self._log.append(f"{self._turn}: {text}")

    # Where and how much

    def _position(self, limit=MAX_SIZE):
        """Often near a boundary, or near the end of the file."""
        kind = self._random.randrange(4)
        if kind == 0:
            at = self._random.randrange(limit)
        elif kind == 1:
            at = len(self._model) + self._random.randint(-2, 2)
        else:
            at = self._random.choice(BOUNDARIES) + self._random.choice(
                (0, 0, -1, 1, self._random.randint(-5000, 5000)))
        return min(max(at, 0), limit - 1)

    def _range(self):
        """(start, end), not empty, below MAX_SIZE."""
        start = self._position()
        if self._random.randrange(2):
            end = self._position() + 1
        else:
            end = start + self._random.choice(
                (1, 100, PAGE, 16 * KIB, self._random.randint(1, 300 * KIB)))
        start, end = min(start, end - 1), max(end, start + 1)
        return start, min(end, MAX_SIZE)

    def _range_in_file(self):
        start, end = self._range()
        end = min(end, len(self._model))
        return (start, end) if start < end else (0, len(self._model))

    def _grow_model(self, size):
        if size > len(self._model):
            self._model.extend(bytes(size - len(self._model)))

    def _compare(self, start, data, what):
        expected = self._model[start:start + len(data)]
        if data != expected:
            at = next(index for index in range(len(expected)) if data[index] != expected[index])
            raise Mismatch(
                f"{what}: byte {start + at} is {data[at:at + 8].hex()} instead of {expected[at:at + 8].hex()}"
            )

    def _check_all(self):
        for path in self._paths:
            os.close(self._fd)
            self._fd = os.open(path, os.O_RDWR)
            data = os.pread(self._fd, MAX_SIZE + 1, 0)
            if len(data) != len(self._model):
                raise Mismatch(
                    f"{path} has {len(data)} bytes at the end instead of {len(self._model)}")
            self._compare(0, data, path)

    # The calls

    def _read(self):
        start, end = self._range()
        self._note(f"read {start}..{end}")
        data = os.pread(self._fd, end - start, start)
        wanted = max(0, min(end, len(self._model)) - start)
        if len(data) != wanted:
            raise Mismatch(f"read gives {len(data)} bytes instead of {wanted}")
        self._compare(start, data, "read")

    def _put(self, start, data):
        written = os.pwrite(self._fd, data, start)
        if written != len(data):
            raise Mismatch(f"write takes {written} bytes of {len(data)}")
        self._grow_model(start + len(data))
        self._model[start:start + len(data)] = data

    def _write(self):
        start, end = self._range()
        self._note(f"write {start}..{end}")
        self._put(start, self._random.randbytes(end - start))

    def _append(self):
        size = min(self._random.choice((1, 100, 5000, 70000)), MAX_SIZE - len(self._model))
        if size > 0:
            self._note(f"append {size} at {len(self._model)}")
            self._put(len(self._model), self._random.randbytes(size))

    def _overwrite_all(self):
        """As an editor does: O_TRUNC and new bytes."""
        self._note("truncate by open, and write anew")
        os.close(self._fd)
        self._fd = os.open(self._paths[self._turn], os.O_RDWR | os.O_TRUNC)
        self._model.clear()
        self._put(
            0,
            self._random.randbytes(self._random.choice((1, 5000, 16 * KIB, 16 * KIB + 1, MIB + 1))))

    def _truncate(self):
        size = self._position()
        self._note(f"truncate {len(self._model)} to {size}")
        os.ftruncate(self._fd, size)
        del self._model[size:]
        self._grow_model(size)

    def _mapped_read(self):
        if not self._model:
            return
        start, end = self._range_in_file()
        self._note(f"mapped read {start}..{end}")
        with mmap.mmap(self._fd, len(self._model), prot=mmap.PROT_READ) as mapped:
            self._compare(start, mapped[start:end], "mapped read")

    def _mapped_write(self):
        if not self._model:
            return
        start, end = self._range_in_file()
        self._note(f"mapped write {start}..{end}")
        data = self._random.randbytes(end - start)
        with mmap.mmap(self._fd, len(self._model)) as mapped:
            mapped[start:end] = data
            if self._random.randrange(2):
                mapped.flush()
        self._model[start:end] = data

    def _clear(self, start, end):
        end = min(end, len(self._model))
        if start < end:
            self._model[start:end] = bytes(end - start)

    def _punch(self):
        start, end = self._range()
        self._note(f"punch a hole {start}..{end}")
        syscalls.fallocate(self._fd, syscalls.FALLOC_PUNCH_HOLE | syscalls.FALLOC_KEEP_SIZE, start,
                           end - start)
        self._clear(start, end)

    def _zero(self):
        start, end = self._range()
        keep = self._random.randrange(2) * syscalls.FALLOC_KEEP_SIZE
        self._note(f"zero {start}..{end}{', keep the size' if keep else ''}")
        syscalls.fallocate(self._fd, syscalls.FALLOC_ZERO_RANGE | keep, start, end - start)
        self._clear(start, end)
        if not keep:
            self._grow_model(end)

    def _allocate(self):
        start, end = self._range()
        keep = self._random.randrange(2) * syscalls.FALLOC_KEEP_SIZE
        self._note(f"allocate {start}..{end}{', keep the size' if keep else ''}")
        syscalls.fallocate(self._fd, keep, start, end - start)
        if not keep:
            self._grow_model(end)

    def _copy(self):
        if not self._model:
            return
        start, end = self._range_in_file()
        target = self._position(MAX_SIZE - (end - start))
        if max(start, target) < min(end, target + end - start):
            return  # the two would overlap
        self._note(f"copy {start}..{end} to {target}")
        done = 0
        while done < end - start:
            count = os.copy_file_range(self._fd, self._fd, end - start - done, start + done,
                                       target + done)
            if count == 0:
                raise Mismatch(f"copy_file_range ends after {done} bytes")
            done += count
        self._grow_model(target + end - start)
        self._model[target:target + end - start] = self._model[start:end]

    def _direct(self, call):
        """On a second descriptor with O_DIRECT and aligned memory."""
        fd = os.open(self._paths[self._turn], os.O_RDWR | os.O_DIRECT)
        pages = self._random.choice((1, 4, 5, 64))
        try:
            with mmap.mmap(-1, pages * PAGE) as memory, memoryview(memory) as view:
                call(fd, self._position(MAX_SIZE - len(view)) // PAGE * PAGE, view)
        finally:
            os.close(fd)

    def _direct_read(self):
        def call(fd, start, view):
            self._note(f"direct read {start}..{start + len(view)}")
            count = os.preadv(fd, [view], start)
            wanted = max(0, min(start + len(view), len(self._model)) - start)
            if count != wanted:
                raise Mismatch(f"direct read gives {count} bytes instead of {wanted}")
            self._compare(start, bytes(view[:count]), "direct read")

        self._direct(call)

    def _direct_write(self):
        def call(fd, start, view):
            self._note(f"direct write {start}..{start + len(view)}")
            data = self._random.randbytes(len(view))
            view[:] = data
            if os.pwritev(fd, [view], start) != len(data):
                raise Mismatch("direct write takes not all bytes")
            self._grow_model(start + len(data))
            self._model[start:start + len(data)] = data

        self._direct(call)

    def _fsync(self):
        self._note("fsync")
        os.fsync(self._fd)

    def _reopen(self):
        self._note("close and open")
        os.close(self._fd)
        self._fd = os.open(self._paths[self._turn], os.O_RDWR)
