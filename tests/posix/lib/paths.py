"""Cases that every call with a path has: how the path itself may be wrong, and who may go along it."""
from errno import EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR

from .model import (ALICE, NAME_256, NOT_FOLDERS, PATH_4096, SYMLINK, Case, alice, bob, file,
                    folder, root, symlink, thing)


def path_errors(call, step, last_may_miss=False, follows=True):
    """`step(who, path)` makes a step of the call with that path.

    last_may_miss: the call makes what the path names, so only the way to it must be there.
    follows: a symbolic link as the last part is followed.
    """
    end = "/x"
    if not last_may_miss:
        yield Case(f"{call}: nothing of that name", [], step(root, "x").fails(ENOENT))
        yield Case(f"{call}: nothing of that name in a directory", [folder("d")],
                   step(root, "d/x").fails(ENOENT))
    yield Case(f"{call}: a directory on the way is missing", [],
               step(root, "no" + end).fails(ENOENT))
    yield Case(f"{call}: the empty path", [], step(root, "").fails(ENOENT))
    for kind in NOT_FOLDERS:
        if kind != SYMLINK:
            yield Case(f"{call}: a {kind} on the way", [thing(kind, "f")],
                       step(root, "f" + end).fails(ENOTDIR))
            yield Case(f"{call}: a link to a {kind} on the way",
                       [thing(kind, "f"), symlink("l", "f")],
                       step(root, "l" + end).fails(ENOTDIR))
    yield Case(f"{call}: a dangling link on the way", [symlink("l", "no")],
               step(root, "l" + end).fails(ENOENT))
    yield Case(f"{call}: a name of 256 bytes", [], step(root, NAME_256).fails(ENAMETOOLONG))
    yield Case(f"{call}: a name of 256 bytes in a directory", [folder("d")],
               step(root, "d/" + NAME_256).fails(ENAMETOOLONG))
    yield Case(f"{call}: a name of 256 bytes on the way", [],
               step(root, NAME_256 + end).fails(ENAMETOOLONG))
    yield Case(f"{call}: a path of 4096 bytes", [], step(root, PATH_4096).fails(ENAMETOOLONG))
    yield Case(f"{call}: links in a circle on the way",
               [symlink("a", "b"), symlink("b", "a")],
               step(root, "a" + end).fails(ELOOP))
    yield Case(f"{call}: a link to itself on the way", [symlink("a", "a")],
               step(root, "a" + end).fails(ELOOP))
    yield Case(f"{call}: 41 links on the way",
               [folder("l0"), *(symlink(f"l{n}", f"l{n - 1}") for n in range(1, 42))],
               step(root, "l41" + end).fails(ELOOP))
    if follows:
        yield Case(f"{call}: links in a circle at the end",
                   [symlink("a", "b"), symlink("b", "a")],
                   step(root, "a").fails(ELOOP))
    yield from _no_way(call, step, end)


def _no_way(call, step, end):
    """Search permission is needed on each directory of the way."""
    for mode, who, what in ((0o644, alice, "its owner"), (0o766, bob, "others"),
                            (0o077, alice, "its owner at all")):
        yield Case(
            f"{call}: no search permission for {what} ({mode:o})",
            [folder("d", mode, ALICE), thing("file", "d/x", 0o666, ALICE)],
            step(who, "d" + end).fails(EACCES))
    yield Case(f"{call}: no search permission further up",
               [folder("d", 0o700), folder("d/e", 0o777),
                file("d/e/x", 0o666)],
               step(bob, "d/e" + end).fails(EACCES))
    yield Case(f"{call}: no search permission behind a link",
               [folder("d", 0o700), symlink("l", "d"),
                file("d/x", 0o666)],
               step(bob, "l" + end).fails(EACCES))
