"""A WeftFS cluster of real daemons and real mounts in a directory of its own.

Ports are free ones and stay the same over restarts. Everything that is started here ends with this
process, however that ends (see launcher.py). Every wait polls against a generous deadline.
"""
import contextlib
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import time

import launcher

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEFT_BUILD", ROOT / "build" / "release")).resolve()
BIN = BUILD / "bin"
SANITIZED = BUILD.name in ("asan", "tsan")
# Seconds after which something that should have happened counts as never happening.
DEADLINE = 240 if SANITIZED else 90

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
INLINE_MAX, BLOCK, CHUNK = 16 * KIB, 4 * KIB, MIB

# What a daemon's log must never contain.
ALARMS = re.compile(
    r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:"
    r"|FATAL: ThreadSanitizer|terminate called|Assertion .* failed|\[critical\]")


def wait_for(condition, what, deadline=DEADLINE, pause=0.05):
    """The first true value of condition(); AssertionError naming `what` after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {deadline} s: {what}"
        time.sleep(pause)


class Port:
    """A port of 127.0.0.1 that nobody else gets while this lives.

    The socket is bound and never listens: with SO_REUSEADDR on both sides a daemon can still listen
    on the port. Taken from below the kernel's ephemeral range, so that no outgoing connection has it.
    """

    def __init__(self):
        for _ in range(1000):
            try:
                self.take(random.SystemRandom().randrange(11000, 32000))
                return
            except OSError:
                continue
        raise AssertionError("no free port")

    def take(self, number):
        """OSError where somebody has that port."""
        self.number = number
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", number))  # without SO_REUSEADDR: fails where it is bound at all
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", number))

    @property
    def address(self):
        return f"127.0.0.1:{self.number}"

    def release(self):
        self._socket.close()


def environment(**more):
    """Ours, without settings that our programs would read as options, plus `more`."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("WEFT_")}
    supp = ROOT / "tests" / "tsan.supp"
    env.setdefault("TSAN_OPTIONS", f"ignore_noninstrumented_modules=1 suppressions={supp}")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    env.update(more)
    return env


def run(*command, check=True, timeout=DEADLINE, **options):
    """Runs a command to its end; both outputs are in its result. AssertionError where it fails."""
    options.setdefault("env", environment())
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, timeout=timeout, **options)
    if check:
        assert result.returncode == 0, (
            f"{command} exited with {result.returncode}\n{result.stdout}\n{result.stderr}")
    return result


class Program:
    """One program that can be started again and again with the same arguments."""

    running = set()  # of all clusters: what the watchdog ends

    def __init__(self, name, command, directory):
        self.name = name
        self.command = [str(word) for word in command]
        self.log = directory / f"{name}.log"     # stderr of all its lives
        self.output = directory / f"{name}.out"  # stdout of the current one
        self.process = None

    def start(self):
        assert self.process is None, f"{self.name} runs already"
        self.process = launcher.Process(self.command, self.log, self.output, environment())
        Program.running.add(self)
        return self

    def wait_listening(self):
        wait_for(lambda: "listening " in self.output.read_text() or self.has_ended(),
                 f"{self.name} listens")
        assert not self.has_ended(), f"{self.name} ended at its start:\n{self.log_text()[-3000:]}"
        return self

    def has_ended(self):
        return self.process.poll() is not None

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def signal(self, number):
        self.process.send_signal(number)

    @contextlib.contextmanager
    def hanging(self):
        """SIGSTOP for as long as the context lasts: its connections stay open and nobody answers."""
        self.signal(signal.SIGSTOP)
        try:
            wait_for(self._is_stopped, f"{self.name} stops")
            yield
        finally:
            self.signal(signal.SIGCONT)

    def _is_stopped(self):
        """Whether all threads are: on a busy machine some run on for a moment."""
        stats = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats)

    def kill(self):
        """kill -9, and waits until it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self._forget()

    def stop(self):
        """SIGTERM; it must end by itself, and well."""
        self.process.send_signal(signal.SIGTERM)
        code = self._forget()
        assert code == 0, f"{self.name} exited with {code}:\n{self.log_text()[-3000:]}"

    def wait_end(self):
        """Waits until it ends by itself; its exit code."""
        return self._forget()

    def _forget(self):
        code = self.process.wait(DEADLINE)
        self.process = None
        Program.running.discard(self)
        return code


def is_mounted(path):
    """In the kernel's table, whether or not somebody serves it."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return any(line.split()[4] == str(path) for line in table)


