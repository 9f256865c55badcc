"""open(2) and creat(2): flags, rights, making files, O_TMPFILE, O_DIRECT, O_SYNC."""
import os
from errno import EACCES, EBADF, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, ENXIO, EPERM
from os import (O_APPEND, O_CREAT, O_DIRECT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOATIME, O_NOFOLLOW,
                O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY)

from lib.making import making
from lib.model import (ALICE, BOB, KIB, MIB, NAME_255, PATH_4095, STAFF, Case, alice, bob, carol,
                       dave, file, folder, root, symlink, thing)
from lib.paths import path_errors
from lib.syscalls import O_TMPFILE

MODES = (0o000, 0o400, 0o644, 0o666, 0o777, 0o1644, 0o2755, 0o4755)
NEW = O_CREAT | O_EXCL | O_RDWR


def cases():
    yield from making("open",
                      "file",
                      lambda who, path, mode=0o644: who.open(path, NEW, "fd", mode),
                      MODES)
    yield from path_errors("open", lambda who, path: who.open(path, O_RDONLY))
    yield from path_errors("open O_CREAT",
                           lambda who, path: who.open(path, O_CREAT | O_WRONLY),
                           last_may_miss=True)
    yield from rights()
    yield from creating()
    yield from truncating()
    yield from directories()
    yield from links()
    yield from kinds()
    yield from access_modes()
    yield from tmpfile()
    yield from direct()
    yield from synchronous()


def rights():
    """Each class of user has its own bits, and only the first class that fits counts."""
    for bits in range(8):
        for flag, needed, name in ((O_RDONLY, 4, "read"), (O_WRONLY, 2, "write"), (O_RDWR, 6,
                                                                                   "both")):
            allowed = bits & needed == needed
            for who, mode, what in ((alice, bits << 6, "owner"), (carol, bits << 3,
                                                                  "primary group"),
                                    (dave, bits << 3, "supplementary group"), (bob, bits,
                                                                               "others")):
                step = who.open("f", flag)
                yield Case(f"mode {mode:04o}, {what}, to {name}", [file("f", mode, ALICE, STAFF)],
                           step if allowed else step.fails(EACCES))
    for flag in (O_RDONLY, O_WRONLY, O_RDWR):
        yield Case(f"the owner's bits count for the owner, not the others': {flag}",
                   [file("f", 0o077, ALICE)],
                   alice.open("f", flag).fails(EACCES))
        yield Case(f"the group's bits count for a member, not the others': {flag}",
                   [file("f", 0o707, ALICE, STAFF)],
                   dave.open("f", flag).fails(EACCES))
        yield Case(f"root may in any case: {flag}", [file("f", 0, ALICE)], root.open("f", flag))
    for bits in range(8):
        step = alice.open("d", O_RDONLY | O_DIRECTORY)
        yield Case(f"a directory of mode {bits}00", [folder("d", bits << 6, ALICE)],
                   step if bits & 4 else step.fails(EACCES))
    yield Case("O_TRUNC needs the right to write", [file("f", 0o444, ALICE, data=b"x")],
               alice.open("f", O_RDONLY | O_TRUNC).fails(EACCES),
               bob.open("f", O_WRONLY | O_TRUNC).fails(EACCES),
               after={"f": {"data": b"x"}})
    yield Case("O_PATH needs no right on the file", [file("f", 0, ALICE)], bob.open("f", O_PATH),
               bob.fstat("uid").gives({"uid": ALICE}),
               bob.read(1).fails(EBADF),
               bob.write(b"x").fails(EBADF))
    yield Case("O_NOATIME is for the owner", [file("f", 0o666, ALICE)],
               bob.open("f", O_RDONLY | O_NOATIME).fails(EPERM))
    yield Case("O_NOATIME by the owner", [file("f", 0o666, ALICE)],
               alice.open("f", O_RDONLY | O_NOATIME))


