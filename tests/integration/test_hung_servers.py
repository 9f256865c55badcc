"""A storage-server that hangs (SIGSTOP keeps its connections open) while files are changed at random."""
import contextlib
import errno
import os
import random
import time

import pytest

from cluster import CHUNK, wait_for
from files import check_file, seeded_bytes, write_file
from writers import Changer

# Longer than the client waits for one answer (kTryTimeout in client/core/chunk_call.cc).
LONGER_THAN_ONE_TRY = 18


def test_a_hang_longer_than_one_try_is_invisible(cluster, rng):
    """With an I/O timeout that is longer still, no call fails and every byte is right."""
    mount = cluster.mount("a", "-o", "io_timeout=10m")
    changers = []
    with contextlib.ExitStack() as at_the_end:
        for number in range(3):
            changers.append(Changer(mount / f"changed-{number}", random.Random(rng.random())))
            at_the_end.callback(changers[-1].stop)
        for victim in cluster.storage.values():
            for changer in changers:
                changer.wait_progress()
            with victim.hanging():
                time.sleep(LONGER_THAN_ONE_TRY)
        for changer in changers:
            changer.wait_progress()
    assert "trying again" in mount.program.log_text(), "no call has met the hang"
    mount.remount()
    for changer in changers:
        changer.check(mount.path)


def expect_eio(function, *arguments):
    with pytest.raises(OSError) as error:
        function(*arguments)
    assert error.value.errno == errno.EIO


def rewrite(file, data):
    assert os.pwrite(file.fileno(), data, 0) == len(data)
    os.fsync(file.fileno())


@pytest.mark.parametrize("hung", ("one", "all"))
def test_a_hang_longer_than_the_io_timeout(cluster, hung):
    """EIO for what needs the server; the mount stays usable, and all of it when the server goes on."""
    mount = cluster.mount("a", "-o", "io_timeout=2s")
    data = seeded_bytes(1, 6 * CHUNK)
    write_file(mount / "before", data)
    mount.remount()
    victims = list(cluster.storage.values())[:1 if hung == "one" else None]
    with open(mount / "rewritten", "w+b", buffering=0) as file:
        rewrite(file, data)
        with contextlib.ExitStack() as hangs:
            for victim in victims:
                hangs.enter_context(victim.hanging())
            expect_eio(check_file, mount / "before", data)
            expect_eio(rewrite, file, seeded_bytes(2, 6 * CHUNK))
            # What needs only the metadata-server works on.
            write_file(mount / "small", b"inline")
            os.rename(mount / "small", mount / "renamed")
            check_file(mount / "renamed", b"inline")
            assert sorted(os.listdir(mount.path)) == ["before", "renamed", "rewritten"]

        def works_again():
            """The client may notice only with its next try that the server goes on."""
            try:
                check_file(mount / "before", data)
                rewrite(file, data[::-1])
                return True
            except OSError as error:
                assert error.errno == errno.EIO, error
                return False

        wait_for(works_again, "everything works again")
    mount.remount()
    check_file(mount / "before", data)
    check_file(mount / "rewritten", data[::-1])
    check_file(mount / "renamed", b"inline")
