"""fcntl(2) locks: of processes (POSIX) and of open files (OFD), between processes and between mounts."""
from errno import EACCES, EAGAIN, EBADF, EDEADLK, EINTR, EINVAL
from os import O_RDONLY, O_RDWR, O_WRONLY, SEEK_CUR, SEEK_END

from lib.model import Case, alice, alice2, alicefar, bob, file, root, root2
from lib.syscalls import (F_GETLK, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_RDLCK, F_SETLK,
                          F_SETLKW, F_UNLCK, F_WRLCK)

THERE = [file("f", 0o666, data=b"x" * 100)]
OTHERS = ((alice2, "a process of the same user"), (bob, "another user"), (alicefar,
                                                                          "another mount"))
POSIX, OFD = (F_SETLK, F_SETLKW, F_GETLK, "POSIX"), (F_OFD_SETLK, F_OFD_SETLKW, F_OFD_GETLK, "OFD")
WHOLE = 0


def cases():
    for other, what in OTHERS:
        for style in (POSIX, OFD):
            yield from conflicts(other, what, *style)
            yield from waiting(other, what, *style)
        yield from deadlocks(other, what)
        yield from both_styles(other, what)
    yield from process_rules()
    yield from open_file_rules()
    for style in (POSIX, OFD):
        yield from ranges(*style)
        yield from refused(*style)


def both(other):
    return (alice.open("f", O_RDWR), other.open("f", O_RDWR))


def conflicts(other, what, set_, _wait, get, style):
    start = f"{style}, {what}"
    for held, wanted, works in ((F_RDLCK, F_RDLCK, True), (F_RDLCK, F_WRLCK, False),
                                (F_WRLCK, F_RDLCK, False), (F_WRLCK, F_WRLCK, False)):
        for (low, count), (at, length), meets in (((0, 10), (0, 10), True), ((0, 10), (9, 1), True),
                                                  ((0, 10), (10, 5),
                                                   False), ((10, 10), (0, 10),
                                                            False), ((10, 0), (1 << 40, 1), True),
                                                  ((0, WHOLE), (5, 1), True), ((50, 10), (0, WHOLE),
                                                                               True)):
            step = other.lock(set_, wanted, at, length)
            yield Case(f"{start}: {held} on {low}+{count}, {wanted} on {at}+{length}", THERE,
                       *both(other), alice.lock(set_, held, low, count),
                       step if works or not meets else step.fails(EAGAIN, EACCES))
        found = other.lock(get, wanted, 5, 100)
        yield Case(f"{start}: F_GETLK finds what is in the way: {held}, {wanted}", THERE,
                   *both(other), alice.lock(set_, held, 10, 20),
                   found.gives(F_UNLCK) if works else found.gives((held, 10, 20)))
    yield Case(f"{start}: unlocking", THERE, *both(other), alice.lock(set_, F_WRLCK, 0, 10),
               alice.lock(set_, F_UNLCK, 0, 10), other.lock(set_, F_WRLCK, 0, 10))
    yield Case(f"{start}: unlocking the middle", THERE, *both(other),
               alice.lock(set_, F_WRLCK, 0, 30), alice.lock(set_, F_UNLCK, 10, 10),
               other.lock(set_, F_WRLCK, 10, 10),
               other.lock(set_, F_WRLCK, 9, 1).fails(EAGAIN, EACCES),
               other.lock(set_, F_WRLCK, 20, 1).fails(EAGAIN, EACCES))
    yield Case(f"{start}: from write to read in the middle", THERE, *both(other),
               alice.lock(set_, F_WRLCK, 0, 30), alice.lock(set_, F_RDLCK, 10, 10),
               other.lock(set_, F_RDLCK, 12, 2),
               other.lock(set_, F_RDLCK, 0, 2).fails(EAGAIN, EACCES))
    yield Case(f"{start}: locks that touch become one", THERE, *both(other),
               alice.lock(set_, F_WRLCK, 0, 10), alice.lock(set_, F_WRLCK, 10, 10),
               other.lock(get, F_WRLCK, 0, WHOLE).gives((F_WRLCK, 0, 20)))
    yield Case(f"{start}: closing", THERE, *both(other), alice.lock(set_, F_WRLCK, 0, 10),
               alice.close(), other.lock(set_, F_WRLCK, 0, 10))
    yield Case(f"{start}: death", THERE, *both(other), alice.lock(set_, F_WRLCK, 0, 10),
               alice.die(), other.lock(_wait, F_WRLCK, 0, 10))
    yield Case(f"{start}: no lock keeps from writing", THERE, *both(other),
               alice.lock(set_, F_WRLCK, 0, WHOLE), other.write(b"y"))


