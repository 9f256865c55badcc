"""Random calls, each on one of two WeftFS mounts and on ext4, which must agree about everything.

Hypothesis draws the calls, and finds the shortest sequence that shows a difference. After each call the
result or errno is compared, and then the whole tree: as ext4 has it, as the mount that made the call sees it,
and as the other one does. Whose mtime and ctime a call changed is compared, too.

The comparison is exact although the mounts are not coherent at all times, because
- both are mounted without the kernel's caches of names and attributes (attr_timeout=0, entry_timeout=0), so
  that each stat asks the server, and
- each call closes what it has opened, before the other mount opens it: close-to-open is all that is needed.
"""
import contextlib
import errno
import io
import itertools
import os
import pathlib
import time

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from .actors import Actor
from .model import ALICE, BOB, KIB, MIB, STAFF, file, folder, symlink
from .runner import TICK_SECONDS, remove_tree
from .syscalls import (FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE, RENAME_EXCHANGE,
                       RENAME_NOREPLACE, UTIME_NOW, UTIME_OMIT)
from .whole_calls import WholeCalls

WHO = ("root", "alice", "bob")
PATHS = ["a", "b", "c", "d", "d/a", "d/b", "d/e", "d/e/a", "d/e/f", "x", "x/a", "x/y", "x/y/a"]
SIZES = [0, 1, 100, 4096, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 70_000, MIB, MIB + 1, 2 * MIB + 77]
MODES = [0o000, 0o400, 0o600, 0o644, 0o666, 0o700, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o6777]
IDS = [-1, 0, ALICE, BOB, STAFF]
TIMES = [(5, 6), (1_700_000_000, 999_999_999), (0, UTIME_NOW), (0, UTIME_OMIT)]

path, size, mode = st.sampled_from(PATHS), st.sampled_from(SIZES), st.sampled_from(MODES)
owner, moment, who = st.sampled_from(IDS), st.sampled_from(TIMES), st.sampled_from(WHO)
side = st.sampled_from(["near", "far"])
fill = st.sampled_from([b"p", b"q", b"r"])
name = st.sampled_from(["user.a", "user.b"])


class World:
    """Two mounts and an ext4 directory, and for each a process of each user. Make it before there are mounts."""
    def __init__(self):
        self._actors = {(place, user): Actor(user, WholeCalls)
                        for place in ("near", "far", "ext4") for user in WHO}
        self._bases, self._numbers = {}, itertools.count(1)

    def at(self, weft, ext4):
        """The places to work in, which have started."""
        self._bases = {"near": weft.near, "far": weft.far, "ext4": ext4.plain}

    def fresh(self):
        """A new directory in all of them; its name."""
        directory = f"machine{next(self._numbers)}"
        for place in ("near", "ext4"):
            (self._bases[place] / directory).mkdir()
            (self._bases[place] / directory).chmod(0o777)
        for (place, _), actor in self._actors.items():
            actor.ask("begin", str(self._bases[place] / directory))
        return directory

    def remove(self, directory):
        for actor in self._actors.values():
            actor.rest()
        for place in ("near", "ext4"):
            remove_tree(pathlib.Path(self._bases[place]) / directory)

    def call(self, place, user, operation, *arguments):
        return self._actors[place, user].call(operation, *arguments)

    def populate(self, place):
        """What the calls find: without it they would mostly find nothing."""
        things = [
            folder("d", 0o777),
            folder("d/e", 0o755, ALICE),
            folder("x", 0o1777),
            folder("x/y", 0o2777, ALICE, STAFF),
            file("a", 0o644, data=b"a" * 10),
            file("b", 0o4777, BOB, data=b"b" * 20_000),
            symlink("c", "d"),
            file("d/a", 0o666, ALICE, STAFF, data=b"d" * (MIB + 5)),
            file("x/a", 0o600, BOB, data=b"x" * 5000)
        ]
        root = self._actors[place, "root"]
        root.ask("make", things)
        root.ask("link", "d/a", "d/b")

    def tree(self, place):
        return self._actors[place, "root"].ask("tree")

    def end(self):
        while self._actors:
            self._actors.popitem()[1].end()


def difference(seen, expected):
    """The first path about which two trees do not agree, and how."""
    for at in sorted(seen.keys() | expected.keys()):
        ours, theirs = seen.get(at), expected.get(at)
        if ours is None or theirs is None:
            return f"{at} is {'missing' if ours is None else 'there'}"
        for name in theirs:
            if ours.get(name) != theirs[name]:
                return f"{at}: {name} is {ours.get(name)!r:.80} instead of {theirs[name]!r:.80}"
    return "nothing"


def _shown(result):
    return errno.errorcode.get(result[1], result[1]) if result[0] == "errno" else result[1]


