"""Cases that unlink(2), rmdir(2) and rename(2) share: who may take a name out of a directory."""
from errno import EACCES, EPERM

from .model import (ALICE, BOB, CAROL, ROOT, STAFF, Case, alice, bob, carol, dave, folder, root,
                    thing)


def may_remove(call, kinds, step):
    """`step(who, path)` takes the name away."""
    for mode, who, works, what in ((0o300, alice, True,
                                    "owner wx"), (0o500, alice, False,
                                                  "owner rx"), (0o200, alice, False, "owner w"),
                                   (0o077, alice, False,
                                    "owner none, others all"), (0o730, dave, True, "group wx"),
                                   (0o750, dave, False, "group rx"), (0o770, carol, True,
                                                                      "primary group"),
                                   (0o703, bob, True, "others wx"), (0o705, bob, False,
                                                                     "others rx"),
                                   (0o770, bob, False, "others none"), (0, root, True, "root")):
        for kind in kinds:
            gone = step(who, "d/x")
            yield Case(f"{call}: a {kind} in a directory of mode {mode:o}: {what}",
                       [folder("d", mode, ALICE, STAFF),
                        thing(kind, "d/x", 0o000)],
                       gone if works else gone.fails(EACCES),
                       after={"d/x": None if works else {"type": kind}})
    yield from _sticky(call, kinds, step)


def _sticky(call, kinds, step):
    """In a sticky directory only the owner of the name, that of the directory, and root may."""
    for owner_of_directory, owner, who, works, what in ((ROOT, ALICE, alice, True,
                                                         "the owner of the file"),
                                                        (ALICE, BOB, alice, True,
                                                         "the owner of the directory"),
                                                        (ALICE, ALICE, alice, True,
                                                         "the owner of both"),
                                                        (ROOT, ALICE, bob, False, "another user"),
                                                        (ROOT, ROOT, bob, False,
                                                         "another user, a file of root"),
                                                        (CAROL, ALICE, dave, False,
                                                         "a member of the group"),
                                                        (ALICE, BOB, root, True, "root")):
        for kind in kinds:
            gone = step(who, "d/x")
            yield Case(f"{call}: a {kind} in a sticky directory: {what}", [
                folder("d", 0o1777, owner_of_directory, STAFF),
                thing(kind, "d/x", 0o666, owner, STAFF)
            ],
                       gone if works else gone.fails(EPERM),
                       after={"d/x": None if works else {"type": kind}})
