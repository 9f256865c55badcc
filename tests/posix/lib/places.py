"""Where cases run: a WeftFS cluster, an ext4 image, or any directory.

A place has three views of the same files: `plain` for cases of one mount, `near` and `far` for those of two.
"""
import pathlib
import subprocess

import cluster as weft
from cluster import Cluster, is_mounted, run, wait_for

# The kernel keeps neither names nor attributes of such a mount: what another one did is seen at once.
FRESH = ("-o", "attr_timeout=0,entry_timeout=0,negative_timeout=0")


class DirectoryPlace:
    """A directory that is there; all views are the same."""

    name = "directory"

    def __init__(self, path):
        self.plain = self.near = self.far = pathlib.Path(path)

    def start(self):
        return self

    def stop(self):
        pass

    def end(self):
        pass


class Ext4Place:
    """A new ext4 file system in a file, mounted over a loop device: what WeftFS is compared with.

    With 4 KiB blocks, access control lists and large extended attributes, whatever the host's own has.
    """

    name = "ext4"

    def __init__(self, scratch):
        self._image = scratch / "ext4.image"
        self.plain = self.near = self.far = scratch / "ext4"

    def start(self):
        self.plain.mkdir()
        with open(self._image, "wb") as image:
            image.truncate(4 * weft.GIB)
        run("mkfs.ext4", "-q", "-b", "4096", "-I", "256", "-O", "ea_inode", self._image)
        run("mount", "-o", "loop,acl,user_xattr,relatime", self._image, self.plain)
        return self

    def stop(self):
        # Whoever looks at all mounts of the machine may have it open for a moment.
        wait_for(lambda: run("umount", self.plain, check=False).returncode == 0, f"{self.plain} unmounted")
        self._image.unlink()

    def end(self):
        if is_mounted(self.plain):
            subprocess.run(["umount", "--lazy", str(self.plain)], check=False)


class WeftPlace:
    """A cluster of two storage-servers and three mounts: `plain` with the options that everybody has, `near` and
    `far` without the kernel's caches of names and attributes, so that each sees at once what the other did."""

    name = "weftfs"

    def __init__(self, scratch):
        self._cluster = Cluster(scratch / "weftfs", nodes=2)
        self.plain = self.near = self.far = None

    def start(self):
        self._cluster.start()
        self.plain = self._cluster.mount("plain").path
        self.near = self._cluster.mount("near", *FRESH).path
        self.far = self._cluster.mount("far", *FRESH).path
        return self

    def stop(self):
        """AssertionError where a part did not end well or has logged an alarm."""
        self._cluster.stop()

    def end(self):
        self._cluster.end()

    def log_tails(self):
        return self._cluster.log_tails()
