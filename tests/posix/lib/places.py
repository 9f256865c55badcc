"""Where cases run: a WeftFS cluster, an ext4 image, or any directory.

A place has four views of the same files: `plain` for cases of one mount, `near` and `far` for those of two, and
`readonly`.
"""
import pathlib
import subprocess

import cluster as weft
from cluster import Cluster, is_mounted, run, wait_for

# The kernel keeps neither names nor attributes of such a mount: what another one did is seen at once.
FRESH = ("-o", "attr_timeout=0,entry_timeout=0,negative_timeout=0")


def bind_readonly(source, target):
    target.mkdir()
    run("mount", "--bind", source, target)
    run("mount", "-o", "remount,bind,ro", target)


def unmount(path):
    """Whoever looks at all mounts of the machine may have it open for a moment."""
    wait_for(lambda: run("umount", path, check=False).returncode == 0, f"{path} unmounted")


def detach(path):
    if is_mounted(path):
        subprocess.run(["umount", "--lazy", str(path)], check=False)


class DirectoryPlace:
    """A directory that is there; all views are the same, but for a read-only bind mount of it."""

    name = "directory"

    def __init__(self, path, scratch):
        self.plain = self.near = self.far = pathlib.Path(path)
        self.readonly = scratch / "readonly"

    def start(self):
        bind_readonly(self.plain, self.readonly)

    def stop(self):
        unmount(self.readonly)

    def end(self):
        detach(self.readonly)


class Ext4Place:
    """A new ext4 file system in a file, mounted over a loop device: what WeftFS is compared with.

    With 4 KiB blocks, access control lists and large extended attributes, whatever the host's own has.
    """

    name = "ext4"

    def __init__(self, scratch):
        self._image = scratch / "ext4.image"
        self.plain = self.near = self.far = scratch / "ext4"
        self.readonly = scratch / "ext4-readonly"

    def start(self):
        self.plain.mkdir()
        with open(self._image, "wb") as image:
            image.truncate(4 * weft.GIB)
        run("mkfs.ext4", "-q", "-b", "4096", "-I", "256", "-O", "ea_inode", self._image)
        run("mount", "-o", "loop,acl,user_xattr,relatime", self._image, self.plain)
        bind_readonly(self.plain, self.readonly)

    def stop(self):
        unmount(self.readonly)
        unmount(self.plain)
        self._image.unlink()

    def end(self):
        detach(self.readonly)
        detach(self.plain)


class WeftPlace:
    """A cluster of two storage-servers and four mounts: `plain` with the options that everybody has; the others
    without the kernel's caches of names and attributes, so that each sees at once what another did."""

    name = "weftfs"

    def __init__(self, scratch):
        self._cluster = Cluster(scratch / "weftfs", nodes=2)
        self.plain = self.near = self.far = self.readonly = None

    def start(self):
        self._cluster.start()
        self.plain = self._cluster.mount("plain").path
        self.near = self._cluster.mount("near", *FRESH).path
        self.far = self._cluster.mount("far", *FRESH).path
        self.readonly = self._cluster.mount("readonly", "-o", f"ro,{FRESH[1]}").path

    def stop(self):
        """AssertionError where a part did not end well or has logged an alarm."""
        self._cluster.stop()

    def end(self):
        self._cluster.end()
