"""rename(2), and renameat2(2) with RENAME_NOREPLACE and RENAME_EXCHANGE."""
from errno import (EACCES, EBUSY, EEXIST, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR,
                   ENOTEMPTY, EPERM, EXDEV)
from os import O_CREAT, O_RDONLY, O_RDWR

from lib.model import (ALICE, BOB, KINDS, NAME_255, NAME_256, NOT_FOLDERS, STAFF, Case, alice, bob,
                       dave, file, folder, root, symlink, thing)
from lib.paths import path_errors
from lib.removing import may_remove
from lib.syscalls import RENAME_EXCHANGE, RENAME_NOREPLACE


def cases():
    yield from path_errors("rename, the old name",
                           lambda who, path: who.rename(path, "new"),
                           follows=False)
    yield from path_errors("exchange",
                           lambda who, path: who.renameat2(path, "new", RENAME_EXCHANGE),
                           follows=False)
    yield from may_remove("rename away", NOT_FOLDERS, lambda who, path: who.rename(path, "away"))
    yield from moves()
    yield from replaces()
    yield from directories()
    yield from new_name_errors()
    yield from target_rights()
    yield from noreplace()
    yield from exchange()


def moves():
    for kind in KINDS:
        yield Case(f"a {kind} gets another name", [thing(kind, "x", 0o640, ALICE)],
                   root.rename("x", "y"),
                   after={
                       "x": None, "y":
                       {"type": kind, "uid": ALICE, "nlink": 2 if kind == "dir" else 1}
                   },
                   changes="..mtime ..ctime")
        yield Case(f"a {kind} goes to another directory",
                   [folder("d"), folder("e"), thing(kind, "d/x")],
                   root.rename("d/x", "e/y"),
                   after={
                       "d": {"names": [], "nlink": 2}, "e":
                       {"names": ["y"], "nlink": 3 if kind == "dir" else 2}
                   },
                   changes="d.mtime d.ctime e.mtime e.ctime")
        yield Case(f"a {kind} to its own name", [thing(kind, "x")],
                   root.rename("x", "x"),
                   after={"x": {"type": kind}},
                   keeps="..mtime ..ctime x.ctime")
        if kind != "dir":
            yield Case(f"a {kind} with two names keeps both", [thing(kind, "x")],
                       root.link("x", "y"),
                       root.rename("x", "z"),
                       root.same_file("y", "z").gives(True),
                       after={"z": {"nlink": 2}})
    for name in (NAME_255, "a b", "\udcff", "-"):
        yield Case(f"to the name {name[:5]!r}", [file("f")],
                   root.rename("f", name),
                   after={"f": None, name: {"nlink": 1}})
    yield Case("ctime of the file changes", [folder("d"), file("d/f")],
               root.link("d/f", "g"),
               root.rename("g", "h"),
               changes="d/f.ctime",
               keeps="d/f.mtime")
    yield Case("an open file goes on", [file("f", data=b"abc")],
               root.open("f", O_RDWR),
               root.rename("f", "g"),
               root.read(9).gives(b"abc"),
               root.write(b"d"),
               after={"g": {"data": b"abcd"}})
    yield Case("a symbolic link is moved, not followed", [file("f"), symlink("l", "f")],
               root.rename("l", "m"),
               after={"m": {"target": "f"}, "f": {"type": "file"}, "l": None})
    yield Case("a file that nobody may read",
               [folder("d", 0o777, ALICE), file("d/f", 0)],
               alice.rename("d/f", "d/g"),
               after={"d/g": {"uid": 0}})
    yield Case("another file system", [file("f")], root.rename("f", "/proc/f").fails(EXDEV))


def replaces():
    for old in NOT_FOLDERS:
        for new in NOT_FOLDERS:
            yield Case(f"a {old} replaces a {new}",
                       [thing(old, "x", 0o600), thing(new, "y", 0o640, BOB)],
                       root.rename("x", "y"),
                       after={"x": None, "y": {"type": old, "uid": 0, "nlink": 1}})
        yield Case(f"a {old} does not replace a directory",
                   [thing(old, "x"), folder("y")],
                   root.rename("x", "y").fails(EISDIR))
        yield Case(f"a directory does not replace a {old}",
                   [folder("x"), thing(old, "y")],
                   root.rename("x", "y").fails(ENOTDIR))
        yield Case(f"two names of one {old}: nothing happens", [thing(old, "x")],
                   root.link("x", "y"),
                   root.rename("x", "y"),
                   after={"x": {"nlink": 2}, "y": {"nlink": 2}})
        yield Case(f"the other names of a replaced {old} stay",
                   [thing(old, "y"), file("x")],
                   root.link("y", "z"),
                   root.rename("x", "y"),
                   after={"z": {"nlink": 1, "type": old}, "y": {"type": "file"}})
    yield Case("ctime of what is replaced and has another name",
               [folder("d"), file("d/y"), file("x")],
               root.link("d/y", "z"),
               root.rename("x", "z"),
               changes="d/y.ctime",
               after={"d/y": {"nlink": 1}})
    yield Case("a link that leads to the new name", [file("f"), symlink("l", "f")],
               root.rename("f", "l"),
               after={"l": {"type": "file"}, "f": None})
    yield Case("the bytes are the old file's",
               [file("x", data=b"new"), file("y", data=b"old old")],
               root.rename("x", "y"),
               after={"y": {"data": b"new"}})


