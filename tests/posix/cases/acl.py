"""POSIX ACLs: system.posix_acl_access and system.posix_acl_default, setfacl(1) and getfacl(1)."""
from errno import EACCES, EINVAL, ENODATA, EOPNOTSUPP, EPERM
from os import O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY, R_OK, W_OK, X_OK

from lib.model import (ALICE, BOB, CAROL, DAVE, SPECIAL, STAFF, WHEEL, Case, alice, bob, carol,
                       dave, file, folder, root, symlink, thing)

FULL = f"u::rw-,u:{BOB}:r--,g::r--,g:{STAFF}:rw-,m::rw-,o::---"
LETTERS = {0: "---", 1: "--x", 2: "-w-", 3: "-wx", 4: "r--", 5: "r-x", 6: "rw-", 7: "rwx"}


def cases():
    yield from values()
    yield from mode()
    yield from checks()
    yield from classes()
    yield from who_may()
    yield from inheritance()
    yield from refused()
    yield from tools()


def values():
    for text in (FULL, f"u::rwx,u:{ALICE}:r-x,u:{BOB}:---,g::---,m::r-x,o::r--",
                 f"u::r--,g::---,g:{STAFF}:r--,g:{WHEEL}:-w-,m::rw-,o::---"):
        for kind in ("file", "dir", *SPECIAL):
            yield Case(f"an access ACL of a {kind} comes back: {text}",
                       [thing(kind, "x", 0o640, ALICE)],
                       root.setacl("x", text),
                       root.getacl("x").gives(text),
                       root.listxattr("x").gives(["system.posix_acl_access"]),
                       changes="x.ctime",
                       keeps="x.mtime")
        yield Case(f"a default ACL comes back: {text}", [folder("d")],
                   root.setacl("d", text, "default"),
                   root.getacl("d", "default").gives(text),
                   root.getacl("d").fails(ENODATA),
                   after={"d": {"mode": 0o755}})
    yield Case("without an ACL there is no attribute", [file("f")],
               root.getacl("f").fails(ENODATA),
               root.listxattr("f").gives([]))
    yield Case("removing an ACL keeps the mode's three classes", [file("f", 0o640)],
               root.setacl("f", FULL),
               root.removeacl("f"),
               root.getacl("f").fails(ENODATA),
               after={"f": {"mode": 0o660}})
    yield Case("removing a default ACL", [folder("d")], root.setacl("d", FULL, "default"),
               root.removeacl("d", "default"),
               root.getacl("d", "default").fails(ENODATA),
               root.listxattr("d").gives([]))
    yield Case("removing what is not there", [folder("d")], root.removeacl("d", "default"),
               root.removeacl("d"))
    yield Case("an empty default ACL removes it", [folder("d")], root.setacl("d", FULL, "default"),
               root.setacl("d", "", "default"),
               root.getacl("d", "default").fails(ENODATA))
    many = ",".join(
        ["u::rw-", *(f"u:{uid}:r--" for uid in range(40000, 40100)), "g::---", "m::r--", "o::---"])
    yield Case("a hundred entries", [file("f")], root.setacl("f", many),
               root.getacl("f").gives(many))


def mode():
    """The mode's group class is the mask, and the ACL's owner, mask and other entries are the mode."""
    yield Case("an ACL changes the mode", [file("f", 0o600)],
               root.setacl("f", FULL),
               after={"f": {"mode": 0o660}})
    for bits in range(8):
        yield Case(
            f"chmod changes the mask: {bits}", [file("f", 0o600)], root.setacl("f", FULL),
            root.chmod("f", 0o604 | bits << 3),
            root.getacl("f").gives(
                f"u::rw-,u:{BOB}:r--,g::r--,g:{STAFF}:rw-,m::{LETTERS[bits]},o::r--"))
        text = f"u::{LETTERS[bits]},g::{LETTERS[7 - bits]},o::{LETTERS[bits ^ 5]}"
        yield Case(f"an ACL of three entries is only a mode: {text}", [file("f", 0o640)],
                   root.setacl("f", text),
                   root.getacl("f").fails(ENODATA),
                   after={"f": {"mode": bits << 6 | (7 - bits) << 3 | (bits ^ 5)}})
    yield Case("chmod keeps setuid beside an ACL", [file("f", 0o600)],
               root.setacl("f", FULL),
               root.chmod("f", 0o4750),
               after={"f": {"mode": 0o4750}})
    yield Case("an ACL keeps setuid and sticky", [file("f", 0o5600)],
               root.setacl("f", FULL),
               after={"f": {"mode": 0o5660}})
    yield Case("setgid goes where the owner is not of the group", [file("f", 0o2750, ALICE, BOB)],
               alice.setacl("f", FULL),
               after={"f": {"mode": 0o660}})
    yield Case("setgid stays where the owner is of the group", [file("f", 0o2750, ALICE, STAFF)],
               alice.setacl("f", FULL),
               after={"f": {"mode": 0o2660}})


