"""utimensat(2) and futimens(3): whose times, UTIME_NOW and UTIME_OMIT, nanoseconds."""
from errno import EACCES, EBADF, EINVAL, EPERM
from os import O_RDONLY, O_RDWR

from lib.model import (ALICE, BOB, KINDS, NOT_SYMLINKS, STAFF, Case, alice, bob, dave, file, folder,
                       root, symlink, thing)
from lib.paths import path_errors
from lib.syscalls import AT_SYMLINK_NOFOLLOW, UTIME_NOW, UTIME_OMIT

NOW, OMIT = (0, UTIME_NOW), (0, UTIME_OMIT)
SECOND = 1_000_000_000
MOMENTS = ((0, 0), (1, 1), (1_000_000_000, 123_456_789), (1_700_000_000, 999_999_999), (-1, 0),
           (-1, 500_000_000), (-2_000_000_000, 5), (0x7FFFFFFF, 0), (0x80000000, 0),
           (0x100000000, 7), (0x200000000, 999_999_999))


def ns(moment):
    return moment[0] * SECOND + moment[1]


def cases():
    yield from path_errors("utimensat", lambda who, path: who.utimensat(path, (1, 0), (2, 0)))
    yield from exact()
    yield from now_and_omit()
    yield from who_may()
    yield from refused()


def exact():
    for kind in KINDS:
        for moment in MOMENTS[:4] if kind != "file" else MOMENTS:
            yield Case(f"a {kind} gets the times {moment}", [thing(kind, "x")],
                       root.utimensat("x", moment, (moment[0] + 1, moment[1]), AT_SYMLINK_NOFOLLOW),
                       root.times("x").gives((ns(moment), ns(moment) + SECOND)),
                       changes="x.ctime",
                       keeps="..mtime ..ctime")
    yield Case("through a symbolic link", [file("f"), symlink("l", "f")],
               root.utimensat("l", (5, 6), (7, 8)),
               root.times("f").gives((5 * SECOND + 6, 7 * SECOND + 8)),
               keeps="l.mtime l.ctime",
               changes="f.ctime")
    yield Case("of a symbolic link itself", [file("f"), symlink("l", "f")],
               root.utimensat("l", (5, 6), (7, 8), AT_SYMLINK_NOFOLLOW),
               root.times("l").gives((5 * SECOND + 6, 7 * SECOND + 8)),
               keeps="f.mtime f.ctime")
    yield Case("of a dangling link itself", [symlink("l", "no")],
               root.utimensat("l", (5, 6), (7, 8), AT_SYMLINK_NOFOLLOW),
               root.times("l").gives((5 * SECOND + 6, 7 * SECOND + 8)))
    yield Case("futimens", [file("f")], root.open("f", O_RDONLY), root.futimens((5, 6), (7, 8)),
               root.times("f").gives((5 * SECOND + 6, 7 * SECOND + 8)))
    yield Case("futimens after a write that is not yet synchronised", [file("f")],
               root.open("f", O_RDWR), root.write(b"abc"), root.futimens((5, 6), (7, 8)),
               root.close(),
               root.times("f").gives((5 * SECOND + 6, 7 * SECOND + 8)))
    yield Case("futimens after a large write", [file("f")], root.open("f", O_RDWR),
               root.write(b"abc" * 500_000), root.futimens((5, 6), (7, 8)), root.close(),
               root.times("f").gives((5 * SECOND + 6, 7 * SECOND + 8)))
    yield Case("futimens of an unlinked file", [file("f")], root.open("f", O_RDWR),
               root.unlink("f"), root.futimens((5, 6), (7, 8)))
    yield Case("of a hard link", [file("f")], root.link("f", "g"),
               root.utimensat("g", (5, 6), (7, 8)),
               root.times("f").gives((5 * SECOND + 6, 7 * SECOND + 8)))