class Mount:
    """A mount of a cluster, served by `weft mount -f`."""

    def __init__(self, cluster, name, options=()):
        self.cluster = cluster
        self.path = cluster.directory / f"mnt-{name}"
        self.path.mkdir()
        self.program = Program(
            f"mount-{name}", [BIN / "weft", "mount", cluster.server, self.path, "-f", *options],
            cluster.directory)

    def start(self):
        self.program.start()
        wait_for(lambda: is_mounted(self.path) or self.program.has_ended(), f"{self.path} mounted")
        assert not self.program.has_ended(), self.program.log_text()[-3000:]
        return self

    def __truediv__(self, name):
        return self.path / name

    def unmount(self):
        run(BIN / "weft", "unmount", self.path)
        wait_for(lambda: not is_mounted(self.path), f"{self.path} unmounted")
        code = self.program.wait_end()
        assert code == 0, f"weft mount exited with {code}:\n{self.program.log_text()[-3000:]}"

    def remount(self):
        """Unmounts and mounts: whatever is read next comes from the servers."""
        self.unmount()
        self.start()

    def kill(self):
        """kill -9 of the client; the dead mount is taken away."""
        self.program.kill()
        self.detach()

    def detach(self):
        if is_mounted(self.path):
            subprocess.run(["umount", "--lazy", str(self.path)], check=False)
        wait_for(lambda: not is_mounted(self.path), f"{self.path} detached")

    @property
    def running(self):
        return self.program.process is not None


class Cluster:
    """One metadata-server, storage-servers by name, mounts by name."""

    def __init__(self, directory, nodes=2, capacity="4GiB", metadata_options=()):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._ports = [Port(), Port()]
        self.server = self._ports[0].address
        self.metadata = Program(
            "metadata",
            [BIN / "weft-metadata", "--data", self.directory / "metadata-data", "--listen",
             self.server, "--control-listen", self._ports[1].address, *metadata_options],
            self.directory)
        self.storage = {}
        self.mounts = {}
        self._nodes, self._capacity = nodes, capacity

    def start(self):
        self.metadata.start().wait_listening()
        for number in range(1, self._nodes + 1):
            self.add_storage(f"s{number}")
        return self

    def make_storage(self, name, data=None, capacity=None, options=()):
        """A storage-server, not started."""
        port = Port()
        self._ports.append(port)
        data = data or [self.directory / f"{name}-data"]
        program = Program(
            name,
            [BIN / "weft-storage", "--name", name,
             *(word for path in data for word in ("--data", path)), "--metadata", self.server,
             "--listen", port.address, "--capacity", capacity or self._capacity, *options],
            self.directory)
        program.address = port.address
        return program

    def add_storage(self, name, **options):
        """A new storage-server that serves."""
        self.storage[name] = self.make_storage(name, **options).start().wait_listening()
        self.add_node(name)
        return self.storage[name]

    def add_node(self, name):
        """`weft node add`, as soon as the node has registered, and waits until it is online."""
        wait_for(lambda: self.weft("node", "add", name, "--server", self.server,
                                   check=False).returncode == 0, f"{name} added")
        wait_for(lambda: self.node(name).get("state") == "online", f"{name} online")

    def node(self, name):
        """What `weft node list` says of a node; empty where it does not know it."""
        result = self.weft("node", "list", "--server", self.server, "--json", check=False)
        if result.returncode != 0:
            return {}
        nodes = json.loads(result.stdout)["nodes"]
        return next((node for node in nodes if node["name"] == name), {})

    def mount(self, name="a", *options):
        self.mounts[name] = Mount(self, name, options).start()
        return self.mounts[name]

    def weft(self, *arguments, **options):
        return run(BIN / "weft", *arguments, **options)

    def info(self, path, *options):
        return json.loads(self.weft("info", path, "--json", *options).stdout)

    @property
    def daemons(self):
        return [self.metadata, *self.storage.values()]

    def restart(self, daemon):
        """kill -9 and a new start at the same address."""
        daemon.kill()
        daemon.start().wait_listening()

    def stop(self):
        """Ends everything in order; every part must end well and have logged no alarm."""
        try:
            for mount in self.mounts.values():
                if mount.running:
                    mount.unmount()
            for daemon in [*self.storage.values(), self.metadata]:
                if daemon.process is not None:
                    daemon.stop()
        finally:
            self.end()
        self.check_logs()

    def end(self):
        """Ends everything at once, whatever its state."""
        for mount in self.mounts.values():
            if mount.running:
                mount.program.kill()
            mount.detach()
        for daemon in self.daemons:
            if daemon.process is not None:
                daemon.kill()
        for port in self._ports:
            port.release()
        self._ports = []

    def check_logs(self):
        for log in sorted(self.directory.glob("*.log")):
            for line in log.read_text(errors="replace").splitlines():
                assert not ALARMS.search(line), f"{log.name}: {line}"

    def log_tails(self, lines=40):
        """The ends of all logs, for the report of a failed test."""
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
            for log in sorted(self.directory.glob("*.log")))