def checks():
    """What each entry gives, with every mask."""
    for entry in range(8):
        for mask in (0, 4, 6, 7):
            got = entry & mask
            for who, line, what in ((bob, f"u:{BOB}", "a named user"), (dave, f"g:{STAFF}",
                                                                        "a named group"),
                                    (carol, f"g:{STAFF}", "a named group, primary")):
                words = sorted([f"u:{BOB}:---", f"g:{STAFF}:---"], reverse=True)
                words = [
                    f"{line}:{LETTERS[entry]}" if word.startswith(line) else word for word in words
                ]
                text = f"u::rwx,{words[0]},g::---,{words[1]},m::{LETTERS[mask]},o::---"
                steps = [
                    who.access("f", bit) if got & bit else who.access("f", bit).fails(EACCES)
                    for bit in (R_OK, W_OK, X_OK)
                ]
                opens = who.open("f", O_RDWR)
                yield Case(f"{what} with {LETTERS[entry]}, mask {LETTERS[mask]}",
                           [file("f", 0o600, ALICE)], root.setacl("f", text), *steps,
                           opens if got & 6 == 6 else opens.fails(EACCES))


def classes():
    yield Case("the owner has its entry, whatever others say of it", [file("f", 0o600, ALICE)],
               root.setacl("f", f"u::r--,u:{ALICE}:rw-,g::rw-,m::rw-,o::rw-"),
               alice.open("f", O_RDONLY),
               alice.open("f", O_WRONLY).fails(EACCES))
    yield Case("the mask does not bind the owner", [file("f", 0o600, ALICE)],
               root.setacl("f", f"u::rw-,u:{BOB}:rw-,g::---,m::---,o::---"),
               alice.open("f", O_RDWR),
               bob.open("f", O_RDONLY).fails(EACCES))
    yield Case("the mask does not bind others", [file("f", 0o600, ALICE)],
               root.setacl("f", f"u::rw-,u:{CAROL}:---,g::---,m::--x,o::rw-"),
               bob.open("f", O_RDWR),
               carol.open("f", O_RDONLY).fails(EACCES))
    yield Case("a named user does not get what others get", [file("f", 0o600, ALICE)],
               root.setacl("f", f"u::rw-,u:{BOB}:---,g::---,m::rwx,o::rwx"),
               bob.open("f", O_RDONLY).fails(EACCES))
    yield Case("a named user does not get what its group gets", [file("f", 0o600, ALICE, STAFF)],
               root.setacl("f", f"u::rw-,u:{DAVE}:r--,g::rw-,m::rwx,o::rwx"),
               dave.open("f", O_RDONLY),
               dave.open("f", O_WRONLY).fails(EACCES))
    yield Case("of two groups either is enough", [file("f", 0o600, 0, WHEEL)],
               root.setacl("f", f"u::rw-,g::-w-,g:{STAFF}:r--,m::rwx,o::---"),
               alice.open("f", O_RDONLY), alice.open("f", O_WRONLY))
    yield Case("but both rights must come from one entry", [file("f", 0o600, 0, WHEEL)],
               root.setacl("f", f"u::rw-,g::-w-,g:{STAFF}:r--,m::rwx,o::---"),
               alice.open("f", O_RDWR).fails(EACCES))
    yield Case("a member of a group does not get what others get", [file("f", 0o600, 0)],
               root.setacl("f", f"u::rw-,g::---,g:{STAFF}:---,m::rwx,o::rwx"),
               dave.open("f", O_RDONLY).fails(EACCES), bob.open("f", O_RDONLY))
    yield Case("the owning group's entry", [file("f", 0o600, 0, STAFF)],
               root.setacl("f", f"u::rw-,u:{BOB}:---,g::r--,m::r--,o::---"),
               dave.open("f", O_RDONLY),
               dave.open("f", O_WRONLY).fails(EACCES))
    yield Case("root may in any case", [file("f", 0)],
               root.setacl("f", f"u::---,u:{BOB}:---,g::---,m::---,o::---"), root.open("f", O_RDWR))
    yield Case("search permission on the way by an entry",
               [folder("d", 0o700), file("d/f", 0o666)],
               root.setacl("d", f"u::rwx,u:{BOB}:--x,g::---,m::--x,o::---"),
               bob.open("d/f", O_RDONLY),
               bob.listdir("d").fails(EACCES),
               carol.open("d/f", O_RDONLY).fails(EACCES))
    yield Case("making and removing names by an entry", [folder("d", 0o700)],
               root.setacl("d", f"u::rwx,u:{BOB}:rwx,g::---,m::rwx,o::---"), bob.mkdir("d/e"),
               bob.listdir("d").gives(["e"]), bob.rename("d/e", "d/f"), bob.rmdir("d/f"),
               alice.mkdir("d/x").fails(EACCES))
    yield Case("the mask takes the right to make names away", [folder("d", 0o700)],
               root.setacl("d", f"u::rwx,u:{BOB}:rwx,g::---,m::r-x,o::---"),
               bob.mkdir("d/e").fails(EACCES),
               bob.listdir("d").gives([]))
    yield Case("truncate by an entry", [file("f", 0o600, data=b"abc")],
               root.setacl("f", f"u::rw-,u:{BOB}:-w-,g::---,m::-w-,o::---"),
               bob.truncate("f", 1),
               after={"f": {"size": 1}})
    yield Case("extended attributes by an entry", [file("f", 0o600)],
               root.setacl("f", f"u::rw-,u:{BOB}:rw-,g::---,m::rw-,o::---"),
               bob.setxattr("f", "user.a", b"1"),
               bob.getxattr("f", "user.a").gives(b"1"))
    yield Case("now as time by an entry", [file("f", 0o600)],
               root.setacl("f", f"u::rw-,u:{BOB}:-w-,g::---,m::-w-,o::---"), bob.utime_now("f"))
    yield Case("a changed owner changes whom the first entry means", [file("f", 0o600, ALICE)],
               root.setacl("f", f"u::rw-,u:{CAROL}:---,g::---,m::---,o::---"),
               root.chown("f", BOB, -1), bob.open("f", O_RDWR),
               alice.open("f", O_RDONLY).fails(EACCES))
    yield Case("chown keeps the entries", [file("f", 0o600, ALICE)], root.setacl("f", FULL),
               root.chown("f", BOB, -1),
               root.getacl("f").gives(FULL))