def now_and_omit():
    for kind in NOT_SYMLINKS:
        yield Case(f"no times means now, a {kind}", [thing(kind, "x")],
                   root.utime_now("x"),
                   changes="x.atime x.mtime x.ctime",
                   keeps="..mtime")
        yield Case(f"NOW and NOW, a {kind}", [thing(kind, "x")],
                   root.utimensat("x", NOW, NOW),
                   changes="x.atime x.mtime x.ctime")
        yield Case(f"NOW and OMIT, a {kind}", [thing(kind, "x")],
                   root.utimensat("x", NOW, OMIT),
                   changes="x.atime x.ctime",
                   keeps="x.mtime")
        yield Case(f"OMIT and NOW, a {kind}", [thing(kind, "x")],
                   root.utimensat("x", OMIT, NOW),
                   changes="x.mtime x.ctime",
                   keeps="x.atime")
        yield Case(f"OMIT and OMIT, a {kind}", [thing(kind, "x")],
                   root.utimensat("x", OMIT, OMIT),
                   keeps="x.atime x.mtime x.ctime")
        yield Case(f"a time and OMIT, a {kind}", [thing(kind, "x")],
                   root.utimensat("x", (5, 6), (7, 8)), root.utimensat("x", (9, 10), OMIT),
                   root.times("x").gives((9 * SECOND + 10, 7 * SECOND + 8)))
        yield Case(f"OMIT and a time, a {kind}", [thing(kind, "x")],
                   root.utimensat("x", (5, 6), (7, 8)), root.utimensat("x", OMIT, (9, 10)),
                   root.times("x").gives((5 * SECOND + 6, 9 * SECOND + 10)))
        yield Case(f"a time and NOW, a {kind}", [thing(kind, "x")],
                   root.utimensat("x", (5, 6), NOW),
                   changes="x.mtime x.ctime",
                   after={"x": {"atime": 5 * SECOND + 6}})


def who_may():
    """Exact times are for the owner; now is for whoever may write; nothing at all is for everybody."""
    for kind in NOT_SYMLINKS:
        there = [thing(kind, "x", 0o666, ALICE)]
        yield Case(f"the owner sets times of a {kind}", there, alice.utimensat("x", (5, 6), (7, 8)),
                   root.times("x").gives((5 * SECOND + 6, 7 * SECOND + 8)))
        yield Case(f"another user who may write a {kind} may not", there,
                   bob.utimensat("x", (5, 6), (7, 8)).fails(EPERM))
        yield Case(f"another user who may write a {kind}: now",
                   there,
                   bob.utime_now("x"),
                   changes="x.mtime x.atime")
        yield Case(f"another user who may write a {kind}: NOW and NOW",
                   there,
                   bob.utimensat("x", NOW, NOW),
                   changes="x.mtime")
        for atime, mtime, what in ((NOW, OMIT, "NOW and OMIT"), (OMIT, NOW, "OMIT and NOW"),
                                   ((5, 6), OMIT, "a time and OMIT"), (NOW, (5, 6),
                                                                       "NOW and a time")):
            yield Case(f"another user who may write a {kind}: {what}", there,
                       bob.utimensat("x", atime, mtime).fails(EPERM))
        yield Case(f"another user who may not write a {kind}: now",
                   [thing(kind, "x", 0o644, ALICE)],
                   bob.utime_now("x").fails(EACCES),
                   bob.utimensat("x", NOW, NOW).fails(EACCES))
        yield Case(f"another user who may not write a {kind}: exact",
                   [thing(kind, "x", 0o644, ALICE)],
                   bob.utimensat("x", (5, 6), (7, 8)).fails(EPERM))
        yield Case(f"another user who may not write a {kind}: OMIT and OMIT",
                   [thing(kind, "x", 0, ALICE)], bob.utimensat("x", OMIT, OMIT))
        yield Case(f"the owner of a {kind} without rights: now", [thing(kind, "x", 0, ALICE)],
                   alice.utime_now("x"),
                   changes="x.mtime")
        yield Case(f"the group may write a {kind}: now", [thing(kind, "x", 0o660, ALICE, STAFF)],
                   dave.utime_now("x"),
                   changes="x.mtime")
    yield Case("futimens by another user who has it open to write", [file("f", 0o666, ALICE)],
               bob.open("f", O_RDWR),
               bob.futimens((5, 6), (7, 8)).fails(EPERM), bob.futimens(NOW, NOW))
    yield Case("a link of another user's file",
               [file("f", 0o644, ALICE), symlink("l", "f", BOB)],
               bob.utime_now("l").fails(EACCES), bob.utime_now("l", AT_SYMLINK_NOFOLLOW))


def refused():
    for nanoseconds in (-1, SECOND, SECOND + 5, UTIME_NOW + 1):
        yield Case(f"{nanoseconds} nanoseconds in atime", [file("f")],
                   root.utimensat("f", (5, nanoseconds), (7, 8)).fails(EINVAL))
        yield Case(f"{nanoseconds} nanoseconds in mtime", [file("f")],
                   root.utimensat("f", (5, 6), (7, nanoseconds)).fails(EINVAL))
    yield Case("unknown flags", [file("f")], root.utimensat("f", (5, 6), (7, 8), 1).fails(EINVAL))
    yield Case("futimens of what is not open", [], root.bad_fd(),
               root.futimens((5, 6), (7, 8)).fails(EBADF))
    yield Case("a directory's times", [folder("d")],
               root.utimensat("d", (5, 6), (7, 8)),
               root.mkdir("d/e"),
               changes="d.mtime")
