"""RLIMIT_FSIZE, programs that run (ETXTBSY), addresses that are wrong (EFAULT), flags of pwritev2(2)."""
from errno import EFAULT, EFBIG, ETXTBSY
from os import O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, RWF_APPEND, RWF_DSYNC, RWF_SYNC

from lib.model import MIB, Case, file, root


def cases():
    yield from file_size()
    yield from running_programs()
    yield from bad_addresses()
    yield from write_flags()


def file_size():
    """What fits below the limit is written; at the limit nothing is."""
    there = [file("f", data=b"d" * 100)]
    for limit in (1000, 20_000, MIB):
        yield Case(f"a write that reaches {limit} bytes is cut",
                   there,
                   root.open("f", O_RDWR),
                   root.limited(limit, "pwrite", b"x" * 200, limit - 50).gives(50),
                   after={"f": {"size": limit}})
        yield Case(f"a write at {limit} bytes fails",
                   there,
                   root.open("f", O_RDWR),
                   root.limited(limit, "pwrite", b"x", limit).fails(EFBIG),
                   after={"f": {"size": 100}})
        yield Case(f"truncate beyond {limit} bytes", there,
                   root.limited(limit, "truncate", "f", limit + 1).fails(EFBIG))
        yield Case(f"truncate to {limit} bytes",
                   there,
                   root.limited(limit, "truncate", "f", limit),
                   after={"f": {"size": limit}})
        yield Case(f"fallocate beyond {limit} bytes", there, root.open("f", O_RDWR),
                   root.limited(limit, "fallocate", 0, 0, limit + 1).fails(EFBIG))
    yield Case("a file that is larger may shrink",
               there,
               root.limited(50, "truncate", "f", 80),
               after={"f": {"size": 80}})


def running_programs():
    for flags in (O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_CREAT):
        yield Case(f"a running program is not opened with {flags:o}", [], root.make_program("p"),
                   root.while_running("p", "open", "p", flags).fails(ETXTBSY))
    yield Case("a running program is not truncated", [], root.make_program("p"),
               root.while_running("p", "truncate", "p", 0).fails(ETXTBSY))
    yield Case("a running program may be read", [], root.make_program("p"),
               root.while_running("p", "open", "p", O_RDONLY))
    yield Case("a running program may be removed", [],
               root.make_program("p"),
               root.while_running("p", "unlink", "p"),
               after={"p": None})
    yield Case("a running program may be replaced", [file("q", data=b"q")],
               root.make_program("p"),
               root.while_running("p", "rename", "q", "p"),
               after={"p": {"data": b"q"}})
    yield Case("what is open to write is not run", [file("p", 0o755, data=b"#!/bin/sh\nexit 7\n")],
               root.open("p", O_WRONLY),
               root.execute("p").fails(ETXTBSY))


def bad_addresses():
    for call in ("open", "mkdir", "rmdir", "unlink", "chmod", "chown", "truncate", "access",
                 "chdir", "mkfifo", "stat", "symlink", "link", "rename"):
        yield Case(f"{call} of a path that cannot be read", [],
                   root.bad_address(call).fails(EFAULT))


def write_flags():
    there = [file("f", data=b"abc")]
    yield Case("RWF_APPEND writes at the end",
               there,
               root.open("f", O_RDWR),
               root.pwritev2(b"d", 0, RWF_APPEND).gives(1),
               after={"f": {"data": b"abcd"}})
    for flag, name in ((RWF_SYNC, "RWF_SYNC"), (RWF_DSYNC, "RWF_DSYNC")):
        yield Case(f"{name} writes where it is told to",
                   there,
                   root.open("f", O_RDWR),
                   root.pwritev2(b"X", 1, flag).gives(1),
                   after={"f": {"data": b"aXc"}})