def creating():
    yield Case("a new file may be written through the descriptor that made it, whatever its mode",
               [],
               alice.open("f", NEW, "fd", 0o000),
               alice.write(b"abc"),
               alice.open("f", O_RDONLY, "g").fails(EACCES),
               after={"f": {"mode": 0, "data": b"abc"}})
    yield Case("a new file for reading only, made with O_WRONLY", [],
               alice.open("f", O_CREAT | O_WRONLY, "fd", 0o444),
               alice.write(b"abc"),
               after={"f": {"mode": 0o444, "data": b"abc"}})
    yield Case("O_CREAT leaves an existing file alone", [file("f", 0o640, data=b"abc")],
               root.open("f", O_CREAT | O_RDWR, "fd", 0o777),
               after={"f": {"mode": 0o640, "data": b"abc"}},
               keeps="f.mtime f.ctime ..mtime ..ctime")
    yield Case("O_CREAT of a file that is there needs no right on the directory",
               [folder("d", 0o755), file("d/f", 0o666)], bob.open("d/f", O_CREAT | O_WRONLY))
    yield Case("O_EXCL alone means nothing", [file("f", 0o644)], root.open("f", O_EXCL | O_RDONLY))
    yield Case("O_CREAT and O_EXCL do not follow a dangling link", [symlink("l", "no")],
               root.open("l", NEW).fails(EEXIST))
    yield Case("O_CREAT follows a dangling link", [symlink("l", "new")],
               root.open("l", O_CREAT | O_WRONLY),
               after={"new": {"type": "file"}, "l": {"type": "symlink"}})
    yield Case("O_CREAT through a dangling link to nowhere", [symlink("l", "no/new")],
               root.open("l", O_CREAT | O_WRONLY).fails(ENOENT))
    yield Case("creat truncates", [file("f", 0o640, data=b"abc")],
               root.creat("f", "fd", 0o777),
               root.read(1).fails(EBADF),
               after={"f": {"size": 0, "mode": 0o640}})
    yield Case("a slash at the end", [], root.open("f/", O_CREAT | O_WRONLY).fails(EISDIR))
    yield Case("a slash at the end of a file's name", [file("f")],
               root.open("f/", O_RDONLY).fails(ENOTDIR))
    yield Case("a name of 255 bytes", [],
               root.open(NAME_255, NEW),
               after={NAME_255: {"type": "file"}})
    yield Case("a path of 4095 bytes", [], root.open(PATH_4095, NEW), after={"f": {"type": "file"}})
    yield Case("a deep tree", [folder("/".join(["d"] * n)) for n in range(1, 60)],
               root.open("d/" * 59 + "f", NEW),
               after={"d/" * 59 + "f": {"type": "file"}})
    yield Case("a link to an existing name in a sticky directory of another",
               [folder("d", 0o1777), file("d/f", 0o666, ALICE)], bob.open("d/f", O_WRONLY))


def truncating():
    for flags, size in ((O_WRONLY, 3), (O_RDWR, 3), (O_WRONLY, 0), (O_WRONLY | O_CREAT, 5000),
                        (O_RDWR, 3 * MIB)):
        yield Case(f"O_TRUNC with {flags:o} of {size} bytes", [file("f", 0o644, data=b"x" * size)],
                   root.open("f", flags | O_TRUNC),
                   after={"f": {"size": 0, "data": b""}},
                   changes="f.mtime f.ctime",
                   keeps="..mtime ..ctime")
    yield Case("O_TRUNC on a file that another has open", [file("f", 0o666, data=b"abcdef")],
               alice.open("f", O_RDWR), bob.open("f", O_WRONLY | O_TRUNC),
               alice.read(9).gives(b""), bob.write(b"new"),
               alice.pread(9, 0).gives(b"new"))
    yield Case("O_TRUNC takes setuid and setgid away", [file("f", 0o6777, ALICE, data=b"abc")],
               bob.open("f", O_WRONLY | O_TRUNC),
               after={"f": {"mode": 0o777, "size": 0}})


def directories():
    for flags in (O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_RDONLY | O_CREAT, O_RDWR | O_CREAT):
        yield Case(f"a directory with flags {flags:o}", [folder("d")],
                   root.open("d", flags).fails(EISDIR))
    yield Case("a directory to read", [folder("d")], root.open("d", O_RDONLY),
               root.read(1).fails(EISDIR))
    yield Case("O_CREAT and O_EXCL on a directory", [folder("d")],
               root.open("d", NEW).fails(EEXIST))
    for kind in ("file", "fifo", "socket", "char"):
        yield Case(f"O_DIRECTORY on a {kind}", [thing(kind, "x")],
                   root.open("x", O_RDONLY | O_DIRECTORY | O_NONBLOCK).fails(ENOTDIR))
    yield Case("O_DIRECTORY through a link", [folder("d"), symlink("l", "d")],
               root.open("l", O_RDONLY | O_DIRECTORY))