def directories():
    yield Case("an empty directory is replaced",
               [folder("x"), file("x/f"), folder("y")],
               root.rename("x", "y"),
               after={"x": None, "y": {"names": ["f"]}})
    yield Case("links of the parent when a directory replaces one",
               [folder("d"), folder("d/x"), folder("d/y")],
               root.rename("d/x", "d/y"),
               after={"d": {"nlink": 3, "names": ["y"]}})
    for kind in KINDS:
        yield Case(f"a directory with a {kind} is not replaced",
                   [folder("x"), folder("y"), thing(kind, "y/z")],
                   root.rename("x", "y").fails(ENOTEMPTY, EEXIST))
    for path in ("d/e", "d/f", "d/f/e", "d/f/g", "d/f/g/h"):
        yield Case(f"a directory into itself: {path}",
                   [folder("d"), folder("d/f"), folder("d/f/g")],
                   root.rename("d", path).fails(EINVAL))
    yield Case("a directory onto its parent", [folder("d"), folder("d/e")],
               root.rename("d/e", "d").fails(ENOTEMPTY, EEXIST))
    yield Case("a directory onto its grandparent",
               [folder("d"), folder("d/e"), folder("d/e/f")],
               root.rename("d/e/f", "d").fails(ENOTEMPTY, EEXIST))
    for name in (".", ".."):
        yield Case(f"from {name}", [folder("d")],
                   root.rename("d/" + name, "x").fails(EBUSY, EINVAL))
        yield Case(f"to {name}", [folder("d"), folder("x")],
                   root.rename("x", "d/" + name).fails(EBUSY, EINVAL))
    yield Case("dot-dot follows the move",
               [folder("a"), folder("b"), folder("a/d"),
                file("b/here")], root.rename("a/d", "b/d"),
               root.stat("b/d/../here", "type").gives({"type": "file"}))
    yield Case("a whole tree goes along",
               [folder("a"), folder("a/b"), file("a/b/f", data=b"abc")],
               root.rename("a", "z"),
               after={"z/b/f": {"data": b"abc"}, "a": None})
    yield Case("a directory with a slash behind both names", [folder("d")],
               root.rename("d/", "e/"),
               after={"e": {"nlink": 2}})
    yield Case("a file with a slash behind the new name", [file("f")],
               root.rename("f", "g/").fails(ENOTDIR))
    yield Case("a file with a slash behind the old name", [file("f")],
               root.rename("f/", "g").fails(ENOTDIR))
    yield Case("a process stays in a directory that moves", [folder("d"), folder("e")],
               alice.chdir("d"), root.rename("d", "e/d"),
               alice.getcwd().gives("d"), root.open("e/d/f", O_RDWR | O_CREAT),
               alice.listdir().gives(["f"]))
    for mode, works in ((0o755, False), (0o777, True)):
        step = bob.rename("a/d", "b/d")
        yield Case(
            f"moving a directory of another, mode {mode:o}, changes its dot-dot: needs the right to write",
            [folder("a", 0o777), folder("b", 0o777),
             folder("a/d", mode, ALICE)], step if works else step.fails(EACCES))
        yield Case(f"another name in the same directory does not: mode {mode:o}",
                   [folder("a", 0o777), folder("a/d", mode, ALICE)],
                   bob.rename("a/d", "a/e"),
                   after={"a/e": {"uid": ALICE}})


def new_name_errors():
    one = [file("f")]
    yield Case("the new directory is missing", one, root.rename("f", "no/g").fails(ENOENT))
    yield Case("the new name is empty", one, root.rename("f", "").fails(ENOENT))
    for kind in NOT_FOLDERS:
        if kind != "symlink":
            yield Case(f"a {kind} on the way to the new name", [*one, thing(kind, "x")],
                       root.rename("f", "x/g").fails(ENOTDIR))
    yield Case("the new name has 256 bytes", one, root.rename("f", NAME_256).fails(ENAMETOOLONG))
    yield Case("the new path has 4096 bytes", one,
               root.rename("f", "./" * 2047 + "gg").fails(ENAMETOOLONG))
    yield Case("links in a circle on the way to the new name",
               [*one, symlink("a", "b"), symlink("b", "a")],
               root.rename("f", "a/g").fails(ELOOP))
    yield Case("a directory from a missing name", [folder("d")],
               root.rename("x", "d").fails(ENOENT))