def who_may():
    for kind in ("file", "dir"):
        yield Case(f"the owner of a {kind} sets its ACL", [thing(kind, "x", 0o600, ALICE)],
                   alice.setacl("x", FULL),
                   bob.getacl("x").gives(FULL))
        yield Case(f"another user does not: {kind}", [thing(kind, "x", 0o666, ALICE)],
                   bob.setacl("x", FULL).fails(EPERM))
        yield Case(f"nor removes it: {kind}", [thing(kind, "x", 0o666, ALICE)],
                   root.setacl("x", FULL),
                   bob.removeacl("x").fails(EPERM),
                   root.getacl("x").gives(FULL))
    yield Case("another user sets no default ACL", [folder("d", 0o777, ALICE)],
               bob.setacl("d", FULL, "default").fails(EPERM))
    yield Case("the owner sets a default ACL", [folder("d", 0o700, ALICE)],
               alice.setacl("d", FULL, "default"),
               root.getacl("d", "default").gives(FULL))


def inheritance():
    """A default ACL replaces umask, and is masked by the mode that the call asks for."""
    for asked, mask_left, owner, other in ((0o666, "rw-", "rw-", "---"), (0o640, "r--", "rw-",
                                                                          "---"), (0o600, "---",
                                                                                   "rw-", "---"),
                                           (0o777, "rw-", "rw-", "---"), (0o400, "---", "r--",
                                                                          "---")):
        text = f"u::{owner},u:{BOB}:r--,g::r--,g:{STAFF}:rw-,m::{mask_left},o::{other}"
        for umask in (0, 0o077):
            for made, step in (("a file", root.open("d/x", O_CREAT | O_EXCL | O_WRONLY, "fd",
                                                    asked)), ("a FIFO", root.mkfifo("d/x", asked)),
                               ("a file of mknod", root.mknod("d/x", 0o100000 | asked))):
                yield Case(f"{made} made with {asked:o}, umask {umask:o}", [folder("d")],
                           root.setacl("d", FULL, "default"), root.umask(umask), step,
                           root.getacl("d/x").gives(text))
    yield Case("a directory gets both", [folder("d")],
               root.setacl("d", FULL, "default"),
               root.umask(0o077),
               root.mkdir("d/e", 0o777),
               root.getacl("d/e").gives(FULL),
               root.getacl("d/e", "default").gives(FULL),
               after={"d/e": {"mode": 0o660}})
    yield Case("and so do those in it", [folder("d")], root.setacl("d", FULL, "default"),
               root.mkdir("d/e", 0o777), root.mkdir("d/e/f", 0o770),
               root.getacl("d/e/f", "default").gives(FULL))
    yield Case("a default ACL of three entries gives a mode", [folder("d")],
               root.setacl("d", "u::rwx,g::r-x,o::---", "default"),
               root.umask(0),
               root.open("d/f", O_CREAT | O_WRONLY, "fd", 0o666),
               root.getacl("d/f").fails(ENODATA),
               after={"d/f": {"mode": 0o640}})
    yield Case("a symbolic link gets none", [folder("d")],
               root.setacl("d", FULL, "default"),
               root.symlink("x", "d/l"),
               after={"d/l": {"mode": 0o777}})
    yield Case("what is moved in keeps its own", [folder("d"), file("f", 0o640)],
               root.setacl("d", FULL, "default"),
               root.rename("f", "d/f"),
               root.getacl("d/f").fails(ENODATA),
               after={"d/f": {"mode": 0o640}})
    yield Case("a hard link keeps its own", [folder("d"), file("f", 0o640)],
               root.setacl("d", FULL, "default"), root.link("f", "d/f"),
               root.getacl("d/f").fails(ENODATA))
    yield Case("without a default ACL umask counts", [folder("d")],
               root.setacl("d", FULL),
               root.umask(0o027),
               root.open("d/f", O_CREAT | O_WRONLY, "fd", 0o666),
               after={"d/f": {"mode": 0o640}})
    yield Case("an inherited ACL is enforced", [folder("d")],
               root.setacl("d", f"u::rw-,u:{BOB}:rw-,g::---,m::rw-,o::---", "default"),
               root.chmod("d", 0o755), root.open("d/f", O_CREAT | O_WRONLY, "fd", 0o666),
               bob.open("d/f", O_RDWR),
               carol.open("d/f", O_RDONLY).fails(EACCES))