def links():
    yield Case("O_NOFOLLOW on a link", [file("f"), symlink("l", "f")],
               root.open("l", O_RDONLY | O_NOFOLLOW).fails(ELOOP))
    yield Case("O_NOFOLLOW on a dangling link", [symlink("l", "no")],
               root.open("l", O_RDONLY | O_NOFOLLOW).fails(ELOOP))
    yield Case("O_NOFOLLOW and O_DIRECTORY on a link", [folder("d"), symlink("l", "d")],
               root.open("l", O_RDONLY | O_NOFOLLOW | O_DIRECTORY).fails(ENOTDIR))
    yield Case("O_NOFOLLOW on a file", [file("f")], root.open("f", O_RDONLY | O_NOFOLLOW))
    yield Case("O_NOFOLLOW with a link on the way",
               [folder("d"), symlink("l", "d"), file("d/f")],
               root.open("l/f", O_RDONLY | O_NOFOLLOW))
    yield Case("O_PATH and O_NOFOLLOW open the link itself", [symlink("l", "no")],
               root.open("l", O_PATH | O_NOFOLLOW),
               root.fstat("size").gives({"size": 2}))
    yield Case("40 links in a row",
               [file("l0"), *(symlink(f"l{n}", f"l{n - 1}") for n in range(1, 41))],
               root.open("l40", O_RDONLY))
    yield Case("41 links in a row",
               [file("l0"), *(symlink(f"l{n}", f"l{n - 1}") for n in range(1, 42))],
               root.open("l41", O_RDONLY).fails(ELOOP))
    yield Case("a link with a slash to a file", [file("f"), symlink("l", "f/")],
               root.open("l", O_RDONLY).fails(ENOTDIR))
    yield Case("an absolute link", [symlink("l", "/")], root.open("l", O_RDONLY | O_DIRECTORY))


def kinds():
    yield Case("a socket", [thing("socket", "x")], root.open("x", O_RDONLY).fails(ENXIO))
    yield Case("a FIFO to write, without a reader", [thing("fifo", "x")],
               root.open("x", O_WRONLY | O_NONBLOCK).fails(ENXIO))
    yield Case("a FIFO to read, without a writer", [thing("fifo", "x")],
               root.open("x", O_RDONLY | O_NONBLOCK))
    yield Case("a device that nobody has", [thing("char", "x")],
               root.mknod("y", 0o020666, os.makedev(4095, 9)),
               root.open("y", O_RDONLY).fails(ENXIO))
    yield Case("an ordinary user opens a device by its mode", [thing("char", "x", 0o600)],
               bob.open("x", O_RDONLY).fails(EACCES))


def access_modes():
    yield Case("reading what is open to write", [file("f")], root.open("f", O_WRONLY),
               root.read(1).fails(EBADF))
    yield Case("writing what is open to read", [file("f")], root.open("f", O_RDONLY),
               root.write(b"x").fails(EBADF))
    yield Case("truncating what is open to read", [file("f")], root.open("f", O_RDONLY),
               root.ftruncate(0).fails(EINVAL))
    for flags in (O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_NONBLOCK | O_APPEND):
        yield Case(f"F_GETFL tells the flags {flags:o}", [file("f")], root.open("f", flags),
                   root.getfl().gives(flags))
    yield Case("F_SETFL sets O_APPEND", [file("f", data=b"abc")],
               root.open("f", O_RDWR),
               root.setfl(O_APPEND),
               root.getfl().gives(O_RDWR | O_APPEND),
               root.write(b"d"),
               after={"f": {"data": b"abcd"}})
    yield Case("F_SETFL takes O_APPEND away", [file("f", data=b"abc")],
               root.open("f", O_RDWR | O_APPEND),
               root.setfl(0),
               root.write(b"X"),
               after={"f": {"data": b"Xbc"}})
    yield Case("the rights are those of the time of the open",
               [file("f", 0o666, ALICE, data=b"abc")],
               bob.open("f", O_RDWR),
               alice.chmod("f", 0),
               bob.pread(3, 0).gives(b"abc"),
               bob.write(b"X"),
               after={"f": {"data": b"Xbc", "mode": 0}})
    yield Case("each open has its own offset", [file("f", data=b"abcdef")],
               root.open("f", O_RDONLY, "a"), root.open("f", O_RDONLY, "b"),
               root.read(3, "a").gives(b"abc"),
               root.read(3, "b").gives(b"abc"), root.dup("a", "c"),
               root.read(3, "c").gives(b"def"),
               root.read(3, "a").gives(b""))


