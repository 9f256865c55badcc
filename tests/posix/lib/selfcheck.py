"""Cases that are wrong, each in one thing: a suite that lets one of them pass checks less than it says."""
from errno import EEXIST, ENOENT
from os import O_CREAT, O_RDONLY, O_RDWR

from .model import ALICE, Case, alice, bob, file, folder, root

WRONG = (
    Case("a call that works where an error is expected", [],
         root.mkdir("d").fails(EEXIST)),
    Case("an error where success is expected", [], root.rmdir("d")),
    Case("another error than expected", [file("f")],
         root.rmdir("f").fails(ENOENT)),
    Case("another result than expected", [file("f", data=b"abc")], root.open("f", O_RDONLY),
         root.read(3).gives(b"abd")),
    Case("a user that is not held back", [file("f", 0o600, ALICE)],
         alice.open("f", O_RDWR).fails(EEXIST)),
    Case("a user that is held back", [file("f", 0o600, ALICE)], bob.open("f", O_RDWR)),
    Case("another mode", [], root.mkdir("d", 0o755), after={"d": {"mode": 0o700}}),
    Case("another owner", [], alice.mkdir("d", 0o755), after={"d": {"uid": 0}}),
    Case("other bytes", [file("f", data=b"abc")], after={"f": {"data": b"ab"}}),
    Case("something that should not be there", [], root.mkdir("d"), after={"d": None}),
    Case("something that should be there", [], root.mkdir("d"), after={"e": {}}),
    Case("a time that does not change", [file("f")], root.lstat("f"), changes="f.mtime"),
    Case("a time that changes", [file("f")], root.chmod("f", 0o600), keeps="f.ctime"),
    Case("a call that should wait", [file("f", 0o666)],
         root.open("f", O_RDWR).waits()),
    Case("a bug in a case", [], root.mkdir(1, 2, 3, 4)),
    Case("an operation that nobody knows", [folder("d")], root.frobnicate("d")),
    Case("a setup that cannot be made", [file("d/f")], root.open("x", O_CREAT)),
)


def failing_to_notice(actors, place):
    """The names of the wrong cases that pass all the same."""
    return [case.name for case in WRONG if not actors.run(case, place)]
