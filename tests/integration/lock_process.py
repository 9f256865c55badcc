"""A process that locks what it is told to: one line of JSON in, one out. For test_locks.py.

Each request is [call, argument...]; the answer is {"ok": value} or {"errno": number}. A process of its
own because fcntl locks belong to processes.
"""
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys

F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38
FLOCK = "hhqqi4x"  # struct flock on x86-64
TYPES = {"read": fcntl.F_RDLCK, "write": fcntl.F_WRLCK, "unlock": fcntl.F_UNLCK}
FLOCKS = {"shared": fcntl.LOCK_SH, "exclusive": fcntl.LOCK_EX, "unlock": fcntl.LOCK_UN}


class Calls:
    """What can be asked for. Descriptors are numbers of this process."""

    @staticmethod
    def open(path, flags=os.O_RDWR):
        return os.open(path, flags)

    @staticmethod
    def close(descriptor):
        os.close(descriptor)

    @staticmethod
    def flock(descriptor, how, wait=False):
        fcntl.flock(descriptor, FLOCKS[how] | (0 if wait else fcntl.LOCK_NB))

    @staticmethod
    def setlk(descriptor, how, start=0, length=0, wait=False, ofd=False):
        command = {(False, False): fcntl.F_SETLK, (True, False): fcntl.F_SETLKW,
                   (False, True): F_OFD_SETLK, (True, True): F_OFD_SETLKW}[wait, ofd]
        fcntl.fcntl(descriptor, command, struct.pack(FLOCK, TYPES[how], 0, start, length, 0))

    @staticmethod
    def getlk(descriptor, how, start=0, length=0):
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK,
                             struct.pack(FLOCK, TYPES[how], 0, start, length, 0))
        kind, _, start, length, pid = struct.unpack(FLOCK, answer)
        names = {number: name for name, number in TYPES.items()}
        return [names[kind], start, length, pid]

    @staticmethod
    def read(descriptor, length, offset):
        return os.pread(descriptor, length, offset).decode()

    @staticmethod
    def write(descriptor, text, offset):
        return os.pwrite(descriptor, text.encode(), offset)

    @staticmethod
    def pid():
        return os.getpid()

    @staticmethod
    def count(descriptor, times, how):
        """Adds 1 to the number in a file, under a lock, again and again."""
        for _ in range(times):
            if how == "flock":
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            else:
                fcntl.lockf(descriptor, fcntl.LOCK_EX)
            number = int(os.pread(descriptor, 20, 0) or b"0")
            os.pwrite(descriptor, b"%020d" % (number + 1), 0)
            if how == "flock":
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            else:
                fcntl.lockf(descriptor, fcntl.LOCK_UN)

    @staticmethod
    def append(descriptor, times, record):
        """Writes records at the end of a file, each under a lock."""
        for number in range(times):
            fcntl.lockf(descriptor, fcntl.LOCK_EX)
            end = os.fstat(descriptor).st_size
            os.pwrite(descriptor, f"{record} {number}\n".encode(), end)
            fcntl.lockf(descriptor, fcntl.LOCK_UN)


def interrupt(_number, _frame):
    raise InterruptedError(4, "a signal")


def serve():
    signal.signal(signal.SIGUSR1, interrupt)
    for line in sys.stdin:
        call, *arguments = json.loads(line)
        try:
            answer = {"ok": getattr(Calls, call)(*arguments)}
        except OSError as error:
            answer = {"errno": error.errno}
        print(json.dumps(answer), flush=True)


class LockProcess:
    """The other end: starts it and talks to it."""

    def __init__(self):
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)

    def start(self, call, *arguments):
        """Asks; answer() waits for the answer."""
        self._process.stdin.write(json.dumps([call, *arguments]) + "\n")
        self._process.stdin.flush()

    def fileno(self):
        """For select: an answer has come."""
        return self._process.stdout.fileno()

    def answer(self):
        line = self._process.stdout.readline()
        assert line, "the locking process has ended"
        answer = json.loads(line)
        return answer["ok"] if "ok" in answer else -answer["errno"]

    def ask(self, call, *arguments):
        """The value, or minus the errno."""
        self.start(call, *arguments)
        return self.answer()

    def signal(self):
        self._process.send_signal(signal.SIGUSR1)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def end(self):
        self._process.stdin.close()
        self._process.stdout.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    serve()
