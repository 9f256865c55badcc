"""link(2) and linkat(2)."""
from errno import EACCES, EEXIST, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, EXDEV
from os import O_RDONLY

from lib.model import (ALICE, BOB, KINDS, NAME_255, NAME_256, NOT_FOLDERS, Case, alice, bob, file,
                       folder, root, symlink, thing)
from lib.paths import path_errors
from lib.syscalls import AT_SYMLINK_FOLLOW


def cases():
    yield from works()
    yield from refused()
    yield from path_errors("link, the old name",
                           lambda who, path: who.link(path, "new"),
                           follows=False)
    yield from new_name_errors()


def works():
    for kind in NOT_FOLDERS:
        yield Case(f"a {kind}", [thing(kind, "x", 0o640, ALICE)],
                   root.link("x", "y"),
                   root.same_file("x", "y").gives(True),
                   after={"x": {"nlink": 2}, "y": {"nlink": 2, "type": kind, "uid": ALICE}},
                   changes="x.ctime ..mtime ..ctime",
                   keeps="x.mtime x.atime")
        yield Case(f"a {kind} in another directory",
                   [folder("d"), folder("e"), thing(kind, "d/x")],
                   root.link("d/x", "e/y"),
                   after={"d/x": {"nlink": 2}, "e/y": {"nlink": 2}},
                   changes="e.mtime e.ctime d/x.ctime",
                   keeps="d.mtime d.ctime")
        yield Case(f"three names of a {kind}, and fewer again", [thing(kind, "a")],
                   root.link("a", "b"),
                   root.link("b", "c"),
                   root.unlink("a"),
                   root.unlink("c"),
                   after={"a": None, "b": {"nlink": 1}, "c": None})
    yield Case("both names have the same bytes", [file("a", data=b"abc")],
               root.link("a", "b"),
               root.put("b", b"X"),
               after={"a": {"data": b"Xbc"}, "b": {"data": b"Xbc"}})
    yield Case("a link to a symbolic link is one to the link",
               [file("f"), symlink("l", "f")],
               root.link("l", "m"),
               after={"m": {"type": "symlink", "target": "f", "nlink": 2}, "f": {"nlink": 1}})
    yield Case("AT_SYMLINK_FOLLOW links to what it leads to",
               [file("f"), symlink("l", "f")],
               root.linkat("l", "m", AT_SYMLINK_FOLLOW),
               after={"m": {"type": "file", "nlink": 2}, "l": {"nlink": 1}})
    yield Case("AT_SYMLINK_FOLLOW of a dangling link", [symlink("l", "no")],
               root.linkat("l", "m", AT_SYMLINK_FOLLOW).fails(ENOENT))
    yield Case("a name of 255 bytes", [file("f")],
               root.link("f", NAME_255),
               after={NAME_255: {"nlink": 2}})
    yield Case("a file that was removed by one name while it is open", [file("a", data=b"x")],
               root.link("a", "b"), root.open("a", O_RDONLY), root.unlink("a"),
               root.fstat("nlink").gives({"nlink": 1}),
               root.read(1).gives(b"x"))
    yield Case("a thousand links", [file("f")],
               *(root.link("f", f"l{n}") for n in range(1000)),
               after={"f": {"nlink": 1001}})


def refused():
    for kind in KINDS:
        yield Case(f"the new name is a {kind}", [file("f"), thing(kind, "x")],
                   root.link("f", "x").fails(EEXIST))
    yield Case("a file to itself", [file("f")], root.link("f", "f").fails(EEXIST))
    yield Case("a directory", [folder("d")], root.link("d", "e").fails(EPERM))
    yield Case("a directory, by its owner", [folder("d", 0o777, ALICE)],
               alice.link("d", "e").fails(EPERM))
    yield Case("a slash behind the old name", [file("f")], root.link("f/", "g").fails(ENOTDIR))
    yield Case("a slash behind the new name", [file("f")], root.link("f", "g/").fails(ENOENT))
    yield Case("unknown flags", [file("f")], root.linkat("f", "g", 0x10000).fails(EINVAL))
    yield Case("another file system", [], root.link("/proc/self/stat", "x").fails(EXDEV))
    yield Case("no right to write in the new directory",
               [folder("d", 0o755), file("f", 0o666, BOB)],
               bob.link("f", "d/g").fails(EACCES))
    yield Case("no right to search the new directory",
               [folder("d", 0o766), file("f", 0o666, BOB)],
               bob.link("f", "d/g").fails(EACCES))
    yield Case("no right to search the old directory",
               [folder("d", 0o766), file("d/f", 0o666, BOB)],
               bob.link("d/f", "g").fails(EACCES))
    yield Case("the owner of a file without rights", [file("f", 0, ALICE)],
               alice.link("f", "g"),
               after={"f": {"nlink": 2}})


def new_name_errors():
    one = [file("f")]
    yield Case("the new directory is missing", one, root.link("f", "no/g").fails(ENOENT))
    yield Case("the new name is empty", one, root.link("f", "").fails(ENOENT))
    for kind in NOT_FOLDERS:
        if kind != "symlink":
            yield Case(f"a {kind} on the way to the new name", [*one, thing(kind, "x")],
                       root.link("f", "x/g").fails(ENOTDIR))
    yield Case("the new name has 256 bytes", one, root.link("f", NAME_256).fails(ENAMETOOLONG))
    yield Case("the new path has 4096 bytes", one,
               root.link("f", "./" * 2047 + "gg").fails(ENAMETOOLONG))
    yield Case("links in a circle on the way to the new name",
               [*one, symlink("a", "b"), symlink("b", "a")],
               root.link("f", "a/g").fails(ELOOP))
    yield Case("the new name is a dangling link", [*one, symlink("l", "no")],
               root.link("f", "l").fails(EEXIST))