def waiting(other, what, set_, wait, _get, style):
    start = f"{style}, {what}"
    held = (THERE, *both(other), alice.lock(set_, F_WRLCK, 0, 10))
    yield Case(f"{start}: waiting until it is unlocked", *held,
               other.lock(wait, F_WRLCK, 5, 10).waits(), alice.lock(set_, F_UNLCK, 0, WHOLE),
               other.finish(),
               alice.lock(set_, F_WRLCK, 5, 1).fails(EAGAIN, EACCES))
    yield Case(f"{start}: waiting until a part is unlocked", *held,
               other.lock(wait, F_WRLCK, 5, 2).waits(), alice.lock(set_, F_UNLCK, 5, 5),
               other.finish())
    yield Case(f"{start}: waiting until it is only a read lock", *held,
               other.lock(wait, F_RDLCK, 0, 10).waits(), alice.lock(set_, F_RDLCK, 0, 10),
               other.finish())
    yield Case(f"{start}: waiting until the holder closes", *held,
               other.lock(wait, F_WRLCK, 0, 1).waits(), alice.close(), other.finish())
    yield Case(f"{start}: waiting until the holder dies", *held,
               other.lock(wait, F_WRLCK, 0, 1).waits(), alice.die(), other.finish())
    yield Case(f"{start}: a signal ends waiting", *held,
               other.alarmed("lock", wait, F_WRLCK, 0, 1).fails(EINTR),
               alice.lock(set_, F_UNLCK, 0, WHOLE), alice.lock(set_, F_WRLCK, 0, 1),
               other.lock(set_, F_WRLCK, 0, 1).fails(EAGAIN, EACCES))
    yield Case(f"{start}: a dead waiter does not get it", *held,
               other.lock(wait, F_WRLCK, 0, 1).waits(), other.die(),
               alice.lock(set_, F_UNLCK, 0, WHOLE), alice.lock(set_, F_WRLCK, 0, 1),
               alice.lock(set_, F_UNLCK, 0, WHOLE), other.open("f", O_RDWR),
               other.lock(set_, F_WRLCK, 0, 1))
    yield Case(f"{start}: a wait that nothing is in the way of", THERE, *both(other),
               other.lock(wait, F_WRLCK, 0, 10))


def deadlocks(other, what):
    """Each has one half and waits for the other's: the second to ask is refused."""
    yield Case(f"two who wait for each other, {what}", THERE, *both(other),
               alice.lock(F_SETLK, F_WRLCK, 0, 1), other.lock(F_SETLK, F_WRLCK, 1, 1),
               alice.lock(F_SETLKW, F_WRLCK, 1, 1).waits(),
               other.lock(F_SETLKW, F_WRLCK, 0, 1).fails(EDEADLK),
               other.lock(F_SETLK, F_UNLCK, 1, 1), alice.finish())
    yield Case(f"two who wait for each other with two files, {what}",
               [*THERE, file("g", 0o666)], *both(other), alice.open("g", O_RDWR, "g"),
               other.open("g", O_RDWR, "g"), alice.lock(F_SETLK, F_WRLCK, 0, 1),
               other.lock(F_SETLK, F_WRLCK, 0, 1, "g"),
               alice.lock(F_SETLKW, F_WRLCK, 0, 1, "g").waits(),
               other.lock(F_SETLKW, F_WRLCK, 0, 1).fails(EDEADLK),
               other.lock(F_SETLK, F_UNLCK, 0, 1, "g"), alice.finish())
    yield Case(f"three who wait in a circle, {what}", THERE, *both(other), root.open("f", O_RDWR),
               alice.lock(F_SETLK, F_WRLCK, 0, 1), other.lock(F_SETLK, F_WRLCK, 1, 1),
               root.lock(F_SETLK, F_WRLCK, 2, 1),
               alice.lock(F_SETLKW, F_WRLCK, 1, 1).waits(),
               other.lock(F_SETLKW, F_WRLCK, 2, 1).waits(),
               root.lock(F_SETLKW, F_WRLCK, 0, 1).fails(EDEADLK), root.lock(F_SETLK, F_UNLCK, 2, 1),
               other.finish(), other.lock(F_SETLK, F_UNLCK, 1, 1), alice.finish())
    yield Case(f"a waiter that was interrupted makes no circle, {what}", THERE, *both(other),
               alice.lock(F_SETLK, F_WRLCK, 0, 1), other.lock(F_SETLK, F_WRLCK, 1, 1),
               alice.alarmed("lock", F_SETLKW, F_WRLCK, 1, 1).fails(EINTR),
               other.lock(F_SETLKW, F_WRLCK, 0, 1).waits(), alice.lock(F_SETLK, F_UNLCK, 0, 1),
               other.finish())


