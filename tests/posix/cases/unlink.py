"""unlink(2) and unlinkat(2)."""
from errno import EBUSY, EINVAL, EISDIR, ENOENT, ENOTDIR
from os import O_CREAT, O_RDONLY, O_RDWR

from lib.model import (ALICE, MIB, NAME_255, NOT_FOLDERS, Case, alice, bob, file, folder, root,
                       rootfar, symlink, thing)
from lib.paths import path_errors
from lib.removing import may_remove
from lib.syscalls import AT_REMOVEDIR


def cases():
    yield from path_errors("unlink", lambda who, path: who.unlink(path), follows=False)
    yield from may_remove("unlink", NOT_FOLDERS, lambda who, path: who.unlink(path))
    yield from removes()
    yield from while_open()


def removes():
    for kind in NOT_FOLDERS:
        yield Case(f"a {kind}", [folder("d"), thing(kind, "d/x")],
                   root.unlink("d/x"),
                   after={"d/x": None, "d": {"names": []}},
                   changes="d.mtime d.ctime")
        yield Case(f"one name of two of a {kind}", [thing(kind, "x")],
                   root.link("x", "y"),
                   root.unlink("x"),
                   after={"x": None, "y": {"nlink": 1, "type": kind}})
        yield Case(f"ctime of a {kind} that has another name",
                   [folder("d"), thing(kind, "x")],
                   root.link("x", "d/y"),
                   root.unlink("d/y"),
                   changes="x.ctime",
                   keeps="x.mtime")
        yield Case(f"a slash behind a {kind}", [thing(kind, "x")], root.unlink("x/").fails(ENOTDIR))
    yield Case("a directory", [folder("d")], root.unlink("d").fails(EISDIR))
    yield Case("a directory of an ordinary user", [folder("d", 0o777, ALICE)],
               alice.unlink("d").fails(EISDIR))
    yield Case("dot", [], root.unlink(".").fails(EISDIR))
    yield Case("a link to a directory goes, not the directory",
               [folder("d"), symlink("l", "d")],
               root.unlink("l"),
               after={"l": None, "d": {"type": "dir"}})
    yield Case("a link to a directory, with a slash", [folder("d"), symlink("l", "d")],
               root.unlink("l/").fails(ENOTDIR))
    yield Case("a name of 255 bytes", [file(NAME_255)],
               root.unlink(NAME_255),
               after={NAME_255: None})
    yield Case("a file without rights", [file("f", 0, ALICE)], bob.unlink("f"), after={"f": None})
    yield Case("twice", [file("f")], root.unlink("f"), root.unlink("f").fails(ENOENT))
    yield Case("the name can be used again", [file("f", data=b"old")],
               root.unlink("f"),
               root.mkdir("f"),
               after={"f": {"type": "dir"}})
    yield Case("unlinkat with AT_REMOVEDIR removes a directory", [folder("d")],
               root.unlinkat("d", AT_REMOVEDIR),
               after={"d": None})
    yield Case("unlinkat with AT_REMOVEDIR on a file", [file("f")],
               root.unlinkat("f", AT_REMOVEDIR).fails(ENOTDIR))
    yield Case("unlinkat with unknown flags", [file("f")], root.unlinkat("f", 1).fails(EINVAL))
    yield Case("what is mounted", [], root.unlink("/proc").fails(EISDIR, EBUSY))


def while_open():
    """A file without a name stays usable, whichever mount opened it and whichever removed the name."""
    for opener, where in ((root, "here"), (rootfar, "on another mount")):
        for remover, by in ((root, "here"), (rootfar, "on another mount")):
            for size in (0, 100, 20000, 3 * MIB):
                yield Case(f"open {where}, removed {by}, {size} bytes",
                           [file("f", data=b"x" * size)],
                           opener.open("f", O_RDWR),
                           remover.unlink("f"),
                           opener.fstat("nlink", "size").gives({"nlink": 0, "size": size}),
                           opener.pread_fill(4 * MIB, 0).gives((size, b"x" if size else b"")),
                           opener.pwrite(b"more", size),
                           opener.pread(9, size).gives(b"more"),
                           opener.ftruncate(2),
                           opener.fstat("size").gives({"size": 2}),
                           opener.fsync(),
                           opener.fchmod(0o601),
                           opener.fstat("mode").gives({"mode": 0o601}),
                           opener.open("f", O_RDONLY, "g").fails(ENOENT),
                           opener.close(),
                           after={"f": None})
    yield Case("two processes have it open", [file("f", 0o666, data=b"abc")],
               alice.open("f", O_RDWR), bob.open("f", O_RDWR), root.unlink("f"), alice.write(b"X"),
               alice.close(),
               bob.read(9).gives(b"Xbc"))
    yield Case("attributes of a file without a name", [file("f", 0o644, ALICE)],
               alice.open("f", O_RDWR), alice.unlink("f"), alice.fchmod(0o600),
               alice.fstat("mode").gives({"mode": 0o600}), alice.futimens((1, 0), (2, 0)),
               alice.fsetxattr("user.a", b"1"),
               alice.fgetxattr("user.a").gives(b"1"))
    yield Case("a new file of the same name is another", [file("f", data=b"old")],
               root.open("f", O_RDWR),
               root.unlink("f"),
               root.open("f", O_RDWR | O_CREAT, "new"),
               root.write(b"new", "new"),
               root.read(9).gives(b"old"),
               after={"f": {"data": b"new"}})
    yield Case("replaced by rename while open",
               [file("f", data=b"old"), file("g", data=b"new")],
               root.open("f", O_RDWR),
               root.rename("g", "f"),
               root.read(9).gives(b"old"),
               root.fstat("nlink").gives({"nlink": 0}),
               after={"f": {"data": b"new"}, "g": None})
