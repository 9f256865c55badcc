"""setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their forms for links and descriptors."""
from errno import E2BIG, EACCES, EEXIST, EINVAL, ENODATA, EOPNOTSUPP, EPERM, ERANGE
from os import O_RDONLY, O_RDWR, XATTR_CREATE, XATTR_REPLACE

from lib.model import (ALICE, KIB, SPECIAL, STAFF, Case, alice, bob, dave, file, folder, root,
                       symlink, thing)
from lib.paths import path_errors

VALUES = (b"", b"1", b"\0", b"\xff" * 10, b"line\nline", b"v" * 255, b"v" * 256, b"v" * 4000,
          b"v" * 5000, b"v" * 20000, b"v" * 60000)
NAMES = ("user.a", "user." + "n" * 250, "user.a.b.c", "user. ", "user.ü", "trusted.a",
         "security.weft")


def cases():
    yield from path_errors("setxattr", lambda who, path: who.setxattr(path, "user.a", b"1"))
    yield from path_errors("getxattr", lambda who, path: who.getxattr(path, "user.a"))
    yield from values()
    yield from flags()
    yield from kinds()
    yield from rights()
    yield from refused()


def values():
    for value in VALUES:
        for kind in ("file", "dir"):
            yield Case(f"{len(value)} bytes, {value[:3]!r}, on a {kind}", [thing(kind, "x")],
                       root.setxattr("x", "user.a", value),
                       root.getxattr("x", "user.a").gives(value),
                       root.listxattr("x").gives(["user.a"]),
                       changes="x.ctime",
                       keeps="x.mtime x.atime")
    for name in NAMES:
        yield Case(f"the name {name[:12]}, {len(name)} bytes", [file("f")],
                   root.setxattr("f", name, b"value"),
                   root.getxattr("f", name).gives(b"value"),
                   root.listxattr("f").gives([name]),
                   root.removexattr("f", name),
                   root.listxattr("f").gives([]),
                   root.getxattr("f", name).fails(ENODATA),
                   changes="f.ctime",
                   keeps="f.mtime")
    many = [f"user.name{number:03}" for number in range(100)]
    yield Case("a hundred attributes", [file("f")],
               *(root.setxattr("f", name, name.encode()) for name in many),
               root.listxattr("f").gives(many),
               *(root.getxattr("f", name).gives(name.encode()) for name in many[::9]))
    yield Case("a longer value replaces a shorter one", [file("f")],
               root.setxattr("f", "user.a", b"1"), root.setxattr("f", "user.a", b"2" * 3000),
               root.getxattr("f", "user.a").gives(b"2" * 3000), root.setxattr("f", "user.a", b"3"),
               root.getxattr("f", "user.a").gives(b"3"))
    yield Case("by descriptor", [file("f")], root.open("f", O_RDWR), root.fsetxattr("user.a", b"1"),
               root.fgetxattr("user.a").gives(b"1"),
               root.getxattr("f", "user.a").gives(b"1"))
    yield Case("of an unlinked file", [file("f")], root.open("f", O_RDWR), root.unlink("f"),
               root.fsetxattr("user.a", b"1"),
               root.fgetxattr("user.a").gives(b"1"))
    yield Case("a hard link has the same", [file("f")], root.link("f", "g"),
               root.setxattr("f", "user.a", b"1"),
               root.getxattr("g", "user.a").gives(b"1"))
    yield Case("rename takes them along", [file("f")], root.setxattr("f", "user.a", b"1"),
               root.rename("f", "g"),
               root.getxattr("g", "user.a").gives(b"1"))
    yield Case("a new file has none", [folder("d")], root.setxattr("d", "user.a", b"1"),
               root.mkdir("d/e"),
               root.listxattr("d/e").gives([]))


def flags():
    yield Case("XATTR_CREATE makes one", [file("f")],
               root.setxattr("f", "user.a", b"1", XATTR_CREATE),
               root.getxattr("f", "user.a").gives(b"1"))
    yield Case("XATTR_CREATE replaces none", [file("f")], root.setxattr("f", "user.a", b"1"),
               root.setxattr("f", "user.a", b"2", XATTR_CREATE).fails(EEXIST),
               root.getxattr("f", "user.a").gives(b"1"))
    yield Case("XATTR_REPLACE replaces one", [file("f")], root.setxattr("f", "user.a", b"1"),
               root.setxattr("f", "user.a", b"2", XATTR_REPLACE),
               root.getxattr("f", "user.a").gives(b"2"))
    yield Case("XATTR_REPLACE makes none", [file("f")],
               root.setxattr("f", "user.a", b"2", XATTR_REPLACE).fails(ENODATA))
    yield Case("unknown flags", [file("f")], root.setxattr("f", "user.a", b"2", 0x80).fails(EINVAL))