def both_styles(other, what):
    for (one, first), (two, second) in (((F_SETLK, "POSIX"), (F_OFD_SETLK, "OFD")),
                                        ((F_OFD_SETLK, "OFD"), (F_SETLK, "POSIX"))):
        yield Case(f"a {second} lock meets one of {first}, {what}", THERE, *both(other),
                   alice.lock(one, F_WRLCK, 0, 10),
                   other.lock(two, F_WRLCK, 5, 1).fails(EAGAIN, EACCES),
                   other.lock(two, F_WRLCK, 10, 1))
        yield Case(f"a {second} read lock beside one of {first}, {what}", THERE, *both(other),
                   alice.lock(one, F_RDLCK, 0, 10), other.lock(two, F_RDLCK, 5, 1))


def process_rules():
    """A process owns its locks, whichever descriptor it took them by; closing any descriptor of the file drops all."""
    twice = (root.open("f", O_RDWR, "a"), root.open("f", O_RDWR, "b"), root2.open("f", O_RDWR))
    yield Case("a process does not stand in its own way", THERE, *twice,
               root.lock(F_SETLK, F_WRLCK, 0, 10, "a"), root.lock(F_SETLK, F_WRLCK, 0, 10, "b"),
               root.lock(F_GETLK, F_WRLCK, 0, 10, "b").gives(F_UNLCK))
    yield Case("closing another descriptor drops the locks", THERE, *twice,
               root.lock(F_SETLK, F_WRLCK, 0, 10, "a"), root.close("b"),
               root2.lock(F_SETLK, F_WRLCK, 0, 10))
    yield Case("closing another file does not", [*THERE, file("g")], *twice,
               root.lock(F_SETLK, F_WRLCK, 0, 10, "a"), root.open("g", O_RDWR, "g"),
               root.close("g"),
               root2.lock(F_SETLK, F_WRLCK, 0, 10).fails(EAGAIN, EACCES))
    yield Case("unlocking by another descriptor", THERE, *twice,
               root.lock(F_SETLK, F_WRLCK, 0, 10, "a"), root.lock(F_SETLK, F_UNLCK, 0, 10, "b"),
               root2.lock(F_SETLK, F_WRLCK, 0, 10))


def open_file_rules():
    """An open file owns its locks: two of one process are two owners, copies of a descriptor are one."""
    twice = (root.open("f", O_RDWR, "a"), root.open("f", O_RDWR, "b"), root2.open("f", O_RDWR))
    yield Case("OFD: a process stands in its own way", THERE, *twice,
               root.lock(F_OFD_SETLK, F_WRLCK, 0, 10, "a"),
               root.lock(F_OFD_SETLK, F_WRLCK, 5, 1, "b").fails(EAGAIN),
               root.lock(F_OFD_GETLK, F_WRLCK, 5, 1, "b").gives((F_WRLCK, 0, 10)))
    yield Case("OFD: closing another descriptor keeps the locks", THERE, *twice,
               root.lock(F_OFD_SETLK, F_WRLCK, 0, 10, "a"), root.close("b"),
               root2.lock(F_OFD_SETLK, F_WRLCK, 0, 10).fails(EAGAIN))
    yield Case("OFD: a copy of a descriptor is the same owner", THERE, *twice, root.dup("a", "c"),
               root.lock(F_OFD_SETLK, F_WRLCK, 0, 10, "a"),
               root.lock(F_OFD_SETLK, F_WRLCK, 0, 10, "c"), root.close("a"),
               root2.lock(F_OFD_SETLK, F_WRLCK, 0, 10).fails(EAGAIN), root.close("c"),
               root2.lock(F_OFD_SETLK, F_WRLCK, 0, 10))
    yield Case("OFD: a POSIX lock of the same process stands in the way", THERE, *twice,
               root.lock(F_SETLK, F_WRLCK, 0, 10, "a"),
               root.lock(F_OFD_SETLK, F_WRLCK, 0, 10, "b").fails(EAGAIN))