def tmpfile():
    yield Case("O_TMPFILE gives a file without a name", [folder("d")],
               root.open("d", O_TMPFILE | O_RDWR, "fd", 0o600),
               root.fstat("nlink", "size", "mode").gives({"nlink": 0, "size": 0, "mode": 0o600}),
               root.write(b"abc"),
               root.pread(9, 0).gives(b"abc"),
               after={"d": {"names": []}},
               optional=True)
    yield Case("O_TMPFILE, then a name", [folder("d")],
               root.open("d", O_TMPFILE | O_RDWR, "fd", 0o640),
               root.write(b"abc"),
               root.link_fd("d/f"),
               root.fstat("nlink").gives({"nlink": 1}),
               root.close(),
               after={"d/f": {"data": b"abc", "mode": 0o640, "nlink": 1}},
               optional=True)
    yield Case("O_TMPFILE and O_EXCL: never a name", [folder("d")],
               root.open("d", O_TMPFILE | O_EXCL | O_RDWR),
               root.link_fd("d/f").fails(ENOENT),
               optional=True)
    yield Case("O_TMPFILE to read only", [folder("d")],
               root.open("d", O_TMPFILE | O_RDONLY).fails(EINVAL),
               optional=True)
    yield Case("O_TMPFILE in a file", [file("f")],
               root.open("f", O_TMPFILE | O_RDWR).fails(ENOTDIR),
               optional=True)
    yield Case("O_TMPFILE needs the right to write", [folder("d", 0o755)],
               bob.open("d", O_TMPFILE | O_RDWR).fails(EACCES),
               optional=True)
    yield Case("O_TMPFILE and umask", [folder("d", 0o777)],
               bob.umask(0o027),
               bob.open("d", O_TMPFILE | O_RDWR, "fd", 0o666),
               bob.fstat("mode", "uid").gives({"mode": 0o640, "uid": BOB}),
               optional=True)


def direct():
    for size in (4 * KIB, 16 * KIB, 20 * KIB, MIB, 3 * MIB):
        yield Case(f"O_DIRECT writes and reads {size} bytes", [],
                   root.open("f", O_CREAT | O_RDWR | O_DIRECT),
                   root.write_direct(size, 0, b"q").gives(size),
                   root.read_direct(size, 0).gives((size, b"q")),
                   root.fstat("size").gives({"size": size}))
    yield Case("O_DIRECT sees what was written before it", [file("f", data=b"z" * 8192)],
               root.open("f", O_RDWR), root.pwrite(b"y" * 4096, 4096),
               root.open("f", O_RDWR | O_DIRECT, "direct"),
               root.read_direct(4096, 4096, "direct").gives((4096, b"y")))
    yield Case("others see what was written with O_DIRECT", [file("f", data=b"z" * 8192)],
               root.open("f", O_RDWR),
               root.pread_fill(8192, 0).gives((8192, b"z")),
               root.open("f", O_RDWR | O_DIRECT, "direct"),
               root.write_direct(4096, 0, b"y", "direct"),
               root.pread(2, 4095).gives(b"yz"))
    yield Case("O_DIRECT at the end of the file", [file("f", data=b"z" * 5000)],
               root.open("f", O_RDWR | O_DIRECT),
               root.read_direct(4096, 4096).gives((904, b"z")),
               root.read_direct(4096, 8192).gives((0, b"")))


def synchronous():
    for flag, name in ((O_SYNC, "O_SYNC"), (O_DSYNC, "O_DSYNC"),
                       (O_SYNC | O_APPEND, "O_SYNC and O_APPEND"), (O_DIRECT | O_SYNC,
                                                                    "O_DIRECT and O_SYNC")):
        yield Case(f"{name} writes", [],
                   root.open("f", O_CREAT | O_RDWR | flag),
                   root.write_direct(4096, 0, b"s").gives(4096),
                   root.fstat("size").gives({"size": 4096}),
                   after={"f": {"size": 4096, "data": b"s" * 4096}})
