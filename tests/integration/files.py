"""Helpers for files: sizes around the boundaries of the layout, seeded bytes, comparing trees."""
import os
import random

from cluster import BLOCK, CHUNK, INLINE_MAX, run, wait_for

# Around each boundary: of a block, of what lives inline, of a chunk, and of a stripe over two and four
# nodes.
BOUNDARIES = (0, BLOCK, INLINE_MAX, 64 * 1024, CHUNK, 2 * CHUNK, 4 * CHUNK)
EDGE_SIZES = sorted({max(0, edge + delta) for edge in BOUNDARIES for delta in (-1, 0, 1)} |
                    {100, 5000, INLINE_MAX + BLOCK, CHUNK + BLOCK + 7})


def seeded_bytes(seed, size):
    """Always the same bytes for a seed."""
    return random.Random(seed).randbytes(size)


def write_file(path, data):
    """Creates or replaces a file; everything is acknowledged when it returns."""
    with open(path, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view):]


def read_file(path):
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def first_difference(got, expected):
    """Says where two byte strings differ, shorter than pytest would."""
    if len(got) != len(expected):
        return f"length {len(got)} instead of {len(expected)}"
    at = next((i for i in range(len(got)) if got[i] != expected[i]), None)
    return f"byte {at}: {got[at:at + 16].hex()} instead of {expected[at:at + 16].hex()}"


def check_file(path, expected):
    got = read_file(path)
    if got != expected:
        raise AssertionError(f"{path}: {first_difference(got, expected)}")


def check_file_soon(path, expected):
    """As check_file, on another mount, whose names and attributes may be a second old."""
    def equal():
        try:
            return read_file(path) == expected
        except FileNotFoundError:
            return False
    try:
        wait_for(equal, f"{path} as written by the other mount", deadline=30)
    except AssertionError:
        check_file(path, expected)
        raise


def check_same_tree(source, copy):
    """Names, types, modes, owners, times, link targets and bytes."""
    run("diff", "-r", "--no-dereference", source, copy, timeout=600)
    listing = {}
    for root in (source, copy):
        lines = run("find", root, "-mindepth", "1", "-printf", "%P %y %m %U %G %l %T@\\n",
                    timeout=600).stdout.splitlines()
        listing[root] = sorted(lines)
    missing = [line for line in listing[source] if line not in set(listing[copy])]
    extra = [line for line in listing[copy] if line not in set(listing[source])]
    assert not missing and not extra, f"only in {source}: {missing[:5]}; in {copy}: {extra[:5]}"


def copy_some(source, destination, limit):
    """Copies entries of the directory `source`, in order of name, while they fit into `limit` bytes."""
    destination.mkdir()
    total = 0
    for name in sorted(os.listdir(source)):
        size = int(run("du", "-s", "--block-size=1", "--one-file-system", source / name)
                   .stdout.split()[0])
        if total + size <= limit:
            total += size
            run("cp", "-a", source / name, destination)
