"""access(2), faccessat(2), execute permission, and rights along a path."""
from errno import EACCES, EINVAL
from os import F_OK, O_RDONLY, R_OK, W_OK, X_OK

from lib.model import (ALICE, STAFF, Case, alice, bob, carol, dave, file, folder, root, symlink,
                       thing)
from lib.paths import path_errors

WHO = ((alice, 6, "owner"), (carol, 3, "primary group"), (dave, 3, "supplementary group"),
       (bob, 0, "others"))


def cases():
    yield from path_errors("access", lambda who, path: who.access(path, F_OK))
    yield from table()
    yield from directories()
    yield from special()
    yield from programs()


def table():
    for bits in range(8):
        for who, shift, what in WHO:
            for kind in ("file", "dir"):
                steps = []
                for wanted in range(1, 8):
                    for operation in ("access", "eaccess"):
                        step = getattr(who, operation)("x", wanted)
                        steps.append(step if bits & wanted == wanted else step.fails(EACCES))
                yield Case(f"a {kind} of mode {bits << shift:04o}, {what}",
                           [thing(kind, "x", bits << shift, ALICE, STAFF)], *steps,
                           who.access("x", F_OK))


def directories():
    """To list one needs r, to use a name x, to change names w and x."""
    for bits in range(8):
        for who, shift, what in WHO:
            mode = bits << shift
            read, search, write = bits & 4, bits & 1, bits & 3 == 3
            inside = [
                folder("d", mode, ALICE, STAFF),
                file("d/f", 0o666, ALICE),
                folder("d/e", 0o777, ALICE)
            ]

            def may(step, allowed):
                return step if allowed else step.fails(EACCES)

            yield Case(f"a directory of mode {mode:04o}, {what}: list", inside,
                       may(who.listdir("d"), read))
            yield Case(f"a directory of mode {mode:04o}, {what}: stat of a name", inside,
                       may(who.lstat("d/f"), search), may(who.open("d/f", O_RDONLY), search),
                       may(who.listdir("d/e"), search), may(who.chdir("d"), search))
            yield Case(f"a directory of mode {mode:04o}, {what}: change names", inside,
                       may(who.mkdir("d/new"), write), may(who.unlink("d/f"), write),
                       may(who.rename("d/e", "d/g"), write))
            yield Case(f"a directory of mode {mode:04o}, {what}: stat of itself", inside,
                       who.lstat("d"))


def special():
    for kind in ("file", "dir", "fifo", "char"):
        yield Case(f"root reads and writes a {kind} of mode 0", [thing(kind, "x", 0, ALICE)],
                   root.access("x", R_OK | W_OK))
    for mode in (0o000, 0o666):
        yield Case(f"root does not execute a file of mode {mode:o}", [file("x", mode)],
                   root.access("x", X_OK).fails(EACCES))
    for mode in (0o100, 0o010, 0o001):
        yield Case(f"root executes a file of mode {mode:o}", [file("x", mode, ALICE)],
                   root.access("x", X_OK))
    yield Case("root searches a directory of mode 0", [folder("x", 0)], root.access("x", X_OK))
    yield Case("a link is followed", [file("f", 0o600), symlink("l", "f")],
               bob.access("l", R_OK).fails(EACCES), bob.access("l", F_OK))
    yield Case("no such right", [file("f")], root.access("f", 8).fails(EINVAL))
    yield Case(
        "a deep way, one part of which is closed",
        [folder("a"), folder("a/b"),
         folder("a/b/c", 0o700),
         file("a/b/c/f", 0o666)], bob.access("a/b", F_OK), bob.access("a/b/c", F_OK),
        bob.access("a/b/c/f", F_OK).fails(EACCES))
    yield Case("dot-dot needs the right to search, too",
               [folder("d", 0o600, ALICE), file("f", 0o666)],
               alice.access("d/../f", F_OK).fails(EACCES))
    yield Case("a process in a directory that is closed behind it",
               [folder("d", 0o700, ALICE), folder("d/e", 0o777, ALICE)], alice.chdir("d/e"),
               alice.chmod("..", 0), alice.mkdir("x"),
               alice.lstat("../f").fails(EACCES))


def programs():
    script = b"#!/bin/sh\nexit 7\n"
    for mode, who, works, what in ((0o755, bob, True, "others"), (0o700, alice, True, "owner"),
                                   (0o750, dave, True, "group"), (0o754, bob, False, "others"),
                                   (0o655, alice, False, "owner"), (0o745, dave, False, "group"),
                                   (0o111 | 0o444, bob, True, "others"), (0o644, root, False,
                                                                          "root")):
        step = who.execute("x")
        yield Case(f"running a program of mode {mode:o}: {what}",
                   [file("x", mode, ALICE, STAFF, data=script)],
                   step.gives(7) if works else step.fails(EACCES))
    yield Case("a directory is no program", [folder("x", 0o777)], bob.execute("x").fails(EACCES))
