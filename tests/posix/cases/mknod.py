"""mknod(2), mkfifo(3), and sockets that bind(2) makes."""
import os
import stat
from errno import EACCES, EADDRINUSE, ECONNREFUSED, EEXIST, EINVAL, ENOENT, ENXIO, EPERM
from os import O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY

from lib.making import making
from lib.model import ALICE, BOB, DEVICE, Case, alice, bob, root, symlink, thing
from lib.paths import path_errors

MODES = (0o000, 0o400, 0o644, 0o666, 0o755, 0o4755, 0o7777)


def cases():
    yield from making("mkfifo",
                      "fifo",
                      lambda who, path, mode=0o644: who.mkfifo(path, mode),
                      MODES[:4])
    yield from making("mknod of a file",
                      "file",
                      lambda who, path, mode=0o644: who.mknod(path, stat.S_IFREG | mode),
                      (0o644, 0o777, 0o4755))
    yield from making("mknod of a socket",
                      "socket",
                      lambda who, path, mode=0o644: who.mknod(path, stat.S_IFSOCK | mode),
                      (0o644, 0o777))
    yield from path_errors("mkfifo",
                           lambda who, path: who.mkfifo(path, 0o644),
                           last_may_miss=True,
                           follows=False)
    yield from path_errors("mknod",
                           lambda who, path: who.mknod(path, 0o100644),
                           last_may_miss=True,
                           follows=False)
    yield from devices()
    yield from fifos()
    yield from sockets()


def devices():
    for kind, format_ in (("char", stat.S_IFCHR), ("block", stat.S_IFBLK)):
        for major, minor in ((1, 3), (0, 0), (7, 255), (259, 65536), (4095, 1048575)):
            number = os.makedev(major, minor)
            yield Case(f"a {kind} device {major},{minor}", [],
                       root.mknod("x", format_ | 0o640, number),
                       after={"x": {"type": kind, "rdev": number, "mode": 0o640, "size": 0}})
        for mode in MODES:
            yield Case(f"a {kind} device of mode {mode:o}", [],
                       root.mknod("x", format_ | mode, DEVICE),
                       after={"x": {"type": kind, "mode": mode}})
        yield Case(f"an ordinary user makes no {kind} device", [],
                   alice.mknod("x", format_ | 0o666, DEVICE).fails(EPERM))
    yield Case("a whiteout is for everybody", [],
               alice.mknod("x", stat.S_IFCHR | 0o644, 0),
               after={"x": {"type": "char", "rdev": 0}})
    yield Case("/dev/null by another name", [], root.mknod("x", stat.S_IFCHR | 0o666, DEVICE),
               root.open("x", O_RDWR),
               root.write(b"abc").gives(3),
               root.read(3).gives(b""))
    yield Case("no such device", [], root.mknod("x", stat.S_IFCHR | 0o666, os.makedev(4095, 1)),
               root.open("x", O_RDWR).fails(ENXIO))
    yield Case("without a type it is a file", [],
               root.mknod("x", 0o640),
               after={"x": {"type": "file", "mode": 0o640}})
    yield Case("a directory cannot be made so", [],
               root.mknod("x", stat.S_IFDIR | 0o755).fails(EPERM))
    yield Case("nor a symbolic link", [], root.mknod("x", stat.S_IFLNK | 0o755).fails(EINVAL))
    yield Case("a dangling link is there", [symlink("l", "no")],
               root.mknod("l", 0o100644).fails(EEXIST),
               root.mkfifo("l").fails(EEXIST))
    yield Case("a slash at the end", [],
               root.mknod("x/", 0o100644).fails(ENOENT),
               root.mkfifo("x/").fails(ENOENT))


def fifos():
    yield Case("bytes go through a FIFO", [],
               alice.mkfifo("p"),
               alice.open("p", O_RDWR),
               alice.write(b"through"),
               alice.read(10).gives(b"through"),
               after={"p": {"size": 0}})
    yield Case("a FIFO without a reader", [thing("fifo", "p", 0o666)],
               alice.open("p", O_WRONLY | O_NONBLOCK).fails(ENXIO))
    yield Case("a FIFO joins two processes", [thing("fifo", "p", 0o666)],
               alice.open("p", O_RDONLY | O_NONBLOCK), bob.open("p", O_WRONLY),
               bob.write(b"to alice"),
               alice.read(99).gives(b"to alice"))
    yield Case("a FIFO waits for the other end", [thing("fifo", "p", 0o666)],
               alice.open("p", O_RDONLY).waits(), bob.open("p", O_WRONLY), alice.finish(),
               bob.write(b"x"), bob.close(),
               alice.read(9).gives(b"x"),
               alice.read(9).gives(b""))


def sockets():
    yield Case("bind makes a socket", [],
               alice.umask(0o022),
               alice.bind("s"),
               after={"s": {"type": "socket", "mode": 0o755, "uid": ALICE, "nlink": 1}})
    yield Case("bind to a name that is taken", [thing("file", "s")],
               alice.bind("s").fails(EADDRINUSE))
    yield Case("a socket cannot be opened", [thing("socket", "s", 0o666)],
               bob.open("s", O_RDWR).fails(ENXIO))
    yield Case("nobody listens", [thing("socket", "s", 0o666)],
               bob.connect("s").fails(ECONNREFUSED))
    yield Case("connecting needs the right to write", [thing("socket", "s", 0o644, ALICE, BOB)],
               bob.connect("s").fails(EACCES))