def ranges(set_, _wait, get, style):
    pair = (root.open("f", O_RDWR), root2.open("f", O_RDWR))
    for start, length, low, count in ((5, -5, 0, 5), (10, -1, 9, 1)):
        yield Case(f"{style}: a negative length, {start} and {length}", THERE, *pair,
                   root.lock(set_, F_WRLCK, start, length),
                   root2.lock(get, F_WRLCK, 0, 0).gives((F_WRLCK, low, count)))
    yield Case(f"{style}: from the offset", THERE, *pair, root.read(20),
               root.lock(set_, F_WRLCK, 5, 10, "fd", SEEK_CUR),
               root2.lock(get, F_WRLCK, 0, 0).gives((F_WRLCK, 25, 10)))
    yield Case(f"{style}: from the end", THERE, *pair,
               root.lock(set_, F_WRLCK, -10, 5, "fd", SEEK_END),
               root2.lock(get, F_WRLCK, 0, 0).gives((F_WRLCK, 90, 5)))
    yield Case(f"{style}: behind the end of the file", THERE, *pair,
               root.lock(set_, F_WRLCK, 1 << 50, 10),
               root2.lock(get, F_WRLCK, 0, 0).gives((F_WRLCK, 1 << 50, 10)))
    yield Case(f"{style}: to the largest offset", THERE, *pair,
               root.lock(set_, F_WRLCK, 1, (1 << 63) - 1),
               root2.lock(get, F_WRLCK, 0, 0).gives((F_WRLCK, 1, 0)))
    yield Case(f"{style}: the lowest of several is found", THERE, *pair,
               root.lock(set_, F_WRLCK, 50, 10), root.lock(set_, F_WRLCK, 10, 10),
               root2.lock(get, F_WRLCK, 0, 0).gives((F_WRLCK, 10, 10)))
    yield Case(f"{style}: a hundred locks, every second byte", THERE, *pair,
               *(root.lock(set_, F_WRLCK, 2 * n, 1) for n in range(100)),
               root2.lock(set_, F_WRLCK, 99, 1),
               root2.lock(set_, F_WRLCK, 98, 1).fails(EAGAIN, EACCES))


def refused(set_, wait, get, style):
    yield Case(f"{style}: a write lock of what is open to read", THERE, root.open("f", O_RDONLY),
               root.lock(set_, F_WRLCK, 0, 1).fails(EBADF),
               root.lock(wait, F_WRLCK, 0, 1).fails(EBADF))
    yield Case(f"{style}: a read lock of what is open to write", THERE, root.open("f", O_WRONLY),
               root.lock(set_, F_RDLCK, 0, 1).fails(EBADF))
    yield Case(f"{style}: F_GETLK in any mode", THERE, root.open("f", O_RDONLY),
               root.lock(get, F_WRLCK, 0, 1).gives(F_UNLCK))
    yield Case(f"{style}: before the start", THERE, root.open("f", O_RDWR),
               root.lock(set_, F_WRLCK, -1, 1).fails(EINVAL),
               root.lock(set_, F_WRLCK, 5, -6).fails(EINVAL))
    yield Case(f"{style}: no such type", THERE, root.open("f", O_RDWR),
               root.lock(set_, 9, 0, 1).fails(EINVAL))
    yield Case(f"{style}: what is not open", [], root.bad_fd(),
               root.lock(set_, F_WRLCK, 0, 1).fails(EBADF))
