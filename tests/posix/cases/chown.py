"""chown(2), lchown(2), fchown(2): who may, and what becomes of setuid and setgid bits."""
from errno import EBADF, EPERM
from os import O_RDONLY, O_RDWR

from lib.model import (ALICE, BOB, CAROL, KINDS, NOT_SYMLINKS, STAFF, WHEEL, Case, alice, bob,
                       carol, file, folder, root, symlink, thing)
from lib.paths import path_errors


def cases():
    yield from by_root()
    yield from by_owner()
    yield from by_others()
    yield from setuid_bits()
    yield from path_errors("chown", lambda who, path: who.chown(path, ALICE, ALICE))
    yield from path_errors("lchown",
                           lambda who, path: who.lchown(path, ALICE, ALICE),
                           follows=False)


def by_root():
    for kind in KINDS:
        for uid, gid in ((ALICE, STAFF), (-1, STAFF), (ALICE, -1), (0, 0), (4294967294,
                                                                            4294967294)):
            yield Case(f"root gives a {kind} to {uid}:{gid}", [thing(kind, "x", 0o640, BOB, BOB)],
                       root.lchown("x", uid, gid),
                       changes="x.ctime",
                       keeps="x.mtime x.atime ..mtime",
                       after={
                           "x": {
                               "uid": BOB if uid == -1 else uid, "gid": BOB if gid == -1 else gid,
                               "type": kind
                           }
                       })
    yield Case("chown follows a symbolic link", [file("f"), symlink("l", "f")],
               root.chown("l", ALICE, STAFF),
               after={"f": {"uid": ALICE, "gid": STAFF}, "l": {"uid": 0, "gid": 0}})
    yield Case("lchown does not follow a symbolic link", [file("f"), symlink("l", "f")],
               root.lchown("l", ALICE, STAFF),
               after={"l": {"uid": ALICE, "gid": STAFF}, "f": {"uid": 0, "gid": 0}})
    yield Case("fchown", [file("f")],
               root.open("f", O_RDONLY),
               root.fchown(ALICE, STAFF),
               after={"f": {"uid": ALICE, "gid": STAFF}},
               changes="f.ctime")
    yield Case("fchown of an unlinked file", [file("f")], root.open("f", O_RDONLY),
               root.unlink("f"), root.fchown(ALICE, STAFF),
               root.fstat("uid", "gid").gives({"uid": ALICE, "gid": STAFF}))
    yield Case("fchown of what is not open", [], root.bad_fd(),
               root.fchown(ALICE, ALICE).fails(EBADF))
    yield Case("a hard link has the same owner", [file("f")],
               root.link("f", "g"),
               root.chown("g", BOB, BOB),
               after={"f": {"uid": BOB, "gid": BOB}})
    yield Case("the same owner again still changes ctime", [file("f", 0o644, ALICE)],
               root.chown("f", ALICE, ALICE),
               changes="f.ctime",
               keeps="f.mtime")


def by_owner():
    for kind in KINDS:
        for group, what in ((ALICE, "its primary group"), (STAFF, "a group it is in"),
                            (WHEEL, "another it is in")):
            yield Case(f"the owner of a {kind} gives it {what}", [thing(kind, "x", 0o644, ALICE)],
                       alice.lchown("x", -1, group),
                       after={"x": {"uid": ALICE, "gid": group}},
                       changes="x.ctime")
        yield Case(f"the owner of a {kind} may not give it a strange group",
                   [thing(kind, "x", 0o644, ALICE)],
                   alice.lchown("x", -1, BOB).fails(EPERM))
        yield Case(f"the owner of a {kind} may not give it away", [thing(kind, "x", 0o644, ALICE)],
                   alice.lchown("x", BOB, -1).fails(EPERM))
        yield Case(f"the owner of a {kind} may name itself", [thing(kind, "x", 0o644, ALICE)],
                   alice.lchown("x", ALICE, STAFF),
                   after={"x": {"uid": ALICE, "gid": STAFF}})
    yield Case("the owner may not give away to root", [file("f", 0o644, ALICE)],
               alice.chown("f", 0, 0).fails(EPERM))
    yield Case("owner and group in one call, of which one is not allowed",
               [file("f", 0o644, ALICE)],
               alice.chown("f", BOB, STAFF).fails(EPERM))
    yield Case("the owner keeps a strange group that the file has", [file("f", 0o644, ALICE, BOB)],
               alice.chown("f", -1, BOB),
               after={"f": {"gid": BOB}})
    yield Case("the owner of a file without rights changes its group", [file("f", 0, ALICE)],
               alice.chown("f", -1, STAFF),
               after={"f": {"gid": STAFF}})
    yield Case("fchown by the owner to a group it is in", [file("f", 0o644, ALICE)],
               alice.open("f", O_RDWR),
               alice.fchown(-1, WHEEL),
               alice.fchown(-1, BOB).fails(EPERM),
               after={"f": {"gid": WHEEL}})
    yield Case("its own primary group", [file("f", 0o644, CAROL)],
               carol.chown("f", -1, STAFF),
               after={"f": {"gid": STAFF}})


def by_others():
    for kind in KINDS:
        yield Case(f"another user may not change the owner of a {kind}",
                   [thing(kind, "x", 0o666, ALICE)],
                   bob.lchown("x", BOB, -1).fails(EPERM))
        yield Case(f"another user may not change the group of a {kind}",
                   [thing(kind, "x", 0o666, ALICE)],
                   bob.lchown("x", -1, BOB).fails(EPERM))
        yield Case(f"a member of its group may not, either: {kind}",
                   [thing(kind, "x", 0o666, BOB, STAFF)],
                   alice.lchown("x", -1, STAFF).fails(EPERM))


def setuid_bits():
    """A change of owner or group of a file takes setuid away, and setgid where the group may execute it."""
    table = ((0o4755, 0o755), (0o2755, 0o755), (0o6755, 0o755), (0o6777, 0o777), (0o4644, 0o644),
             (0o2745, 0o2745), (0o6711, 0o711), (0o1755, 0o1755), (0o755, 0o755))
    for mode, left in table:
        # A group that may not execute the file makes setgid mean mandatory locking, once; it stays.
        for who, name in ((root, "root"), (alice, "the owner")):
            yield Case(f"a file of mode {mode:o}, group changed by {name}",
                       [file("f", mode, ALICE)],
                       who.chown("f", -1, STAFF),
                       after={"f": {"mode": left, "gid": STAFF}})
        yield Case(f"a file of mode {mode:o}, owner changed by root", [file("f", mode, ALICE)],
                   root.chown("f", BOB, -1),
                   after={"f": {"mode": left, "uid": BOB}})
        yield Case(f"a file of mode {mode:o}, fchown by the owner",
                   [file("f", mode | 0o400, ALICE)],
                   alice.open("f", O_RDONLY),
                   alice.fchown(-1, STAFF),
                   after={"f": {"mode": left}})
        yield Case(f"a directory of mode {mode:o} keeps its bits", [folder("d", mode, ALICE)],
                   root.chown("d", BOB, STAFF),
                   after={"d": {"mode": mode}})
        yield Case(f"a directory of mode {mode:o} keeps its bits, by the owner",
                   [folder("d", mode, ALICE)],
                   alice.chown("d", -1, STAFF),
                   after={"d": {"mode": mode}})
    for kind in NOT_SYMLINKS:
        if kind != "dir":
            yield Case(f"a {kind} loses setuid and setgid", [thing(kind, "x", 0o6755, ALICE)],
                       alice.chown("x", -1, STAFF),
                       after={"x": {"mode": 0o755}})
