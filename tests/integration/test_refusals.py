"""What must be refused, and that nobody else is harmed: bad options, wrong peers, damaged disks."""
import os
import random
import shutil
import socket
import time

import pytest

from cluster import BIN, CHUNK, ROOT, run
from files import check_file, seeded_bytes, write_file


def refused(*command, **options):
    """The message of a command that must fail."""
    result = run(*command, check=False, **options)
    assert result.returncode not in (0, -6, -11), (
        f"{command} exited with {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result.stdout + result.stderr


def refused_start(program):
    """The message of a daemon that must refuse to start."""
    program.start()
    code = program.wait_end()
    assert code not in (0, -6, -11), f"{program.name} exited with {code}"
    return program.log_text() + program.output.read_text()


@pytest.mark.parametrize("program, required", (
    ("weft-metadata", ()), ("weft-storage", ("--metadata", "127.0.0.1:1"))))
def test_bad_options(program, required, tmp_path):
    command = (BIN / program, "--data", tmp_path / "d", *required)
    assert "--no-such-option" in refused(*command, "--no-such-option")
    assert "listen" in refused(*command, "--listen", "nowhere")
    config = tmp_path / "weft.toml"
    config.write_text("no-such-key = 5\n")
    assert "no-such-key" in refused(*command, "--config", config)
    assert "missing.toml" in refused(*command, "--config", tmp_path / "missing.toml")
    assert "--data" in refused(BIN / program, *required)
    assert not (tmp_path / "d").exists()


def test_bad_options_of_the_cli():
    assert "nonsense" in refused(BIN / "weft", "nonsense")
    assert "--no-such-option" in refused(BIN / "weft", "status", "--no-such-option")


def test_help_and_version():
    for program in ("weft-metadata", "weft-storage", "weft"):
        assert "--help" in run(BIN / program, "--help").stdout
        assert run(BIN / program, "--version").stdout.strip()


def test_the_table_of_options_is_current():
    """docs/configuration.md is made by deploy/document-options; make it again."""
    made = run(ROOT / "deploy" / "document-options", BIN).stdout
    assert made == (ROOT / "docs" / "configuration.md").read_text()


def test_a_port_in_use(cluster, tmp_path):
    message = refused(BIN / "weft-metadata", "--data", tmp_path / "d", "--listen", cluster.server,
                      "--control-listen", "127.0.0.1:0")
    assert cluster.server in message


def test_a_directory_in_use(cluster):
    name = next(iter(cluster.storage))
    twin = cluster.make_storage("twin", data=[cluster.directory / f"{name}-data"])
    assert "use" in refused_start(twin)
    message = refused(BIN / "weft-metadata", "--data", cluster.directory / "metadata-data",
                      "--listen", "127.0.0.1:0", "--control-listen", "127.0.0.1:0")
    assert "use" in message


def talk(address, data, half_close=True):
    """Sends bytes to a port and reads until the other side closes; what came."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 30) as peer:
        peer.settimeout(60)
        got = b""
        try:
            peer.sendall(data)
            if half_close:
                peer.shutdown(socket.SHUT_WR)
            while part := peer.recv(65536):
                got += part
        except (ConnectionResetError, BrokenPipeError):
            pass
        return got


def test_wrong_peers_harm_nobody(cluster):
    """Web browsers, noise and broken frames on every port, while a mount works."""
    mount = cluster.mount()
    noise = random.Random(7)
    wires = [cluster.server] + [storage.address for storage in cluster.storage.values()]
    write_file(mount / "f", seeded_bytes(1, 2 * CHUNK))
    idle = [socket.create_connection((a.split(":")[0], int(a.split(":")[1]))) for a in wires * 5]
    for address in wires:
        talk(address, b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n",
             half_close=False)
        talk(address, b"WEFT" + b"\xff" * 36, half_close=False)
        talk(address, b"WEFT\x01\x01")  # a header that never comes to its end
        talk(address, b"")
        for _ in range(20):
            talk(address, noise.randbytes(noise.randrange(1, 500)))
    write_file(mount / "g", seeded_bytes(2, 2 * CHUNK))
    mount.remount()
    check_file(mount / "f", seeded_bytes(1, 2 * CHUNK))
    check_file(mount / "g", seeded_bytes(2, 2 * CHUNK))
    for connection in idle:
        connection.close()


def test_a_storage_server_of_another_cluster(make_cluster):
    first, second = make_cluster(nodes=1).start(), make_cluster(nodes=1).start()
    first.storage["s1"].stop()
    stranger = second.make_storage("stranger", data=[first.directory / "s1-data"])
    assert "cluster" in refused_start(stranger)
    first.storage["s1"].start().wait_listening()
    mount = first.mount()
    write_file(mount / "f", seeded_bytes(1, CHUNK))
    check_file(mount / "f", seeded_bytes(1, CHUNK))


def superblock_of(directory):
    found = [path for path in directory.rglob("*superblock*") if path.is_file()]
    assert len(found) == 1, found
    return found[0]


def test_a_damaged_superblock(make_cluster):
    """Refused by name, untouched, and good again when the superblock is put back."""
    cluster = make_cluster(nodes=1).start()
    mount = cluster.mount()
    write_file(mount / "f", seeded_bytes(1, 2 * CHUNK))
    storage = cluster.storage["s1"]
    superblock = superblock_of(cluster.directory / "s1-data")
    good = superblock.read_bytes()
    storage.stop()
    for bad in (b"", good[:len(good) // 2], bytes([good[0] ^ 1]) + good[1:], bytes(len(good)),
                good[:-1] + bytes([good[-1] ^ 0x40])):
        superblock.write_bytes(bad)
        message = refused_start(storage)
        assert "s1-data" in message
        assert superblock.read_bytes() == bad
    superblock.write_bytes(good)
    storage.start().wait_listening()
    mount.remount()
    check_file(mount / "f", seeded_bytes(1, 2 * CHUNK))


def test_foreign_directories(cluster):
    foreign = cluster.directory / "photos"
    foreign.mkdir()
    (foreign / "cat.jpg").write_bytes(b"cat")
    assert "photos" in refused_start(cluster.make_storage("foreign", data=[foreign]))
    message = refused(BIN / "weft-metadata", "--data", foreign, "--listen", "127.0.0.1:0",
                      "--control-listen", "127.0.0.1:0")
    assert "photos" in message
    assert os.listdir(foreign) == ["cat.jpg"]


def test_a_target_that_changed_hands(make_cluster):
    """A directory that belongs to another storage-server's pair is refused."""
    cluster = make_cluster(nodes=2).start()
    for storage in cluster.storage.values():
        storage.stop()
    both = cluster.make_storage(
        "s1-again", data=[cluster.directory / "s1-data", cluster.directory / "s2-data"])
    assert "s2-data" in refused_start(both)
    for storage in cluster.storage.values():
        storage.start().wait_listening()


def test_mount_without_a_server(tmp_path):
    """A clear message that names the server, within a bounded time, and no mount left behind."""
    (tmp_path / "mnt").mkdir()
    started = time.monotonic()
    message = refused(BIN / "weft", "mount", "127.0.0.1:9", tmp_path / "mnt", timeout=120)
    assert "127.0.0.1:9" in message
    assert time.monotonic() - started < 60
    assert os.listdir(tmp_path / "mnt") == []


def test_mount_on_nothing(cluster):
    message = refused(BIN / "weft", "mount", cluster.server, cluster.directory / "missing")
    assert "missing" in message
    (cluster.directory / "file").write_bytes(b"")
    assert "file" in refused(BIN / "weft", "mount", cluster.server, cluster.directory / "file")


def test_mount_of_a_storage_server(cluster):
    """A mount that is pointed at the wrong daemon says so."""
    (cluster.directory / "mnt").mkdir()
    storage = next(iter(cluster.storage.values()))
    refused(BIN / "weft", "mount", storage.address, cluster.directory / "mnt", timeout=120)


def test_a_lost_namespace_directory(make_cluster):
    """A metadata-server that starts with an empty directory is another cluster: nobody joins it."""
    cluster = make_cluster(nodes=1).start()
    cluster.metadata.stop()
    cluster.storage["s1"].stop()
    kept = cluster.directory / "metadata-kept"
    shutil.move(cluster.directory / "metadata-data", kept)
    cluster.metadata.start().wait_listening()
    assert "cluster" in refused_start(cluster.storage["s1"])
    cluster.metadata.stop()
    shutil.rmtree(cluster.directory / "metadata-data")
    shutil.move(kept, cluster.directory / "metadata-data")
    cluster.metadata.start().wait_listening()
    cluster.storage["s1"].start().wait_listening()
    mount = cluster.mount()
    write_file(mount / "f", seeded_bytes(1, CHUNK))
