"""rmdir(2)."""
from errno import EBUSY, EINVAL, ENOENT, ENOTDIR, ENOTEMPTY
from os import O_CREAT, O_RDONLY, O_WRONLY

from lib.model import (ALICE, KINDS, NAME_255, NOT_FOLDERS, Case, alice, alicefar, file, folder,
                       root, rootfar, symlink, thing)
from lib.paths import path_errors
from lib.removing import may_remove


def cases():
    yield from path_errors("rmdir", lambda who, path: who.rmdir(path), follows=False)
    yield from may_remove("rmdir", ("dir", ), lambda who, path: who.rmdir(path))
    yield Case("an empty directory", [folder("d"), folder("d/e")],
               root.rmdir("d/e"),
               after={"d/e": None, "d": {"nlink": 2, "names": []}},
               changes="d.mtime d.ctime")
    for kind in NOT_FOLDERS:
        yield Case(f"a {kind}", [thing(kind, "x")], root.rmdir("x").fails(ENOTDIR))
    for kind in KINDS:
        yield Case(f"a directory with a {kind}", [folder("d"), thing(kind, "d/x")],
                   root.rmdir("d").fails(ENOTEMPTY))
        yield Case(f"a directory that had a {kind}", [folder("d"), thing(kind, "d/x")],
                   root.rmdir("d/x") if kind == "dir" else root.unlink("d/x"),
                   root.rmdir("d"),
                   after={"d": None})
    yield Case("dot", [folder("d")], root.rmdir("d/.").fails(EINVAL))
    yield Case("dot-dot", [folder("d"), folder("d/e")], root.rmdir("d/e/..").fails(ENOTEMPTY))
    yield Case("a slash at the end", [folder("d")], root.rmdir("d/"), after={"d": None})
    yield Case("a link to a directory", [folder("d"), symlink("l", "d")],
               root.rmdir("l").fails(ENOTDIR))
    yield Case("a link to a directory, with a slash", [folder("d"), symlink("l", "d")],
               root.rmdir("l/").fails(ENOTDIR))
    yield Case("a mount point", [], root.rmdir("/proc").fails(EBUSY))
    yield Case("a name of 255 bytes", [folder(NAME_255)],
               root.rmdir(NAME_255),
               after={NAME_255: None})
    yield Case("a directory without rights, by the owner of its directory",
               [folder("d", 0o777, ALICE), folder("d/e", 0)],
               alice.rmdir("d/e"),
               after={"d/e": None})
    yield Case("a full directory without rights on it",
               [folder("d", 0o777, ALICE),
                folder("d/e", 0), file("d/e/f")],
               alice.rmdir("d/e").fails(ENOTEMPTY))
    yield from while_used()


def while_used():
    """Whichever mount uses the directory and whichever removed it."""
    for user, where in ((alice, "here"), (alicefar, "on another mount")):
        for remover, by in ((root, "here"), (rootfar, "on another mount")):
            used = f"{where}, removed {by}"
            yield Case(f"an open directory {used}", [folder("d")],
                       user.open("d", O_RDONLY),
                       remover.rmdir("d"),
                       user.fstat("nlink").gives({"nlink": 0}),
                       user.lstat("d").fails(ENOENT),
                       after={"d": None})
            yield Case(f"the current directory of a process {used}", [folder("d", 0o777)],
                       user.chdir("d"), remover.rmdir("d"),
                       user.listdir().gives([]),
                       user.open("f", O_CREAT | O_WRONLY).fails(ENOENT),
                       user.mkdir("e").fails(ENOENT),
                       user.symlink("x", "y").fails(ENOENT),
                       user.mkfifo("p").fails(ENOENT), user.lstat("."),
                       user.lstat("f").fails(ENOENT))
    yield Case("a process in a removed directory comes out of it",
               [folder("d", 0o777), folder("d/e", 0o777)],
               alice.chdir("d/e"),
               root.rmdir("d/e"),
               alice.open("../f", O_CREAT | O_WRONLY),
               alice.chdir(".."),
               alice.listdir().gives(["f"]),
               after={"d/f": {"uid": ALICE}})
