"""Directories that a newer release has written: refused by name and version, and left as they are."""
import json
import os
import stat

from cluster import BIN, CHUNK, run
from files import check_file, seeded_bytes, write_file

# One more than ours, and versions that a careless reader would cut down to a known one.
NEWER = (2, (1 << 32) + 1, (1 << 63) + 1)


def crc32c(data):
    """Castagnoli's, bit by bit: what a superblock ends with."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def superblock_text(line):
    return line + b"\ncrc32c %08x\n" % crc32c(line)


def snapshot(directory):
    """Every name below a directory with its kind, mode, time of change and bytes."""
    found = {}
    for parent, _, names in os.walk(directory):
        for name in [".", *names]:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_mtime_ns, status.st_size)
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    found[path] += (file.read(),)
    return found


def check_refused(program, directory, version):
    """A start fails with a message that helps, and changes nothing."""
    before = snapshot(directory)
    seen = len(program.log_text())
    program.start()
    code = program.wait_end()
    message = program.log_text()[seen:] + program.output.read_text()
    assert code not in (0, -6, -11), f"{program.name} exited with {code}\n{message}"
    for part in (str(directory), str(version), "newer"):
        assert part in message, message
    after = snapshot(directory)
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    assert changed == [], changed


def test_a_newer_target(make_cluster):
    """Also as the second of two targets, and with a field that we do not know."""
    cluster = make_cluster(nodes=0).start()
    disks = [cluster.directory / "disk1", cluster.directory / "disk2"]
    storage = cluster.add_storage("s1", data=disks)
    mount = cluster.mount()
    data = seeded_bytes(1, 8 * CHUNK)
    write_file(mount / "f", data)
    storage.stop()
    for disk in disks:
        superblock = disk / "superblock"
        good = superblock.read_bytes()
        fields = json.loads(good.splitlines()[0])
        assert fields["format_version"] == 1
        assert good == superblock_text(good.splitlines()[0])
        for version in NEWER:
            newer = {**fields, "format_version": version, "erasure_code": "4+2"}
            superblock.write_bytes(superblock_text(json.dumps(newer).encode()))
            check_refused(storage, disk, version)
        superblock.write_bytes(good)
    storage.start().wait_listening()
    mount.remount()
    check_file(mount / "f", data)


def test_a_newer_metadata_store(make_cluster):
    cluster = make_cluster(nodes=1).start()
    mount = cluster.mount()
    data = seeded_bytes(1, 2 * CHUNK)
    write_file(mount / "large", data)
    write_file(mount / "small", b"inline")
    mount.unmount()
    cluster.metadata.stop()
    directory = cluster.directory / "metadata-data"
    good = (directory / "STORE").read_bytes()
    fields = json.loads(good)
    assert fields["format"] == 2
    for version in (1 + newer for newer in NEWER):
        (directory / "STORE").write_text(
            json.dumps({**fields, "format": version, "shards": 7}) + "\n")
        check_refused(cluster.metadata, directory, version)
    (directory / "STORE").write_bytes(good)
    cluster.metadata.start().wait_listening()
    mount.start()
    check_file(mount / "large", data)
    check_file(mount / "small", b"inline")
    assert run(BIN / "weft", "status", "--server", cluster.server).stdout
