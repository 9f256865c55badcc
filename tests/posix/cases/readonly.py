"""EROFS: every change through a read-only mount; reading works there."""
from errno import EACCES, EEXIST, ENOENT, EROFS
from os import F_OK, O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, R_OK, W_OK

from lib.model import (ALICE, KINDS, NOT_SYMLINKS, Case, alice, alicero, file, folder, root, rootro,
                       symlink, thing)
from lib.syscalls import RENAME_EXCHANGE

THERE = [file("f", 0o666, ALICE, data=b"abc"), folder("d", 0o777), symlink("l", "f")]


def cases():
    for who, what in ((rootro, "root"), (alicero, "the owner")):
        for flags in (O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND,
                      O_RDONLY | O_TRUNC):
            yield Case(f"open with {flags:o}, {what}", THERE, who.open("f", flags).fails(EROFS))
        for step in (who.open("new", O_CREAT | O_WRONLY), who.mkdir("new"), who.mkfifo("new"),
                     who.symlink("x", "new"), who.link("f", "new"), who.rename("f", "new"),
                     who.unlink("f"), who.rmdir("d"), who.chmod("f", 0o600), who.chmod("d", 0o700),
                     who.chown("f", -1, ALICE), who.lchown("l", -1, ALICE), who.truncate("f", 0),
                     who.utime_now("f"), who.utimensat("f", (1, 0),
                                                       (2, 0)), who.setxattr("f", "user.a", b"1"),
                     who.removexattr("f", "user.a"), who.renameat2("f", "d", RENAME_EXCHANGE),
                     who.bind("s"), who.mknod("n", 0o100644)):
            yield Case(f"{step.operation} {step.arguments[:2]}, {what}", THERE, step.fails(EROFS))
        yield Case(f"reading, {what}", THERE,
                   who.content("f").gives(b"abc"),
                   who.listdir().gives(["d", "f", "l"]),
                   who.readlink("l").gives("f"),
                   who.lstat("f", "size").gives({"size": 3}), who.access("f", R_OK))
        yield Case(f"access to write, {what}", THERE,
                   who.access("f", W_OK).fails(EROFS),
                   who.access("d", W_OK).fails(EROFS), who.access("f", F_OK))
        yield Case(f"what exists is said first, {what}", THERE,
                   who.mkdir("d").fails(EEXIST),
                   who.open("f", O_CREAT | O_EXCL | O_WRONLY).fails(EEXIST),
                   who.open("no", O_WRONLY).fails(ENOENT), who.open("f", O_CREAT | O_RDONLY))
        yield Case(f"what others change is seen, {what}", THERE, root.put("f", b"X"),
                   who.content("f").gives(b"Xbc"), root.mkdir("new"), who.lstat("new"))
    for kind in NOT_SYMLINKS:
        yield Case(f"chmod of a {kind}", [thing(kind, "x", 0o666, ALICE)],
                   alicero.chmod("x", 0o600).fails(EROFS))
    for kind in KINDS:
        if kind != "dir":
            yield Case(f"unlink of a {kind}", [thing(kind, "x", 0o666, ALICE)],
                       alicero.unlink("x").fails(EROFS))
    yield Case("devices and FIFOs may be written",
               [thing("char", "x", 0o666), thing("fifo", "p", 0o666)],
               alicero.open("x", O_WRONLY, "x"),
               alicero.write(b"abc", "x").gives(3), alicero.open("p", O_RDWR, "p"),
               alicero.write(b"abc", "p").gives(3))
    yield Case("no right and read-only", [file("f", 0o600, data=b"x")],
               alicero.open("f", O_WRONLY).fails(EROFS, EACCES),
               alice.open("f", O_WRONLY).fails(EACCES))
