"""statvfs(3), fstatvfs(3)."""
from errno import EBADF
from os import O_RDONLY

from lib.model import ALICE, Case, bob, file, folder, root, symlink
from lib.paths import path_errors


def cases():
    yield from path_errors("statvfs", lambda who, path: who.statvfs(path))
    yield Case("names have up to 255 bytes", [],
               root.statvfs(".", "f_namemax").gives({"f_namemax": 255}))
    yield Case("the figures fit together", [], root.statvfs_holds(".").gives(True))
    yield Case("a file's are the directory's", [file("f"), folder("d")], root.open("d", O_RDONLY),
               root.statvfs_same("f").gives(True))
    yield Case("everybody may ask", [file("f", 0, ALICE)], bob.statvfs_holds("f").gives(True))
    yield Case("a link is followed", [file("f"), symlink("l", "f")],
               root.statvfs_holds("l").gives(True))
    yield Case("what is not open", [file("f")], root.bad_fd(), root.statvfs_same("f").fails(EBADF))