def machine_of(world):
    """The state machine's class, for Hypothesis."""
    class Machine(RuleBasedStateMachine):
        @initialize()
        def start(self):
            self.directory = world.fresh()
            self.values = 0
            for place in ("near", "ext4"):
                world.populate(place)
            self.times = {place: world.tree(place)[1] for place in ("near", "ext4")}

        def teardown(self):
            if hasattr(self, "directory"):
                world.remove(self.directory)

        def do(self, at, user, operation, *arguments):
            time.sleep(TICK_SECONDS)
            ours = world.call(at, user, operation, *arguments)
            theirs = world.call("ext4", user, operation, *arguments)
            assert ours == theirs, f"{operation}: {_shown(ours)} on WeftFS, {_shown(theirs)} on ext4"
            other = "far" if at == "near" else "near"
            expected, times = world.tree("ext4")
            for place in (at, other):
                seen, our_times = world.tree(place)
                assert seen == expected, f"after {operation}, {place}: {difference(seen, expected)}"
                changed = self.changed("near", our_times), self.changed("ext4", times)
                assert changed[0] == changed[
                    1], f"after {operation}, {place}: times changed {changed[0]}, on ext4 {changed[1]}"
            self.times = {"near": our_times, "ext4": times}

        def changed(self, place, times):
            """Which of mtime and ctime are not as after the last call, of what was there then and still is."""
            before = self.times[place]
            same = [at for at in before.keys() & times.keys() if before[at][0] == times[at][0]]
            return {
                at: tuple(old != new for old, new in zip(before[at][1:], times[at][1:]))
                for at in same if before[at] != times[at]
            }

        @rule(at=side, user=who, path=path, mode=mode)
        def create(self, at, user, path, mode):
            self.do(at, user, "make_file", path, mode, 0)

        @rule(at=side, user=who, path=path, mode=mode)
        def create_exclusively(self, at, user, path, mode):
            self.do(at, user, "make_file", path, mode, os.O_EXCL)

        @rule(at=side, user=who, path=path)
        def truncate_by_open(self, at, user, path):
            self.do(at, user, "make_file", path, 0o644, os.O_TRUNC)

        @rule(at=side, user=who, path=path, mode=mode)
        def mkdir(self, at, user, path, mode):
            self.do(at, user, "mkdir", path, mode)

        @rule(at=side, path=st.sampled_from(["d", "d/e", "x", "x/y"]))
        def mkdir_open_to_all(self, at, path):
            self.do(at, "root", "mkdir", path, 0o777)

        @rule(at=side, user=who, path=path)
        def rmdir(self, at, user, path):
            self.do(at, user, "rmdir", path)

        @rule(at=side, user=who, path=path)
        def unlink(self, at, user, path):
            self.do(at, user, "unlink", path)

        @rule(at=side, user=who, old=path, new=path)
        def link(self, at, user, old, new):
            self.do(at, user, "link", old, new)

        @rule(at=side, user=who, leads_to=path, path=path)
        def symlink(self, at, user, leads_to, path):
            self.do(at, user, "symlink", leads_to, path)

        @rule(at=side, user=who, path=path, mode=mode)
        def mkfifo(self, at, user, path, mode):
            self.do(at, user, "mkfifo", path, mode)

        @rule(at=side,
              user=who,
              old=path,
              new=path,
              flags=st.sampled_from([0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE]))
        def rename(self, at, user, old, new, flags):
            self.do(at, user, "renameat2", old, new, flags)

        @rule(at=side, user=who, path=path, mode=mode)
        def chmod(self, at, user, path, mode):
            self.do(at, user, "chmod", path, mode)

        @rule(at=side, user=who, path=path, uid=owner, gid=owner)
        def chown(self, at, user, path, uid, gid):
            self.do(at, user, "lchown", path, uid, gid)

        @rule(at=side, user=who, path=path, atime=moment, mtime=moment)
        def utimens(self, at, user, path, atime, mtime):
            self.do(at, user, "utimensat", path, atime, mtime)

        @rule(at=side, user=who, path=path, fill=fill, count=size, offset=size)
        def write(self, at, user, path, fill, count, offset):
            self.do(at, user, "write_at", path, fill * count, offset)

        @rule(at=side, user=who, path=path, fill=fill, count=size)
        def append(self, at, user, path, fill, count):
            self.do(at, user, "append", path, fill * count)

        @rule(at=side, user=who, path=path, size=size)
        def truncate(self, at, user, path, size):
            self.do(at, user, "truncate", path, size)

        @rule(at=side,
              user=who,
              path=path,
              offset=size,
              length=size,
              mode=st.sampled_from([
                  0, FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, FALLOC_ZERO_RANGE,
                  FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE
              ]))
        def fallocate(self, at, user, path, offset, length, mode):
            self.do(at, user, "allocate_in", path, mode, offset, length)

        @rule(at=side,
              user=who,
              source=path,
              destination=path,
              count=size,
              read_at=size,
              write_at=size)
        def copy_range(self, at, user, source, destination, count, read_at, write_at):
            self.do(at, user, "copy_between", source, destination, count, read_at, write_at)

        @rule(at=side,
              user=who,
              path=path,
              name=name,
              length=st.sampled_from([0, 10, 300]))
        def setxattr(self, at, user, path, name, length):
            # Never the same value again: ext4 alone then leaves ctime as it is.
            self.values += 1
            self.do(at, user, "setxattr", path, name, b"v" * length + b"%d" % self.values)

        @rule(at=side, user=who, path=path, name=name)
        def removexattr(self, at, user, path, name):
            self.do(at, user, "removexattr", path, name)

        @rule(at=side, user=who, path=path)
        def listdir(self, at, user, path):
            self.do(at, user, "listdir", path)

        @rule(at=side, user=who, path=path, wanted=st.integers(0, 7))
        def access(self, at, user, path, wanted):
            self.do(at, user, "access", path, wanted)

    return Machine


def run(world, seed_number, examples, shrink, steps=25):
    """What is wrong, with the calls that show it; None where all agrees. Shrinking them may take minutes."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate, )
    machine = seed(seed_number)(machine_of(world))
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            run_state_machine_as_test(machine,
                                      settings=settings(max_examples=examples,
                                                        stateful_step_count=steps,
                                                        deadline=None,
                                                        database=None,
                                                        phases=phases,
                                                        report_multiple_bugs=False,
                                                        suppress_health_check=list(HealthCheck)))
    except Exception as error:  # an assertion, or what Hypothesis makes of several
        notes = "\n".join(getattr(error, "__notes__", ()))
        return f"state machine, seed {seed_number}: {error}\n{output.getvalue()[-4000:]}{notes}"
    return None
