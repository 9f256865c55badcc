"""A case as data: what is there first, who calls what, what comes back, and what is there afterwards.

    Case("the owner may change the mode",
         [file("f", 0o644, ALICE)],
         alice.chmod("f", 0o600),                     # a step; it must succeed
         bob.chmod("f", 0o777).fails(EPERM),          # or fail so
         bob.open("f", O_RDONLY, "fd").fails(EACCES),
         after={"f": {"mode": 0o600, "uid": ALICE}},  # None: is not there
         changes="f.ctime", keeps="f.mtime d.mtime d.ctime")

A step is an actor's name, an operation of operations.py and its arguments. Paths are relative to the
case's own directory, which belongs to root and has mode 0777. Open files have names. Where every step
of a case fails, nothing may have changed at all.
"""
import dataclasses
import errno
import os
import stat
import typing

# Users and groups are numbers: no password file knows them.
ROOT, ALICE, BOB, CAROL, DAVE = 0, 31001, 31002, 31003, 31004
# Groups besides those that have a user's number. ALICE, CAROL and DAVE are in STAFF, ALICE is in WHEEL.
STAFF, WHEEL = 32001, 32002

REGULAR, FOLDER, SYMLINK, FIFO = "file", "dir", "symlink", "fifo"
SOCKET, CHAR, BLOCK = "socket", "char", "block"
KINDS = (REGULAR, FOLDER, SYMLINK, FIFO, SOCKET, CHAR, BLOCK)
NOT_FOLDERS = tuple(kind for kind in KINDS if kind != FOLDER)
NOT_SYMLINKS = tuple(kind for kind in KINDS if kind != SYMLINK)
# What has a mode of its own and no meaning of its own to open.
SPECIAL = (FIFO, SOCKET, CHAR, BLOCK)
DEVICE = os.makedev(1, 3)

NAME_255, NAME_256 = "n" * 255, "n" * 256
# Relative paths: the longest that there is, and one that is too long.
PATH_4095 = "./" * 2047 + "f"
PATH_4096 = "./" * 2047 + "ff"

KIB, MIB = 1 << 10, 1 << 20

_ANY = object()


@dataclasses.dataclass(frozen=True)
class Step:
    """One call, and what it should come to."""
    actor: str
    operation: str
    arguments: tuple
    errnos: tuple = ()  # expected: one of them, where the standard leaves the choice; none: success
    value: typing.Any = _ANY  # the expected result
    background: bool = False  # answered by a later `finish` of the same actor

    def fails(self, *numbers):
        return dataclasses.replace(self, errnos=numbers)

    def gives(self, value):
        return dataclasses.replace(self, value=value)

    def waits(self):
        """The call blocks; the actor's `finish` brings its result."""
        return dataclasses.replace(self, background=True)

    def judge(self, result):
        """None where `result`, an ("ok", value) or ("errno", number), is as expected, else what is wrong."""
        kind, value = result
        if kind == "died":
            return f"{self}: {value}"
        if self.errnos:
            wanted = " or ".join(_errno_name(number) for number in self.errnos)
            if kind == "errno" and value in self.errnos:
                return None
            got = _errno_name(value) if kind == "errno" else f"success ({value!r:.60})"
            return f"{self}: {got} instead of {wanted}"
        if kind == "errno":
            return f"{self}: {_errno_name(value)}"
        if self.value is not _ANY and value != self.value:
            return f"{self}: gives {value!r:.200} instead of {self.value!r:.200}"
        return None

    def __str__(self):
        shown = ", ".join(f"{argument!r:.40}" for argument in self.arguments)
        return f"{self.actor}.{self.operation}({shown})"


def _errno_name(number):
    return errno.errorcode.get(number, str(number))


class Who:
    """Makes steps: alice.chmod("f", 0o600)."""
    def __init__(self, name):
        self._name = name

    def __getattr__(self, operation):
        if operation.startswith("__"):
            raise AttributeError(operation)
        return lambda *arguments: Step(self._name, operation, arguments)


@dataclasses.dataclass(frozen=True)
class Identity:
    """Who an actor is, and through which mount it works."""
    uid: int
    gid: int
    groups: tuple
    view: str = ""  # of the place: "far" or "readonly"; "": plain, or near where the case has another one


ACTORS = {
    "root": Identity(ROOT, 0, (0, )),
    "root2": Identity(ROOT, 0, (0, )),
    "rootfar": Identity(ROOT, 0, (0, ), "far"),
    "rootro": Identity(ROOT, 0, (0, ), "readonly"),
    "alice": Identity(ALICE, ALICE, (STAFF, WHEEL)),
    "alice2": Identity(ALICE, ALICE, (STAFF, WHEEL)),
    "alicefar": Identity(ALICE, ALICE, (STAFF, WHEEL), "far"),
    "alicero": Identity(ALICE, ALICE, (STAFF, WHEEL), "readonly"),
    "bob": Identity(BOB, BOB, ()),
    "carol": Identity(CAROL, STAFF, ()),
    "dave": Identity(DAVE, DAVE, (STAFF, )),
}
root, root2, rootfar, rootro, alice, alice2, alicefar, alicero, bob, carol, dave = (
    Who(name) for name in ACTORS)


@dataclasses.dataclass(frozen=True)
class Thing:
    """Something that root makes before the case."""
    kind: str
    path: str
    mode: int
    uid: int
    gid: int
    content: typing.Any  # bytes of a file, target of a symbolic link, device number


def file(path, mode=0o644, uid=ROOT, gid=None, data=b""):
    return Thing(REGULAR, path, mode, uid, uid if gid is None else gid, data)


def folder(path, mode=0o755, uid=ROOT, gid=None):
    return Thing(FOLDER, path, mode, uid, uid if gid is None else gid, None)


def symlink(path, target, uid=ROOT, gid=None):
    return Thing(SYMLINK, path, 0o777, uid, uid if gid is None else gid, target)


def thing(kind, path, mode=0o644, uid=ROOT, gid=None):
    """Any kind; a symbolic link leads nowhere, a device is /dev/null's."""
    content = {REGULAR: b"", SYMLINK: "nowhere", CHAR: DEVICE, BLOCK: DEVICE}.get(kind)
    return Thing(kind, path, mode, uid, uid if gid is None else gid, content)


@dataclasses.dataclass
class Case:
    """See above."""
    name: str
    setup: list
    steps: tuple
    after: dict
    changes: tuple
    keeps: tuple
    optional: bool
    long: bool

    def __init__(self,
                 name,
                 setup,
                 *steps,
                 after=None,
                 changes="",
                 keeps="",
                 optional=False,
                 long=False):
        """`changes`: times that must be newer afterwards, as "f.ctime d.mtime"; `keeps`: that must not.

        optional: a file system may lack the call, if it says so by EOPNOTSUPP; the case then ends there.
        long: takes so long that only --long runs it.
        """
        self.optional, self.long = optional, long
        self.name, self.setup, self.steps = name, list(setup), steps
        self.after = after or {}
        self.changes = tuple(word.rsplit(".", 1) for word in changes.split())
        self.keeps = tuple(word.rsplit(".", 1) for word in keeps.split())

    @property
    def only_fails(self):
        return bool(self.steps) and all(step.errnos for step in self.steps)


TYPE_OF = {
    stat.S_IFREG: REGULAR, stat.S_IFDIR: FOLDER, stat.S_IFLNK: SYMLINK, stat.S_IFIFO: FIFO,
    stat.S_IFSOCK: SOCKET, stat.S_IFCHR: CHAR, stat.S_IFBLK: BLOCK
}
