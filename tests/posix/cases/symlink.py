"""symlink(2) and readlink(2)."""
from errno import EACCES, EEXIST, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from os import O_RDONLY

from lib.making import making
from lib.model import (ALICE, BOB, NAME_255, NOT_SYMLINKS, Case, alice, bob, file, folder, root,
                       symlink, thing)
from lib.paths import path_errors

TARGETS = ("f", "no", "/", "..", "../..", "/no/where", "a b", "a\nb", "//", "x" * 255, "x" * 256,
           "d/" * 100, "y" * 4000, "z" * 4095, "\udcff\udc80")


def cases():
    yield from making("symlink",
                      "symlink",
                      lambda who, path, mode=0: who.symlink("target", path), ())
    yield from path_errors("symlink",
                           lambda who, path: who.symlink("target", path),
                           last_may_miss=True,
                           follows=False)
    yield from path_errors("readlink", lambda who, path: who.readlink(path), follows=False)
    yield from targets()
    yield from reading()
    yield from following()


def targets():
    for target in TARGETS:
        length = len(target.encode(errors="surrogateescape"))
        yield Case(f"a target of {length} bytes, {target[:8]!r}", [],
                   alice.symlink(target, "l"),
                   alice.readlink("l").gives(target),
                   after={
                       "l":
                       {"type": "symlink", "size": length, "mode": 0o777, "nlink": 1, "uid": ALICE}
                   })
    yield Case("a target of 4096 bytes", [], root.symlink("z" * 4096, "l").fails(ENAMETOOLONG))
    yield Case("an empty target", [], root.symlink("", "l").fails(ENOENT))
    yield Case("umask does not matter", [],
               root.umask(0o777),
               root.symlink("x", "l"),
               after={"l": {"mode": 0o777}})
    yield Case("a name of 255 bytes", [],
               root.symlink("x", NAME_255),
               after={NAME_255: {"target": "x"}})
    yield Case("a slash behind the name", [], root.symlink("x", "l/").fails(ENOENT))
    yield Case("dot", [], root.symlink("x", ".").fails(EEXIST))


def reading():
    for kind in NOT_SYMLINKS:
        yield Case(f"readlink of a {kind}", [thing(kind, "x")], root.readlink("x").fails(EINVAL))
    for size, expected in ((1, "t"), (3, "tar"), (6, "target"), (100, "target")):
        yield Case(f"readlink with room for {size} bytes", [symlink("l", "target")],
                   root.readlink("l", size).gives(expected))
    yield Case("readlink with room for nothing", [symlink("l", "target")],
               root.readlink("l", 0).fails(EINVAL))
    yield Case("anybody may read a link", [symlink("l", "target", ALICE)],
               bob.readlink("l").gives("target"))
    yield Case("a link with a slash is followed", [file("f"), symlink("l", "f")],
               root.readlink("l/").fails(ENOTDIR))
    yield Case("a link to a link", [symlink("a", "b"), symlink("b", "c")],
               root.readlink("a").gives("b"))


def following():
    yield Case(
        "a relative target starts where the link is",
        [folder("d"),
         file("d/f", data=b"in d"),
         symlink("d/l", "f"),
         file("f", data=b"above")],
        root.content("d/l").gives(b"in d"))
    yield Case("dot-dot in a target",
               [folder("d"), symlink("d/l", "../f"),
                file("f", data=b"above")],
               root.content("d/l").gives(b"above"))
    yield Case("a target that is longer than any name cannot be found", [symlink("l", "x" * 256)],
               root.open("l", O_RDONLY).fails(ENAMETOOLONG))
    yield Case("a link to itself", [symlink("l", "l")],
               root.open("l", O_RDONLY).fails(ELOOP),
               root.readlink("l").gives("l"))
    yield Case("a link to a directory is not one", [folder("d"), symlink("l", "d")],
               root.rmdir("l").fails(ENOTDIR))
    yield Case("what a link leads to needs its own rights",
               [folder("d", 0o700, ALICE),
                file("d/f", 0o666),
                symlink("l", "d/f", BOB)],
               bob.open("l", O_RDONLY).fails(EACCES))
    yield Case("removing what a link leads to leaves the link",
               [file("f"), symlink("l", "f")],
               root.unlink("f"),
               root.open("l", O_RDONLY).fails(ENOENT),
               after={"l": {"target": "f"}})
