"""The time of the last access: relatime, as Linux mounts by default.

Reading updates it where it is not newer than mtime or ctime, or more than a day old; O_NOATIME never.
"""
from mmap import PROT_READ
from os import O_CREAT, O_NOATIME, O_RDONLY, O_RDWR

from lib.model import ALICE, MIB, Case, alice, bob, file, folder, root, root2, symlink
from lib.syscalls import AT_SYMLINK_NOFOLLOW

OLD = (1_000_000_000, 0)
NS = 1_000_000_000


def read_step(who, size):
    return (who.open("f", O_RDONLY), who.pread_fill(size, 0), who.close())


def cases():
    for size in (10, 20000, 2 * MIB):
        there = [file("f", 0o644, ALICE, data=b"d" * size)]
        for who, what in ((alice, "the owner"), (bob, "another user"), (root, "root")):
            yield Case(f"{what} reads {size} bytes that were written since the last access",
                       there,
                       root.utimensat("f", OLD, (OLD[0] + 5, 0)),
                       *read_step(who, size),
                       root.newer_than("f", "atime", OLD[0] + 100).gives(True),
                       after={"f": {"mtime": (OLD[0] + 5) * NS}})
        yield Case(f"the second read of {size} bytes changes nothing", there, root.pause(),
                   *read_step(alice, size), root.remember("f"), root.pause(), *read_step(bob, size),
                   root.atime_is_remembered("f").gives(True))
        yield Case(f"an access more than a day old is renewed: {size}", there,
                   root.utimensat("f", (OLD[0] + 9, 0), OLD), *read_step(bob, size),
                   root.newer_than("f", "atime", OLD[0] + 100).gives(True))
        yield Case(f"O_NOATIME leaves it: {size}",
                   there,
                   root.utimensat("f", OLD, (OLD[0] + 5, 0)),
                   root.open("f", O_RDONLY | O_NOATIME),
                   root.pread_fill(size, 0),
                   root.close(),
                   after={"f": {"atime": OLD[0] * NS}})
        yield Case(f"opening alone leaves it: {size}",
                   there,
                   root.utimensat("f", OLD, (OLD[0] + 5, 0)),
                   bob.open("f", O_RDONLY),
                   bob.close(),
                   after={"f": {"atime": OLD[0] * NS}})
        yield Case(f"writing leaves it: {size}",
                   there,
                   root.utimensat("f", OLD, OLD),
                   root.open("f", O_RDWR),
                   root.write(b"x"),
                   root.close(),
                   after={"f": {"atime": OLD[0] * NS}})
        yield Case(f"a map's reading counts: {size}", there,
                   root.utimensat("f", OLD, (OLD[0] + 5, 0)), bob.open("f", O_RDONLY),
                   bob.mmap(size, PROT_READ), bob.peek(0, 1), bob.munmap(), bob.close(),
                   root.newer_than("f", "atime", OLD[0] + 100).gives(True))
    yield Case("reading at the end of the file counts", [file("f", data=b"abc")],
               root.utimensat("f", OLD, (OLD[0] + 5, 0)), root.open("f", O_RDONLY),
               root.pread(9, 3).gives(b""), root.close(),
               root.newer_than("f", "atime", OLD[0] + 100).gives(True))
    yield Case("reading does not change ctime", [file("f", data=b"abc")],
               root.utimensat("f", OLD, (OLD[0] + 5, 0)), root.remember("f"), root.pause(),
               root2.content("f"),
               root.ctime_is_remembered("f").gives(True))
    yield Case("listing a directory counts", [folder("d"), file("d/f")],
               root.utimensat("d", OLD, (OLD[0] + 5, 0)),
               root2.listdir("d").gives(["f"]),
               root.newer_than("d", "atime", OLD[0] + 100).gives(True))
    yield Case("following a link counts", [file("f"), symlink("l", "f")],
               root.utimensat("l", OLD, (OLD[0] + 5, 0), AT_SYMLINK_NOFOLLOW),
               root2.open("l", O_RDONLY),
               root.newer_than("l", "atime", OLD[0] + 100).gives(True))
    yield Case("readlink counts", [symlink("l", "f")],
               root.utimensat("l", OLD, (OLD[0] + 5, 0), AT_SYMLINK_NOFOLLOW), root2.readlink("l"),
               root.newer_than("l", "atime", OLD[0] + 100).gives(True))
    yield Case("stat does not count", [file("f")],
               root.utimensat("f", OLD, OLD),
               bob.lstat("f"),
               bob.stat("f"),
               after={"f": {"atime": OLD[0] * NS}})
    yield Case("a new file's times are the same moment, nearly", [],
               root.open("f", O_CREAT | O_RDWR),
               root.times_agree("f").gives(True))
