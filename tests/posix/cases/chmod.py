"""chmod(2), fchmod(2), fchmodat(2)."""
from errno import EACCES, EBADF, EPERM
from os import O_RDONLY, O_WRONLY

from lib.model import (ALICE, BOB, NOT_SYMLINKS, STAFF, Case, alice, bob, carol, file, folder, root,
                       symlink, thing)
from lib.paths import path_errors

MODES = (0o000, 0o111, 0o222, 0o444, 0o600, 0o640, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6711,
         0o7777)


def cases():
    yield from changes()
    yield from who_may()
    yield from setgid()
    yield from path_errors("chmod", lambda who, path: who.chmod(path, 0o600))


def changes():
    for kind in NOT_SYMLINKS:
        for mode in MODES:
            yield Case(
                f"root sets {mode:04o} on a {kind}", [thing(kind, "x", 0o640)],
                root.chmod("x", mode),
                after={"x": {"mode": mode, "type": kind, "nlink": 2 if kind == "dir" else 1}})
        yield Case(f"ctime alone changes: {kind}", [thing(kind, "x")],
                   root.chmod("x", 0o600),
                   changes="x.ctime",
                   keeps="x.mtime x.atime ..mtime ..ctime")
    yield Case("the same mode again still changes ctime", [file("f", 0o644)],
               root.chmod("f", 0o644),
               changes="f.ctime")
    yield Case("the type bits of the argument are ignored", [file("f")],
               root.chmod("f", 0o040600),
               after={"f": {"mode": 0o600, "type": "file"}})
    yield Case("a symbolic link is followed", [file("f"), symlink("l", "f")],
               root.chmod("l", 0o600),
               after={"f": {"mode": 0o600}, "l": {"mode": 0o777}},
               changes="f.ctime",
               keeps="l.ctime")
    yield Case("a hard link has the same mode", [file("f")],
               root.link("f", "g"),
               root.chmod("g", 0o601),
               after={"f": {"mode": 0o601}})
    yield Case("fchmod", [file("f")],
               root.open("f", O_RDONLY),
               root.fchmod(0o611),
               root.fstat("mode").gives({"mode": 0o611}),
               after={"f": {"mode": 0o611}},
               changes="f.ctime")
    yield Case("fchmod of a directory", [folder("d")],
               root.open("d", O_RDONLY),
               root.fchmod(0o1700),
               after={"d": {"mode": 0o1700}})
    yield Case("fchmod of an unlinked file", [file("f")], root.open("f", O_RDONLY),
               root.unlink("f"), root.fchmod(0o611),
               root.fstat("mode", "nlink").gives({"mode": 0o611, "nlink": 0}))
    yield Case("fchmod of what is not open", [], root.bad_fd(), root.fchmod(0o600).fails(EBADF))
    yield Case("taking all rights away leaves an open file usable",
               [file("f", 0o600, ALICE, data=b"abc")], alice.open("f",
                                                                  O_RDONLY), alice.chmod("f", 0),
               alice.read(3).gives(b"abc"),
               alice.open("f", O_RDONLY, "other").fails(EACCES))


def who_may():
    for kind in NOT_SYMLINKS:
        yield Case(f"the owner may: {kind}", [thing(kind, "x", 0o644, ALICE)],
                   alice.chmod("x", 0o640),
                   after={"x": {"mode": 0o640}},
                   changes="x.ctime")
        yield Case(f"another user may not: {kind}", [thing(kind, "x", 0o666, ALICE)],
                   bob.chmod("x", 0o777).fails(EPERM))
        yield Case(f"a member of the group may not: {kind}", [thing(kind, "x", 0o666, BOB, STAFF)],
                   alice.chmod("x", 0o777).fails(EPERM))
    yield Case("fchmod by another user", [file("f", 0o666, ALICE)], bob.open("f", O_WRONLY),
               bob.fchmod(0o777).fails(EPERM))
    yield Case("through a link to a file of another",
               [file("f", 0o644, ALICE), symlink("l", "f", BOB)],
               bob.chmod("l", 0o777).fails(EPERM))
    yield Case("the owner of a file without rights gives itself some", [file("f", 0, ALICE)],
               alice.chmod("f", 0o600), alice.open("f", O_WRONLY))


def setgid():
    """An ordinary owner cannot make a file run with a group that is not its own."""
    for group, kept, what in ((ALICE, True, "its primary group"),
                              (STAFF, True, "a supplementary group"), (BOB, False,
                                                                       "a strange group")):
        for kind in NOT_SYMLINKS:
            yield Case(f"owner sets setgid on a {kind} of {what}",
                       [thing(kind, "x", 0o755, ALICE, group)],
                       alice.chmod("x", 0o2755),
                       after={"x": {"mode": 0o2755 if kept else 0o755}})
        yield Case(f"owner sets setuid and setgid, {what}", [file("f", 0o755, ALICE, group)],
                   alice.chmod("f", 0o6755),
                   after={"f": {"mode": 0o6755 if kept else 0o4755}})
        yield Case(f"fchmod, setgid, {what}", [file("f", 0o755, ALICE, group)],
                   alice.open("f", O_RDONLY),
                   alice.fchmod(0o2711),
                   after={"f": {"mode": 0o2711 if kept else 0o711}})
        yield Case(f"root sets setgid, {what}", [file("f", 0o755, ALICE, group)],
                   root.chmod("f", 0o2755),
                   after={"f": {"mode": 0o2755}})
    yield Case("a change of mode by a stranger's primary group member",
               [file("f", 0o755, ALICE, STAFF)],
               carol.chmod("f", 0o2755).fails(EPERM))
    for mode in (0o1644, 0o1755):
        yield Case(f"owner sets the sticky bit of a file: {mode:o}", [file("f", 0o644, ALICE)],
                   alice.chmod("f", mode),
                   after={"f": {"mode": mode}})
        yield Case(f"owner sets the sticky bit of a directory: {mode:o}",
                   [folder("d", 0o755, ALICE)],
                   alice.chmod("d", mode),
                   after={"d": {"mode": mode}})
