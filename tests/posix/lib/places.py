"""Where cases run: a WeftFS cluster with two mounts, an ext4 image, or any directory."""
import pathlib
import subprocess

import cluster as weft
from cluster import Cluster, is_mounted, run

# The second mount keeps neither names nor attributes: what the first one did is seen at once.
FRESH = ("-o", "attr_timeout=0,entry_timeout=0,negative_timeout=0")


class DirectoryPlace:
    """A directory that is there; both sides are the same."""

    name = "directory"

    def __init__(self, path):
        self.near = self.far = pathlib.Path(path)

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
        self.near = self.far = scratch / "ext4"

    def start(self):
        self.near.mkdir()
        with open(self._image, "wb") as image:
            image.truncate(4 * weft.GIB)
        run("mkfs.ext4", "-q", "-b", "4096", "-I", "256", "-O", "ea_inode", self._image)
        run("mount", "-o", "loop,acl,user_xattr,relatime", self._image, self.near)
        return self

    def stop(self):
        run("umount", self.near)
        self._image.unlink()

    def end(self):
        if is_mounted(self.near):
            subprocess.run(["umount", "--lazy", str(self.near)], check=False)


class WeftPlace:
    """A cluster of two storage-servers and two mounts."""

    name = "weftfs"

    def __init__(self, scratch, both_fresh=False):
        """`both_fresh`: the first mount keeps nothing either; otherwise it has the default options."""
        self._cluster = Cluster(scratch / "weftfs", nodes=2)
        self._near_options = FRESH if both_fresh else ()
        self.near = self.far = None

    def start(self):
        self._cluster.start()
        self.near = self._cluster.mount("near", *self._near_options).path
        self.far = self._cluster.mount("far", *FRESH).path
        return self

    def stop(self):
        """AssertionError where a part did not end well or has logged an alarm."""
        self._cluster.stop()

    def end(self):
        self._cluster.end()

    def log_tails(self):
        return self._cluster.log_tails()


def weft_is_built():
    return (weft.BIN / "weft").exists()
