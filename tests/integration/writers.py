"""Threads that write while others break things, and know what must be there afterwards."""
import os
import threading

from cluster import CHUNK, INLINE_MAX, wait_for
from files import check_file, seeded_bytes, write_file
from model_file import ModelFile


class Writers:
    """Threads that write new files and change one file each, and remember what was acknowledged.

    A file counts from the return of its close; a pwrite from its return.
    """

    SIZES = (0, 100, INLINE_MAX - 1, INLINE_MAX + 1, 100_000, CHUNK, 2 * CHUNK + 5)

    def __init__(self, directory, count=3):
        self.directory = directory
        self.acknowledged = {}  # path → seed, size
        self.models = {}
        self.errors = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self, number):
        try:
            self._write(number)
        except Exception as error:  # reported by stop()
            self.errors.append(error)

    def _write(self, number):
        model = bytearray()
        with open(self.directory / f"changed-{number}", "w+b", buffering=0) as changed:
            step = 0
            while not self._stopping.is_set():
                seed, size = number * 1_000_000 + step, self.SIZES[step % len(self.SIZES)]
                path = self.directory / f"new-{number}-{step}"
                write_file(path, seeded_bytes(seed, size))
                with self._lock:
                    self.acknowledged[path.name] = (seed, size)
                offset, data = step * 7919 % (2 * CHUNK), seeded_bytes(-1 - seed, 9000)
                assert os.pwrite(changed.fileno(), data, offset) == len(data)
                if len(model) < offset:
                    model.extend(bytes(offset - len(model)))
                model[offset:offset + len(data)] = data
                if step % 5 == 0:
                    os.fsync(changed.fileno())
                step += 1
        self.models[f"changed-{number}"] = bytes(model)

    def done(self):
        with self._lock:
            return len(self.acknowledged)

    def wait_progress(self, files=6):
        """Until that many more files were acknowledged."""
        goal = self.done() + files
        wait_for(lambda: self.done() >= goal or self.errors, f"{files} more files written")
        assert not self.errors, self.errors

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        assert not self.errors, self.errors

    def check(self, directory):
        names = set(self.acknowledged) | set(self.models)
        assert names == set(os.listdir(directory))
        for name, (seed, size) in self.acknowledged.items():
            check_file(directory / name, seeded_bytes(seed, size))
        for name, model in self.models.items():
            check_file(directory / name, model)


class Changer:
    """A thread that changes one file at random and compares what it reads; see ModelFile."""

    def __init__(self, path, rng):
        self.file = ModelFile(path, rng)
        self.error = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            while not self._stopping.is_set():
                self.file.step()
            self.file.sync()
            self.file.check()
        except Exception as error:  # reported by stop()
            self.error = error

    def done(self):
        return self.file.steps

    def wait_progress(self, steps=20):
        """Until it has done that many more steps."""
        goal = self.done() + steps
        wait_for(lambda: self.done() >= goal or self.error, f"{steps} more steps")
        assert self.error is None, self.error

    def stop(self):
        self._stopping.set()
        self._thread.join()
        try:
            self.file.close()
        finally:
            assert self.error is None, self.error

    def check(self, directory):
        check_file(directory / self.file.path.name, bytes(self.file.model))
