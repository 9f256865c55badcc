"""Fixtures of the integration tests, and what happens to a test that fails or hangs."""
import faulthandler
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading

import pytest

from cluster import BIN, SANITIZED, Cluster, Program

# A test that runs longer hangs: its daemons and mounts are killed, which ends every call it waits in.
TEST_SECONDS = 900 if SANITIZED else 420


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "release_only: shows nothing under a sanitizer; say why beside the mark")
    # An interrupted run ends like Ctrl-C: fixtures still clean up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not (BIN / "weft").exists():
        pytest.exit(f"{BIN} holds no programs: build them first (deploy/build release)", 2)


def pytest_collection_modifyitems(config, items):
    if not SANITIZED:
        return
    left_out = [item for item in items if item.get_closest_marker("release_only")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _end_hanging_test(name):
    print(f"\n{name} hangs: killing its daemons", file=sys.__stderr__, flush=True)
    faulthandler.dump_traceback(file=sys.__stderr__)
    for program in list(Program.running):
        program.signal(signal.SIGKILL)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    watchdog = threading.Timer(TEST_SECONDS, _end_hanging_test, [item.nodeid])
    watchdog.daemon = True
    watchdog.start()
    yield
    watchdog.cancel()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Cluster):
                report.sections.append(("WeftFS logs", value.log_tails()))


@pytest.fixture(scope="session")
def scratch():
    """A directory for everything; gone afterwards."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weft-integration-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def shared(scratch, request):
    """A cluster of two storage-servers that a module's tests share; they break nothing in it."""
    cluster = Cluster(scratch / request.module.__name__, nodes=2)
    try:
        cluster.start()
        yield cluster
        cluster.stop()
    finally:
        cluster.end()
    shutil.rmtree(cluster.directory)


@pytest.fixture
def make_cluster(scratch, request):
    """Makes clusters that belong to one test; the last one also stands in funcargs for its logs."""
    made = []

    def make(**options):
        cluster = Cluster(scratch / f"{request.node.name}-{len(made)}".replace("/", "_"), **options)
        made.append(cluster)
        request.node.funcargs[f"cluster{len(made)}"] = cluster
        return cluster

    try:
        yield make
        for cluster in made:
            cluster.stop()
    finally:
        for cluster in made:
            cluster.end()
    for cluster in made:
        shutil.rmtree(cluster.directory)


@pytest.fixture
def cluster(make_cluster):
    """A running cluster of two storage-servers for one test alone."""
    return make_cluster().start()


@pytest.fixture(scope="module")
def mount_a(shared):
    return shared.mounts.get("a") or shared.mount("a")


@pytest.fixture(scope="module")
def mount_b(shared):
    """A second mount of the same cluster. Attributes and names may be up to 1 s old there."""
    return shared.mounts.get("b") or shared.mount("b")


@pytest.fixture
def home(mount_a, request):
    """An empty directory on the first mount."""
    path = mount_a / request.node.name.replace("/", "_")
    path.mkdir()
    return path


@pytest.fixture
def seed():
    """Of random numbers; it is printed where the test fails. WEFT_SEED repeats a run."""
    number = int(os.environ.get("WEFT_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"WEFT_SEED={number}")
    return number


@pytest.fixture
def rng(seed):
    return random.Random(seed)
