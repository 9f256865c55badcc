"""Joining, placement and administration: what `weft` shows, and what happens when nodes are added."""
import json
import os

from cluster import CHUNK, wait_for
from files import check_file, seeded_bytes, write_file


def nodes_of(cluster, path):
    """Names of the nodes that hold chunks of a file."""
    return {node["name"] for node in cluster.info(path)["nodes"] if node["chunks"] > 0}


def test_a_large_file_lies_on_all_nodes(make_cluster):
    cluster = make_cluster(nodes=4, capacity="1GiB").start()
    mount = cluster.mount()
    data = seeded_bytes(1, 24 * CHUNK)
    write_file(mount / "f", data)
    assert nodes_of(cluster, mount / "f") == {"s1", "s2", "s3", "s4"}
    mount.remount()
    check_file(mount / "f", data)


def test_a_new_node_is_used_by_new_files(cluster):
    """Start it, see it pending, add it; files from before stay readable."""
    mount = cluster.mount()
    old = {f"old{number}": seeded_bytes(number, 8 * CHUNK) for number in range(3)}
    for name, data in old.items():
        write_file(mount / name, data)
    cluster.storage["s3"] = cluster.make_storage("s3").start().wait_listening()
    wait_for(lambda: cluster.node("s3").get("state") == "pending", "s3 is pending")
    cluster.add_node("s3")
    cluster.add_node("s3")  # again is harmless

    def used():
        name = f"new{len(os.listdir(mount.path))}"
        write_file(mount / name, seeded_bytes(9, 16 * CHUNK))
        return "s3" in nodes_of(cluster, mount / name)

    wait_for(used, "a new file has chunks on s3")
    mount.remount()
    for name, data in old.items():
        check_file(mount / name, data)
    for name in set(os.listdir(mount.path)) - set(old):
        check_file(mount / name, seeded_bytes(9, 16 * CHUNK))


def test_adding_an_unknown_node_is_refused(cluster):
    result = cluster.weft("node", "add", "nobody", "--server", cluster.server, check=False)
    assert result.returncode != 0
    assert "nobody" in result.stderr


def test_several_targets_on_one_daemon(make_cluster):
    cluster = make_cluster(nodes=0)
    cluster.start()
    directories = [cluster.directory / "disk1", cluster.directory / "disk2"]
    cluster.add_storage("s1", data=directories)
    mount = cluster.mount()
    data = seeded_bytes(1, 16 * CHUNK)
    write_file(mount / "f", data)
    targets = {chunk["target"] for chunk in cluster.info(mount / "f", "--chunks", 16)["chunks"]}
    assert len(targets) == 2
    cluster.restart(cluster.storage["s1"])
    mount.remount()
    check_file(mount / "f", data)


def test_a_write_before_any_node_is_added(make_cluster):
    """Inline files work at once; larger ones wait for a node."""
    cluster = make_cluster(nodes=0).start()
    mount = cluster.mount("a", "-o", "io_timeout=90s")
    write_file(mount / "small", b"inline")
    check_file(mount / "small", b"inline")
    cluster.add_storage("s1")
    write_file(mount / "large", seeded_bytes(1, 3 * CHUNK))
    mount.remount()
    check_file(mount / "large", seeded_bytes(1, 3 * CHUNK))


def test_what_weft_shows(cluster):
    mount = cluster.mount()
    write_file(mount / "f", seeded_bytes(1, 3 * CHUNK))
    server = ("--server", cluster.server)
    status = json.loads(cluster.weft("status", *server, "--json").stdout)
    assert status["cluster_id"]
    for command in (("status",), ("node", "list"), ("target", "list"), ("df",)):
        text = cluster.weft(*command, *server).stdout
        assert text.strip()
        json.loads(cluster.weft(*command, *server, "--json").stdout)
    for name in cluster.storage:
        assert name in cluster.weft("node", "list", *server).stdout
        assert name in cluster.weft("target", "list", *server).stdout
    cluster.weft("node", "ping", *server)
    text = cluster.weft("info", mount / "f").stdout
    assert "s1" in text and "s2" in text
    cluster.storage["s2"].kill()
    wait_for(lambda: cluster.node("s2")["state"] == "offline", "s2 is seen to be offline")
    cluster.storage["s2"].start().wait_listening()
    wait_for(lambda: cluster.node("s2")["state"] == "online", "s2 is online again")


def test_layouts_are_inherited(cluster):
    mount = cluster.mount()
    (mount / "small").mkdir()
    cluster.weft("layout", "set", mount / "small", "--chunk-size", "64KiB", "--width", "2")
    (mount / "small" / "below").mkdir()
    data = seeded_bytes(1, 10 * 64 * 1024 + 3)
    write_file(mount / "small" / "below" / "f", data)
    layout = json.loads(cluster.weft("layout", "get", mount / "small" / "below", "--json").stdout)
    assert layout["chunk_bytes"] == 64 * 1024 and layout["width"] == 2
    assert cluster.info(mount / "small" / "below" / "f")["content"]["chunks"] == 11
    mount.remount()
    check_file(mount / "small" / "below" / "f", data)


def test_space_of_removed_files_comes_back(cluster):
    """Also over a restart of the metadata-server right after the removal."""
    mount = cluster.mount()

    def free():
        targets = json.loads(
            cluster.weft("target", "list", "--server", cluster.server, "--json").stdout)["targets"]
        return sum(target["free_bytes"] for target in targets)

    before = free()
    for number in range(10):
        write_file(mount / f"f{number}", seeded_bytes(number, 4 * CHUNK))
    wait_for(lambda: free() <= before - 40 * CHUNK, "the files take space")
    for number in range(10):
        os.unlink(mount / f"f{number}")
    cluster.restart(cluster.metadata)
    wait_for(lambda: free() >= before - CHUNK, "the space is free again")
