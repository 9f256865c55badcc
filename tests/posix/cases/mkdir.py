"""mkdir(2)."""
from errno import EACCES, EEXIST

from lib.model import (ALICE, BOB, KINDS, NAME_255, STAFF, Case, alice, bob, folder, root, symlink,
                       thing)
from lib.paths import path_errors
from lib.making import making

MODES = (0o000, 0o111, 0o444, 0o700, 0o750, 0o755, 0o777, 0o1777)


def cases():
    yield from making("mkdir", "dir", lambda who, path, mode=0o755: who.mkdir(path, mode), MODES)
    yield from path_errors("mkdir",
                           lambda who, path: who.mkdir(path, 0o755),
                           last_may_miss=True,
                           follows=False)
    yield from links()
    yield from special_names()


def links():
    yield Case("an empty directory has two links, its parent one more", [folder("d")],
               root.mkdir("d/e"),
               root.mkdir("d/f"),
               after={"d": {"nlink": 4}, "d/e": {"nlink": 2, "names": []}})
    yield Case("files add no link", [folder("d")],
               root.mknod("d/f", 0o100644),
               after={"d": {"nlink": 2}})
    yield Case("the new directory can be used at once", [], alice.mkdir("d", 0o700),
               alice.mkdir("d/e"), alice.mknod("d/e/f", 0o100600),
               bob.mkdir("d/x").fails(EACCES),
               alice.listdir("d/e").gives(["f"]))
    yield Case("setgid is not among the bits of the argument", [],
               root.mkdir("d", 0o6755),
               after={"d": {"mode": 0o755}})
    yield Case("a directory in a setgid directory is setgid", [folder("d", 0o2777, ALICE, STAFF)],
               bob.mkdir("d/e", 0o755),
               after={"d/e": {"mode": 0o2755, "gid": STAFF, "uid": BOB}})
    yield Case("and so are those in it", [folder("d", 0o2777, ALICE, STAFF)],
               bob.mkdir("d/e", 0o755),
               bob.mkdir("d/e/f", 0o700),
               after={"d/e/f": {"mode": 0o2700, "gid": STAFF}})


def special_names():
    yield Case("dot exists", [], root.mkdir(".").fails(EEXIST))
    yield Case("dot-dot exists", [folder("d")], root.mkdir("d/..").fails(EEXIST))
    yield Case("the root exists", [], root.mkdir("/").fails(EEXIST))
    yield Case("slashes at the end", [], root.mkdir("d///"), after={"d": {"type": "dir"}})
    yield Case("a dangling link exists", [symlink("l", "no")], root.mkdir("l").fails(EEXIST))
    yield Case("a dangling link and a slash", [symlink("l", "no")], root.mkdir("l/").fails(EEXIST))
    yield Case("a name of 255 bytes", [], root.mkdir(NAME_255), root.listdir().gives([NAME_255]))
    for name in ("a b", "a\nb", "-", "ü", "\udcff\udcfe", "*", "a" * 254 + "\udc80"):
        yield Case(f"the name {name[:8]!r}", [],
                   root.mkdir(name),
                   root.listdir().gives([name]),
                   root.rmdir(name),
                   after={name: None})
    for kind in KINDS:
        yield Case(f"a {kind} in a directory that is open to all stays as it is",
                   [thing(kind, "x", 0o640, ALICE)],
                   bob.mkdir("x").fails(EEXIST),
                   after={"x": {"type": kind, "uid": ALICE}})