def target_rights():
    for mode, who, works, what in ((0o300, alice, True,
                                    "owner wx"), (0o500, alice, False,
                                                  "owner rx"), (0o600, alice, False, "owner rw"),
                                   (0o730, dave, True, "group wx"), (0o703, bob, True, "others wx"),
                                   (0o705, bob, False, "others rx")):
        step = who.rename("f", "d/f")
        yield Case(f"into a directory of mode {mode:o}: {what}",
                   [file("f"), folder("d", mode, ALICE, STAFF)],
                   step if works else step.fails(EACCES))
    for owner_of_directory, owner, who, works, what in ((0, ALICE, alice, True,
                                                         "owner of the replaced file"),
                                                        (ALICE, 0, alice, True,
                                                         "owner of the directory"),
                                                        (0, ALICE, bob, False, "another user"),
                                                        (0, ALICE, root, True, "root")):
        for kind in KINDS:
            step = who.rename("x", "d/x")
            yield Case(f"replacing a {kind} in a sticky directory: {what}", [
                folder("d", 0o1777, owner_of_directory),
                thing(kind, "d/x", 0o666, owner),
                thing("dir" if kind == "dir" else "file", "x", 0o777)
            ], step if works else step.fails(EPERM))


def noreplace():
    for kind in KINDS:
        yield Case(f"NOREPLACE: a {kind} to a free name", [thing(kind, "x")],
                   root.renameat2("x", "y", RENAME_NOREPLACE),
                   after={"x": None, "y": {"type": kind}})
        for there in KINDS:
            yield Case(f"NOREPLACE: a {kind}, and a {there} is there",
                       [thing(kind, "x"), thing(there, "y")],
                       root.renameat2("x", "y", RENAME_NOREPLACE).fails(EEXIST))
    yield Case("NOREPLACE: to itself", [file("x")],
               root.renameat2("x", "x", RENAME_NOREPLACE).fails(EEXIST))
    yield Case("NOREPLACE: nothing to move", [],
               root.renameat2("x", "y", RENAME_NOREPLACE).fails(ENOENT))
    yield Case("NOREPLACE and EXCHANGE", [file("x"), file("y")],
               root.renameat2("x", "y", RENAME_NOREPLACE | RENAME_EXCHANGE).fails(EINVAL))
    yield Case("unknown flags", [file("x")], root.renameat2("x", "y", 0x100).fails(EINVAL))


def exchange():
    for one in KINDS:
        for other in KINDS:
            yield Case(
                f"EXCHANGE: a {one} and a {other}",
                [thing(one, "x", 0o600), thing(other, "y", 0o600, BOB)],
                root.renameat2("x", "y", RENAME_EXCHANGE),
                after={"x": {"type": other, "uid": BOB}, "y": {"type": one, "uid": 0}},
                changes="..mtime ..ctime")
        folders = 1 if one == "dir" else 0
        yield Case(f"EXCHANGE: a {one} and a file in two directories",
                   [folder("d"), folder("e"),
                    thing(one, "d/x"), file("e/y")],
                   root.renameat2("d/x", "e/y", RENAME_EXCHANGE),
                   after={
                       "d": {"nlink": 2}, "e": {"nlink": 2 + folders}, "e/y": {"type": one}, "d/x":
                       {"type": "file"}
                   },
                   changes="d.mtime d.ctime e.mtime e.ctime")
    yield Case("EXCHANGE: a directory and one in it", [folder("d"), folder("d/e")],
               root.renameat2("d", "d/e", RENAME_EXCHANGE).fails(EINVAL))
    yield Case("EXCHANGE: a directory and the one it is in",
               [folder("d"), folder("d/e")],
               root.renameat2("d/e", "d", RENAME_EXCHANGE).fails(EINVAL))
    yield Case("EXCHANGE: the other is missing", [file("x")],
               root.renameat2("x", "y", RENAME_EXCHANGE).fails(ENOENT))
    yield Case(
        "EXCHANGE: full directories",
        [folder("x"), file("x/a"), folder("y"), file("y/b")],
        root.renameat2("x", "y", RENAME_EXCHANGE),
        after={"x": {"names": ["b"]}, "y": {"names": ["a"]}})
    yield Case("EXCHANGE: two names of one file", [file("x")],
               root.link("x", "y"),
               root.renameat2("x", "y", RENAME_EXCHANGE),
               after={"x": {"nlink": 2}, "y": {"nlink": 2}})
    for who, works, what in ((alice, True, "owner of both"), (bob, False, "owner of one"),
                             (root, True, "root")):
        step = who.renameat2("d/x", "d/y", RENAME_EXCHANGE)
        yield Case(f"EXCHANGE in a sticky directory: {what}", [
            folder("d", 0o1777),
            file("d/x", 0o666, ALICE),
            file("d/y", 0o666, BOB if who is bob else ALICE)
        ], step if works else step.fails(EPERM))
    yield Case("EXCHANGE without the right to write",
               [folder("d"), file("d/x"), file("d/y")],
               bob.renameat2("d/x", "d/y", RENAME_EXCHANGE).fails(EACCES))
    yield Case("EXCHANGE: an open file goes on",
               [file("x", data=b"x"), file("y", data=b"y")],
               root.open("x", O_RDONLY),
               root.renameat2("x", "y", RENAME_EXCHANGE),
               root.read(1).gives(b"x"),
               after={"x": {"data": b"y"}, "y": {"data": b"x"}})
