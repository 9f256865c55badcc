"""Actors: one long-lived process for each identity. It drops its privileges and runs operations it is sent."""
import ctypes
import multiprocessing
import os
import signal
import stat
import time

from . import attribute_operations, operations
from .model import ACTORS, BLOCK, CHAR, FIFO, FOLDER, REGULAR, SOCKET, SYMLINK

_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
# A call that takes longer hangs: its actor is killed.
HANG_SECONDS = 60
_FORMATS = {FIFO: stat.S_IFIFO, SOCKET: stat.S_IFSOCK, CHAR: stat.S_IFCHR, BLOCK: stat.S_IFBLK}


class Helper(operations.Operations):
    """What the runner itself asks of root's process."""
    def make(self, things):
        os.umask(0)
        for thing in things:
            self._make(thing)

    def _make(self, thing):
        if thing.kind == REGULAR:
            number = os.open(thing.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            data = memoryview(thing.content)
            while data:
                data = data[os.write(number, data):]
            os.close(number)
        elif thing.kind == FOLDER:
            os.mkdir(thing.path, 0o700)
        elif thing.kind == SYMLINK:
            os.symlink(thing.content, thing.path)
        else:
            os.mknod(thing.path, _FORMATS[thing.kind] | 0o600, thing.content or 0)
        if (thing.uid, thing.gid) != (0, 0):
            os.lchown(thing.path, thing.uid, thing.gid)
        if thing.kind != SYMLINK:
            os.chmod(thing.path, thing.mode)

    def look(self, paths):
        return {path: attribute_operations.describe(path) for path in paths}

    def see(self, path, name):
        """What `after` may ask for and lstat does not tell."""
        if name == "data":
            return self.content(path)
        if name == "target":
            return os.readlink(path)
        if name == "names":
            return sorted(os.listdir(path))
        raise ValueError(f"a case asks for {name!r}")

    def snapshot(self):
        """Names and attributes of everything, but for what looking at it changes."""
        found = {}
        for path, folders, files in os.walk("."):
            for name in [*folders, *files, "."]:
                at = os.path.join(path, name)
                found[at] = attribute_operations.describe(at)
                del found[at]["atime"]
        return found


class Died(Exception):
    """An actor's process ended in the midst of a call."""


class Actor:
    """The process of one identity. One call at a time; only `start` does not wait for its end."""
    def __init__(self, name, operations_of=Helper):
        """`operations_of`: the class whose methods it can be sent."""
        self.name = name
        self._operations_of = operations_of
        self.identity = ACTORS[name]
        self.directory = "/"  # of the case it acts in; the runner's
        self._connection = None
        self.pid = None
        self.owes_answer = False
        self.born()

    def born(self):
        ours, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            _serve(theirs, self.identity, self._operations_of())
        theirs.close()
        self._connection = ours

    def start(self, operation, arguments):
        self.owes_answer = True
        self._connection.send((operation, arguments))

    def finish(self, seconds=HANG_SECONDS):
        """("ok", value), ("errno", number) or ("died", why)."""
        if not self._connection.poll(seconds):
            self.die()
            return ("died", f"no answer within {seconds} s")
        self.owes_answer = False
        try:
            return self._connection.recv()
        except EOFError:
            self.die()
            return ("died", "the process ended")

    def is_blocked(self, seconds=0.15):
        """Whether the call that was started still waits, after time enough to have answered."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._connection.poll(0.01):
                return False
        return True

    def rest(self):
        """Ends what it does and closes what it has open."""
        if self.owes_answer or self.call("end")[0] != "ok":
            self.die()

    def call(self, operation, *arguments):
        self.start(operation, arguments)
        return self.finish()

    def ask(self, operation, *arguments):
        """As call, for what must not fail."""
        kind, value = self.call(operation, *arguments)
        if kind == "ok":
            return value
        raise Died(f"{self.name}.{operation}{arguments!r:.100}: {kind} {value}")

    def die(self):
        """kill -9, and a new process, without open files."""
        self.end()
        self.owes_answer = False
        self.born()

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        self._connection.close()
        os.waitpid(self.pid, 0)


def _serve(connection, identity, helper):
    """The child: never returns."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.setgroups(identity.groups)
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user, which forgets it
        while True:
            operation, arguments = connection.recv()
            connection.send(_result(helper, operation, arguments))
    except (EOFError, ConnectionError):
        pass
    finally:
        os._exit(0)


def _result(helper, operation, arguments):
    try:
        return ("ok", getattr(helper, operation)(*arguments))
    except OSError as error:
        return ("errno", error.errno)
    except Exception as error:  # a bug of the case: shown as its failure
        return ("died", f"{type(error).__name__}: {error}")
