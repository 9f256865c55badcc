"""Cases that every call which makes a name has: mode and umask, owner and group, rights on the directory, times."""
from errno import EACCES, EEXIST

from .model import (ALICE, BOB, CAROL, KINDS, STAFF, Case, alice, bob, carol, dave, folder, root,
                    thing)

UMASKS = (0o000, 0o022, 0o027, 0o077, 0o777)


def making(call, kind, step, modes):
    """`step(who, path, mode)` makes something of `kind`. `modes`: those that it can be given; none: it has none."""
    for mode in modes:
        for mask in UMASKS:
            yield Case(f"{call}: mode {mode:o}, umask {mask:o}", [],
                       root.umask(mask),
                       step(root, "x", mode),
                       after={"x": {"mode": mode & ~mask, "type": kind}})
    for who, uid, gid in ((alice, ALICE, ALICE), (bob, BOB, BOB), (carol, CAROL, STAFF), (root, 0,
                                                                                          0)):
        yield Case(f"{call}: belongs to the caller {uid}:{gid}", [],
                   step(who, "x"),
                   after={"x": {"uid": uid, "gid": gid, "type": kind}})
        yield Case(f"{call}: in a setgid directory, by {uid}", [folder("d", 0o2777, 0, BOB)],
                   step(who, "d/x"),
                   after={"d/x": {"uid": uid, "gid": BOB}})
        yield Case(f"{call}: in a directory of another's group, by {uid}",
                   [folder("d", 0o777, 0, BOB)],
                   step(who, "d/x"),
                   after={"d/x": {"uid": uid, "gid": gid}})
    yield Case(f"{call}: the directory's times change", [folder("d")],
               step(root, "d/x"),
               changes="d.mtime d.ctime",
               keeps="..mtime ..ctime")
    yield Case(f"{call}: links of the new one", [],
               step(root, "x"),
               after={"x": {"nlink": 2 if kind == "dir" else 1}})
    for there in KINDS:
        yield Case(f"{call}: a {there} is there", [thing(there, "x")],
                   step(root, "x").fails(EEXIST))
    if call != "open":  # which says EISDIR
        yield Case(f"{call}: a directory is there, with a slash", [folder("d")],
                   step(root, "d/").fails(EEXIST))
    yield from _rights(call, kind, step)


def _rights(call, kind, step):
    """Write and search permission on the directory are needed, and enough."""
    for mode, who, works, what in ((0o300, alice, True,
                                    "owner wx"), (0o500, alice, False,
                                                  "owner rx"), (0o200, alice, False, "owner w"),
                                   (0o077, alice, False,
                                    "owner none, others all"), (0o730, dave, True, "group wx"),
                                   (0o750, dave, False, "group rx"), (0o707, dave, False,
                                                                      "group none, others all"),
                                   (0o770, carol, True, "primary group"), (0o703, bob, True,
                                                                           "others wx"),
                                   (0o705, bob, False, "others rx"), (0o770, bob, False,
                                                                      "others none"),
                                   (0o1777, bob, True, "sticky, open to all"), (0o000, root, True,
                                                                                "root")):
        made = step(who, "d/x")
        yield Case(f"{call}: in a directory of mode {mode:o}: {what}",
                   [folder("d", mode, ALICE, STAFF)],
                   made if works else made.fails(EACCES),
                   after={"d/x": {"type": kind} if works else None})
    yield Case(f"{call}: what is there is more important than no right to write",
               [folder("d"), folder("d/x")],
               step(bob, "d/x").fails(EEXIST))