def refused():
    for text, what in ((f"u::rw-,u:{BOB}:r--,g::r--,o::---", "named entries without a mask"),
                       ("u::rw-,g::r--", "no entry for others"), ("g::r--,o::---",
                                                                  "no entry for the owner"),
                       ("u::rw-,o::---", "no entry for the group"), ("o::rw-", "only others")):
        yield Case(f"an ACL with {what}", [file("f", 0o640)], root.setacl("f", text).fails(EINVAL))
    yield Case("a default ACL on a file", [file("f")],
               root.setacl("f", FULL, "default").fails(EACCES))
    yield Case("a value that is no ACL", [file("f")],
               root.setxattr("f", "system.posix_acl_access", b"no acl").fails(EINVAL, EOPNOTSUPP))
    yield Case("an ACL of a symbolic link", [symlink("l", "no")],
               root.setxattr("l", "system.posix_acl_access", b"", 0, False).fails(EOPNOTSUPP))


def tools():
    yield Case(
        "setfacl and getfacl", [file("f", 0o640, ALICE, STAFF)],
        alice.tool("setfacl", "-m", f"u:{BOB}:rw,g:{WHEEL}:r", "f").gives((0, "")),
        alice.tool("getfacl", "-nc", "f").gives(
            (0,
             f"user::rw-\nuser:{BOB}:rw-\ngroup::r--\ngroup:{WHEEL}:r--\nmask::rw-\nother::---\n\n"
             )), bob.open("f", O_RDWR))
    yield Case(
        "setfacl -d", [folder("d")],
        root.tool("setfacl", "-d", "-m", f"u:{BOB}:rwx", "d").gives((0, "")),
        root.tool("getfacl", "-ncd", "d").gives(
            (0, f"user::rwx\nuser:{BOB}:rwx\ngroup::r-x\nmask::rwx\nother::r-x\n\n")),
        root.mkdir("d/e"), bob.mkdir("d/e/f"))
    yield Case("setfacl -b", [file("f", 0o640)],
               root.tool("setfacl", "-m", f"u:{BOB}:rw", "f").gives((0, "")),
               root.tool("setfacl", "-b", "f").gives((0, "")),
               root.listxattr("f").gives([]),
               after={"f": {"mode": 0o640}})
    yield Case("cp -a copies an ACL", [file("f", 0o640)], root.setacl("f", FULL),
               root.tool("cp", "-a", "f", "g").gives((0, "")),
               root.getacl("g").gives(FULL))
