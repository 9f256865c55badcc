"""POSIX ACLs as the kernel keeps them in system.posix_acl_access and system.posix_acl_default.

The text is that of setfacl with numbers: "u::rw-,u:31001:r--,g::r--,m::r--,o::---".
"""
import struct

_VERSION = 2
_NO_ID = 0xFFFFFFFF
_TAGS = {("u", False): 0x01, ("u", True): 0x02, ("g", False): 0x04, ("g", True): 0x08, ("m", False):
         0x10, ("o", False): 0x20}
_NAMES = {tag: key for key, tag in _TAGS.items()}


def encode(text):
    """The attribute's value. "" gives an ACL without entries; entries are put into the kernel's order."""
    entries = []
    for word in filter(None, text.split(",")):
        kind, number, rights = word.split(":")
        bits = sum(bit for bit, letter in ((4, "r"), (2, "w"), (1, "x")) if letter in rights)
        entries.append((_TAGS[kind, number != ""], bits, int(number) if number else _NO_ID))
    entries.sort(key=lambda entry: (entry[0], entry[2]))
    return struct.pack("<I", _VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def decode(value):
    words = []
    for at in range(4, len(value), 8):
        tag, bits, number = struct.unpack_from("<HHI", value, at)
        kind, named = _NAMES[tag]
        rights = "".join(letter if bits & bit else "-"
                         for bit, letter in ((4, "r"), (2, "w"), (1, "x")))
        words.append(f"{kind}:{number if named else ''}:{rights}")
    return ",".join(words)
