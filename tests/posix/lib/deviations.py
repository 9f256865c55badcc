"""Where WeftFS does something else than ext4, on purpose or for now: docs/posix.md says so to users.

Each is named exactly, and must still deviate: one that holds is a failure until it is taken off this list. So
the list cannot hide anything else, nor outlive its reason. Only what chance decides may do either.
"""
import re

_PLACES = ("here", "on another mount")

_NO_RESERVE = "space is not reserved: allocating checks that there is enough, zeros are holes"
_GONE = "a directory that was removed is not kept for who has it open: ESTALE, as NFS answers"

REASONS = {
    ("fallocate", "allocating takes space"): _NO_RESERVE,
    ("fallocate", "allocating behind the end takes space, too"): _NO_RESERVE,
    ("fallocate", "zero range keeps the space"): _NO_RESERVE,
    ("mmap", "an append-only descriptor, shared"):
        "appends pass by the kernel's pages, which would cut records: ENODEV",
    ("flock", "a directory"): "the kernel keeps locks of directories to itself",
    ("readdir", "a directory that was opened before its rights went"):
        "the metadata-server checks who lists a directory with each page",
}
REASONS |= {("rmdir", f"{what} {opened}, removed {removed}"): _GONE
            for what in ("an open directory", "the current directory of a process")
            for opened in _PLACES for removed in _PLACES}

# Whether the kernel still has the pages, so that no read comes to the mount that could set a time.
_BY_CHANCE = re.compile(r"atime: (.* reads \d+ bytes that were written since the last access"
                        r"|a map's reading counts: \d+"
                        r"|an access more than a day old is renewed: \d+"
                        r"|reading at the end of the file counts)$")
_CACHED = "the kernel answers from its page cache"


def judge(place, group, name, problems):
    """The problems that count, and the reason where a deviation is why there are none."""
    reason = REASONS.get((group, name)) if place == "weftfs" else None
    if reason is None:
        by_chance = place == "weftfs" and _BY_CHANCE.match(f"{group}: {name}")
        return ([], _CACHED) if problems and by_chance else (problems, None)
    if not problems:
        return ["it holds now: take it off lib/deviations.py, and docs/posix.md"], None
    return [], reason
