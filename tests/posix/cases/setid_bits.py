"""Setuid and setgid bits go when somebody without privilege writes; by write(2), truncate(2), mmap(2) and others."""
from os import O_APPEND, O_CREAT, O_DIRECT, O_RDWR, O_TRUNC, O_WRONLY

from lib.model import ALICE, BOB, MIB, STAFF, Case, alice, bob, carol, file, folder, root, rootfar

# Mode before, and after somebody other than root has written. Setgid without group execution is not special.
TABLE = ((0o6777, 0o777), (0o4777, 0o777), (0o2777, 0o777), (0o4666, 0o666), (0o1777, 0o1777),
         (0o777, 0o777))


def cases():
    for before, left in TABLE:
        for who, what in ((alice, "the owner"), (bob, "another user")):
            there = [file("f", before, ALICE, data=b"d" * 5000)]
            yield Case(f"{before:o}: write by {what}",
                       there,
                       who.open("f", O_WRONLY),
                       who.write(b"x"),
                       after={"f": {"mode": left}})
            yield Case(f"{before:o}: write by {what}, seen by fstat", there,
                       who.open("f", O_WRONLY), who.write(b"x"),
                       who.fstat("mode").gives({"mode": left}))
            yield Case(f"{before:o}: append by {what}",
                       there,
                       who.open("f", O_WRONLY | O_APPEND),
                       who.write(b"x"),
                       after={"f": {"mode": left}})
            yield Case(f"{before:o}: ftruncate by {what}",
                       there,
                       who.open("f", O_WRONLY),
                       who.ftruncate(100),
                       after={"f": {"mode": left}})
            yield Case(f"{before:o}: truncate by {what}",
                       there,
                       who.truncate("f", 100),
                       after={"f": {"mode": left}})
            yield Case(f"{before:o}: O_TRUNC by {what}",
                       there,
                       who.open("f", O_WRONLY | O_TRUNC),
                       after={"f": {"mode": left}})
            yield Case(f"{before:o}: O_DIRECT by {what}",
                       there,
                       who.open("f", O_RDWR | O_DIRECT),
                       who.write_direct(4096, 0, b"x"),
                       after={"f": {"mode": left}})
            yield Case(f"{before:o}: writing nothing by {what} keeps them",
                       there,
                       who.open("f", O_WRONLY),
                       who.write(b""),
                       after={"f": {"mode": before}})
            yield Case(f"{before:o}: opening by {what} keeps them",
                       there,
                       who.open("f", O_RDWR),
                       who.read(9),
                       who.close(),
                       after={"f": {"mode": before}})
        yield Case(f"{before:o}: root's write keeps them",
                   [file("f", before, ALICE, data=b"d" * 5000)],
                   root.open("f", O_WRONLY),
                   root.write(b"x"),
                   root.close(),
                   after={"f": {"mode": before}})
        yield Case(f"{before:o}: root's truncation keeps them",
                   [file("f", before, ALICE, data=b"d" * 5000)],
                   root.truncate("f", 10),
                   after={"f": {"mode": before}})
        yield Case(f"{before:o}: a large write", [file("f", before, ALICE)],
                   bob.open("f", O_WRONLY),
                   bob.write(b"x" * 2 * MIB),
                   bob.close(),
                   after={"f": {"mode": left, "size": 2 * MIB}})
        yield Case(f"{before:o}: seen by another mount", [file("f", before, ALICE)],
                   bob.open("f", O_WRONLY), bob.write(b"x"), bob.close(),
                   rootfar.lstat("f", "mode").gives({"mode": left}))
        yield Case(f"{before:o}: again after chmod", [file("f", before, ALICE)],
                   bob.open("f", O_WRONLY),
                   bob.write(b"x"),
                   root.chmod("f", before),
                   bob.write(b"x"),
                   after={"f": {"mode": left}})
    for kind in ("file", "dir"):
        make = carol.open("d/x", O_CREAT
                          | O_RDWR, "fd", 0o2775) if kind == "file" else carol.mkdir("d/x", 0o2775)
        yield Case(f"a {kind} made with setgid by a stranger to the directory's group",
                   [folder("d", 0o2777, ALICE, BOB)],
                   make,
                   after={"d/x": {"mode": 0o775 if kind == "file" else 0o2775, "gid": BOB}})
    yield Case("a file made with setgid by a member of the directory's group",
               [folder("d", 0o2777, ALICE, STAFF)],
               alice.open("d/x", O_CREAT | O_RDWR, "fd", 0o2775),
               after={"d/x": {"mode": 0o2775, "gid": STAFF}})
