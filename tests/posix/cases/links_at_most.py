"""EMLINK: how many links a file and a directory can have. 65,000 on ext4; WeftFS promises the same."""
from errno import EMLINK

from lib.model import Case, file, root

LINK_MAX = 65000


def cases():
    yield Case("a file has 65,000 links at most", [file("f")],
               root.make_links("f", LINK_MAX - 1),
               root.link("f", "one-more").fails(EMLINK),
               root.stat("f", "nlink").gives({"nlink": LINK_MAX}),
               root.unlink("l1"),
               root.link("f", "l1"),
               root.link("f", "one-more").fails(EMLINK),
               long=True)
