"""opendir(3), readdir(3), getdents(2)."""
from errno import EACCES, ENOTDIR
from os import O_RDONLY

from lib.model import (ALICE, KINDS, NAME_255, NOT_FOLDERS, Case, alice, bob, file, folder, root,
                       rootfar, thing)
from lib.paths import path_errors


def cases():
    yield from path_errors("opendir", lambda who, path: who.listdir(path))
    yield Case("an empty directory", [folder("d")], root.listdir("d").gives([]))
    for kind in KINDS:
        flags = (kind == "file", kind == "dir", kind == "symlink")
        yield Case(f"the type of a {kind}", [folder("d"), thing(kind, "d/x")],
                   root.entry_types("d").gives({"x": flags}))
    for kind in NOT_FOLDERS:
        if kind != "symlink":
            yield Case(f"a {kind} is no directory", [thing(kind, "x")],
                       root.listdir("x").fails(ENOTDIR))
    names = sorted([
        "a", "A", "-", " ", "a b", "\n", "ü", "\udcff", NAME_255, "...", ".hidden", "*", "\\", "'"
    ])
    yield Case("names of all sorts", [folder("d"), *(file("d/" + name) for name in names)],
               root.listdir("d").gives(names))
    for count in (1, 2, 100, 1000, 5000):
        expected = [f"{number:05}" for number in range(count)]
        yield Case(f"{count} names", [folder("d")], root.make_many("d", count),
                   root.listdir("d").gives(expected))
        yield Case(f"{count} names, made by another mount", [folder("d")],
                   rootfar.make_many("d", count),
                   root.listdir("d").gives(expected))
    yield Case("what was removed is gone, what was made is there",
               [folder("d"), file("d/a"), file("d/b")], root.unlink("d/a"), root.mkdir("d/c"),
               root.rename("d/b", "d/z"),
               root.listdir("d").gives(["c", "z"]))
    yield Case("what another mount changed",
               [folder("d"), file("d/a"), file("d/b")],
               root.listdir("d").gives(["a", "b"]), rootfar.unlink("d/a"), rootfar.mkdir("d/c"),
               rootfar.rename("d/b", "d/z"),
               root.listdir("d").gives(["c", "z"]))
    yield Case("removed while it is read: what stays is seen once", [folder("d")],
               root.make_many("d", 3000),
               root.read_while_removing("d", 2).gives(3000))
    yield Case("reading twice from the start sees what is new",
               [folder("d"), file("d/a")],
               root.rewound("d", "d/b").gives((["a"], ["a", "b"])))
    for count in (0, 1, 50, 3000):
        yield Case(f"telldir and seekdir with {count} names", [folder("d")],
                   root.make_many("d", count),
                   root.seeks_to_each("d").gives(count + 2))
    yield Case("dot and dot-dot", [folder("d")], root.dots("d").gives([".", ".."]))
    yield Case("the right to read is needed",
               [folder("d", 0o711, ALICE), file("d/f")],
               bob.listdir("d").fails(EACCES), bob.lstat("d/f"))
    yield Case("the right to search is not",
               [folder("d", 0o744, ALICE), file("d/f")],
               bob.listdir("d").gives(["f"]),
               bob.lstat("d/f").fails(EACCES))
    yield Case("a directory that was opened before its rights went",
               [folder("d", 0o755, ALICE), file("d/f")], alice.open("d", O_RDONLY),
               root.chmod("d", 0),
               alice.listdir_fd().gives(["f"]))
    yield Case("inode numbers are those of stat",
               [folder("d"), *(thing(kind, "d/" + kind) for kind in KINDS)],
               root.entry_inodes_match("d").gives(True))
