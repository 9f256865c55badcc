"""flock(2): between processes of one mount, and between mounts."""
from errno import EBADF, EINTR, EINVAL, EWOULDBLOCK
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN
from os import O_RDONLY, O_RDWR, O_WRONLY

from lib.model import Case, alice, alice2, alicefar, bob, file, folder, root, root2, rootfar

SHARED, EXCLUSIVE = LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB
THERE = [file("f", 0o666)]
OTHERS = ((alice2, "a process of the same user"), (bob, "another user"), (alicefar,
                                                                          "another mount"))


def cases():
    for other, what in OTHERS:
        yield from between(other, what)
    yield from one_process()


def between(other, what):
    both = (alice.open("f", O_RDWR), other.open("f", O_RDWR))
    for held, wanted, works in ((LOCK_SH, SHARED, True), (LOCK_SH, EXCLUSIVE, False),
                                (LOCK_EX, SHARED, False), (LOCK_EX, EXCLUSIVE, False)):
        step = other.flock(wanted)
        yield Case(f"{what}: {held} is held, {wanted} is wanted", THERE, *both, alice.flock(held),
                   step if works else step.fails(EWOULDBLOCK))
        yield Case(f"{what}: {held} was held, {wanted} is wanted", THERE, *both, alice.flock(held),
                   alice.flock(LOCK_UN), other.flock(wanted))
        # close() may return a moment before the lock is free: a file system in user space hears of it later.
        yield Case(f"{what}: closing lets {held} go, {wanted} is wanted", THERE, *both,
                   alice.flock(held), alice.close(), other.flock(wanted & ~LOCK_NB))
        yield Case(f"{what}: death lets {held} go, {wanted} is wanted", THERE, *both,
                   alice.flock(held), alice.die(), other.flock(wanted & ~LOCK_NB))
    yield Case(f"{what}: waiting for an exclusive lock", THERE, *both, alice.flock(LOCK_EX),
               other.flock(LOCK_EX).waits(), alice.flock(LOCK_UN), other.finish(),
               alice.flock(EXCLUSIVE).fails(EWOULDBLOCK))
    yield Case(f"{what}: waiting for a shared lock", THERE, *both, alice.flock(LOCK_EX),
               other.flock(LOCK_SH).waits(), alice.flock(LOCK_SH), other.finish(),
               alice.flock(SHARED))
    yield Case(f"{what}: waiting until the holder closes", THERE, *both, alice.flock(LOCK_EX),
               other.flock(LOCK_EX).waits(), alice.close(), other.finish())
    yield Case(f"{what}: waiting until the holder dies", THERE, *both, alice.flock(LOCK_EX),
               other.flock(LOCK_EX).waits(), alice.die(), other.finish())
    yield Case(f"{what}: a signal ends waiting", THERE, *both, alice.flock(LOCK_EX),
               other.alarmed("flock", LOCK_EX).fails(EINTR), alice.flock(LOCK_UN),
               other.flock(EXCLUSIVE))
    yield Case(f"{what}: who was interrupted does not get the lock later", THERE, *both,
               alice.flock(LOCK_EX),
               other.alarmed("flock", LOCK_EX).fails(EINTR), alice.flock(LOCK_UN),
               alice.flock(EXCLUSIVE))
    yield Case(f"{what}: a dead waiter does not get the lock", THERE, *both, alice.flock(LOCK_EX),
               other.flock(LOCK_EX).waits(), other.die(), alice.flock(LOCK_UN),
               alice.flock(EXCLUSIVE))
    yield Case(f"{what}: from exclusive to shared", THERE, *both, alice.flock(LOCK_EX),
               alice.flock(LOCK_SH), other.flock(SHARED),
               alice.flock(EXCLUSIVE).fails(EWOULDBLOCK))
    yield Case(f"{what}: locks of two files", [*THERE, file("g", 0o666)], *both,
               alice.flock(LOCK_EX), other.open("g", O_RDWR, "g"), other.flock(EXCLUSIVE, "g"))
    yield Case(f"{what}: a lock stays while a copy of the descriptor is open", THERE, *both,
               alice.dup("fd", "copy"), alice.flock(LOCK_EX), alice.close(),
               other.flock(EXCLUSIVE).fails(EWOULDBLOCK), alice.close("copy"),
               other.flock(LOCK_EX))
    yield Case(f"{what}: a lock belongs to the file, whatever its name", THERE, *both,
               alice.flock(LOCK_EX), root.rename("f", "g"), other.open("g", O_RDWR, "again"),
               other.flock(EXCLUSIVE, "again").fails(EWOULDBLOCK))
    yield Case(f"{what}: a lock of a hard link", THERE, root.link("f", "g"),
               alice.open("f", O_RDWR), other.open("g", O_RDWR), alice.flock(LOCK_EX),
               other.flock(EXCLUSIVE).fails(EWOULDBLOCK))
    yield Case(f"{what}: a lock does not keep from writing", THERE, *both, alice.flock(LOCK_EX),
               other.write(b"x"))


def one_process():
    for flags in (O_RDONLY, O_WRONLY, O_RDWR):
        for kind in (LOCK_SH, LOCK_EX):
            yield Case(f"any open mode will do: {flags}, {kind}", THERE, root.open("f", flags),
                       root.flock(kind), root.flock(LOCK_UN))
    yield Case("two opens of one process are two owners", THERE, root.open("f", O_RDWR, "a"),
               root.open("f", O_RDWR, "b"), root.flock(LOCK_EX, "a"),
               root.flock(EXCLUSIVE, "b").fails(EWOULDBLOCK))
    yield Case("two copies of a descriptor are one owner", THERE, root.open("f", O_RDWR, "a"),
               root.dup("a", "b"), root.flock(LOCK_EX, "a"), root.flock(EXCLUSIVE, "b"),
               root.flock(LOCK_UN, "b"), root2.open("f", O_RDWR), root2.flock(EXCLUSIVE))
    yield Case("the same lock again", THERE, root.open("f", O_RDWR), root.flock(LOCK_EX),
               root.flock(EXCLUSIVE), root.flock(LOCK_UN))
    yield Case("unlocking what is not locked", THERE, root.open("f", O_RDWR), root.flock(LOCK_UN))
    yield Case("a directory", [folder("d")], root.open("d", O_RDONLY), root.flock(LOCK_EX),
               rootfar.open("d", O_RDONLY),
               rootfar.flock(EXCLUSIVE).fails(EWOULDBLOCK))
    yield Case("no such operation", THERE, root.open("f", O_RDWR),
               root.flock(0).fails(EINVAL),
               root.flock(16).fails(EINVAL))
    yield Case("what is not open", [], root.bad_fd(), root.flock(LOCK_EX).fails(EBADF))
    yield Case("an unlinked file", THERE, root.open("f", O_RDWR, "a"), root.open("f", O_RDWR, "b"),
               root.unlink("f"), root.flock(LOCK_EX, "a"),
               root.flock(EXCLUSIVE, "b").fails(EWOULDBLOCK))