def kinds():
    """user. attributes belong to files and directories only."""
    for kind in SPECIAL:
        yield Case(f"user. on a {kind}", [thing(kind, "x", 0o666)],
                   root.setxattr("x", "user.a", b"1").fails(EPERM),
                   root.getxattr("x", "user.a").fails(ENODATA))
        yield Case(f"trusted. on a {kind}", [thing(kind, "x", 0o666)],
                   root.setxattr("x", "trusted.a", b"1"),
                   root.getxattr("x", "trusted.a").gives(b"1"),
                   root.listxattr("x").gives(["trusted.a"]))
    yield Case("user. on a symbolic link", [symlink("l", "no")],
               root.setxattr("l", "user.a", b"1", 0, False).fails(EPERM),
               root.getxattr("l", "user.a", False).fails(ENODATA))
    yield Case("trusted. on a symbolic link", [file("f"), symlink("l", "f")],
               root.setxattr("l", "trusted.a", b"1", 0, False),
               root.getxattr("l", "trusted.a", False).gives(b"1"),
               root.getxattr("f", "trusted.a").fails(ENODATA),
               root.listxattr("l", False).gives(["trusted.a"]))
    yield Case("through a symbolic link", [file("f"), symlink("l", "f")],
               root.setxattr("l", "user.a", b"1"),
               root.getxattr("f", "user.a").gives(b"1"))


def rights():
    for bits in range(8):
        for who, mode, what in ((alice, bits << 6, "owner"), (dave, bits << 3, "group"),
                                (bob, bits, "others")):
            write, read = who.setxattr("f", "user.b", b"2"), who.getxattr("f", "user.a")
            yield Case(f"mode {mode:04o}, {what}", [file("f", mode, ALICE, STAFF)],
                       root.setxattr("f", "user.a", b"1"),
                       write if bits & 2 else write.fails(EACCES),
                       read.gives(b"1") if bits & 4 else read.fails(EACCES))
    for kind in ("file", "dir"):
        yield Case(f"anybody lists what a {kind} has", [thing(kind, "x", 0, ALICE)],
                   root.setxattr("x", "user.a", b"1"),
                   bob.listxattr("x").gives(["user.a"]))
        yield Case(f"removing needs the right to write a {kind}", [thing(kind, "x", 0o644, ALICE)],
                   root.setxattr("x", "user.a", b"1"),
                   bob.removexattr("x", "user.a").fails(EACCES), alice.removexattr("x", "user.a"))
        yield Case(f"trusted. of a {kind} is root's", [thing(kind, "x", 0o666, ALICE)],
                   alice.setxattr("x", "trusted.a", b"1").fails(EPERM),
                   alice.getxattr("x", "trusted.a").fails(ENODATA))
        yield Case(f"only root sees trusted. of a {kind}", [thing(kind, "x", 0o666, ALICE)],
                   root.setxattr("x", "trusted.a", b"1"),
                   alice.listxattr("x").gives([]),
                   root.listxattr("x").gives(["trusted.a"]),
                   alice.removexattr("x", "trusted.a").fails(EPERM))
        yield Case(f"security. of a {kind} is root's to set", [thing(kind, "x", 0o666, ALICE)],
                   alice.setxattr("x", "security.weft", b"1").fails(EPERM),
                   root.setxattr("x", "security.weft", b"1"),
                   alice.getxattr("x", "security.weft").gives(b"1"))
    yield Case("a sticky directory's attributes are its owner's", [folder("d", 0o1777, ALICE)],
               bob.setxattr("d", "user.a", b"1").fails(EPERM), alice.setxattr("d", "user.a", b"1"))
    yield Case("fsetxattr of a descriptor to read asks the mode", [file("f", 0o666, ALICE)],
               bob.open("f", O_RDONLY), bob.fsetxattr("user.a", b"1"))


def refused():
    one = [file("f")]
    yield Case("nothing of that name", one,
               root.getxattr("f", "user.no").fails(ENODATA),
               root.removexattr("f", "user.no").fails(ENODATA))
    yield Case("a name without a namespace", one,
               root.setxattr("f", "plain", b"1").fails(EOPNOTSUPP),
               root.getxattr("f", "plain").fails(EOPNOTSUPP))
    yield Case("an unknown namespace", one, root.setxattr("f", "weird.a", b"1").fails(EOPNOTSUPP))
    for name in ("user.", "trusted."):
        yield Case(f"only the namespace: {name}", one, root.setxattr("f", name, b"1").fails(EINVAL))
    yield Case("an empty name", one, root.setxattr("f", "", b"1").fails(ERANGE))
    yield Case("a name of 256 bytes", one,
               root.setxattr("f", "user." + "n" * 251, b"1").fails(ERANGE))
    yield Case("a value of more than 64 KiB", one,
               root.setxattr("f", "user.a", b"v" * (64 * KIB + 1)).fails(E2BIG))
    yield Case("an unknown system. attribute", one,
               root.setxattr("f", "system.weft", b"1").fails(EOPNOTSUPP))
