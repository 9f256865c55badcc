"""One run of the suite: starts the places, does everything in them, ends them."""
import random
import signal
import subprocess
import threading
import time

import cluster  # forks its launcher, before there are mounts

from . import catalogue, fsx, places, runner, selfcheck, state_machine, stressors

# What the bounded run does of what is random.
FSX_RUNS, FSX_CALLS = 3, 400
MACHINE_EXAMPLES = 25
STRESSORS, STRESS_SECONDS = 8, 1
# One round of --long.
LONG_FSX_CALLS, LONG_EXAMPLES, LONG_STRESS_SECONDS = 3000, 60, 15

# Beyond this the run hangs: its daemons and mounts are killed, which ends every call that it waits in.
HANG_SECONDS = 1500

_FAILURES = (AssertionError, OSError, subprocess.SubprocessError, fsx.Mismatch)


class _Session:
    """Processes first, mounts later: children inherit what is open."""
    def __init__(self, results, scratch, seed, only, directory):
        self._results, self._only = results, only
        self._random = random.Random(seed)
        self._actors = runner.Runner()
        self._world = state_machine.World()
        if directory:
            self._places = [places.DirectoryPlace(directory, scratch)]
            self._weft = self._ext4 = None
        else:
            self._ext4, self._weft = places.Ext4Place(scratch), places.WeftPlace(scratch)
            self._places = [self._ext4, self._weft]

    def start(self):
        for place in self._places:
            place.start()

    def stop(self):
        """In order; a part that ends badly, or has logged an alarm, is a result."""
        self._end_processes()
        for place in self._places:
            self._check(place.name, "place", "ends well", place.stop)

    def end(self):
        """At once, whatever the state."""
        self._end_processes()
        for place in self._places:
            place.end()

    def _end_processes(self):
        self._actors.end()
        self._world.end()

    def _check(self, place, group, name, call):
        try:
            problem = call()
        except _FAILURES as error:
            problem = str(error)
        self._results.add(place, group, name, [problem] if problem else [])

    def _wanted(self, group, name=""):
        return self._only in f"{group}: {name}"

    def cases(self, with_long):
        found = catalogue.load(self._only, with_long)
        for place in self._places:
            declined = self._actors.declined
            for group, case in found:
                self._results.add(place.name, group, case.name, self._actors.run(case, place))
            self._results.decline(place.name, self._actors.declined - declined)

    def selfcheck(self):
        if self._wanted("selfcheck"):
            place = self._places[0]
            missed = selfcheck.failing_to_notice(self._actors, place)
            self._results.add(place.name, "selfcheck", "wrong cases fail",
                              [f"passes: {name}" for name in missed])

    def fsx(self, calls):
        """With one mount everywhere, and with two on WeftFS."""
        for place in self._places:
            views = {"one mount": [place.plain]}
            if place.near != place.far:
                views["two mounts in turns"] = [place.near, place.far]
            for name, roots in views.items():
                seed = self._random.randrange(1 << 32)
                if self._wanted("fsx", name):
                    run = fsx.Fsx([root / "fsx" for root in roots], seed)
                    self._check(place.name,
                                "fsx",
                                f"{name}, seed {seed}",
                                lambda run=run: run.run(calls))

    def machine(self, examples, shrink):
        if self._weft is None or not self._wanted("machine"):
            return
        seed = self._random.randrange(1 << 32)
        self._world.at(self._weft, self._ext4)
        self._check("weftfs", "machine", f"seed {seed}",
                    lambda: state_machine.run(self._world, seed, examples, shrink))

    def stress(self, names, seconds):
        if self._weft is None:
            return
        directory = self._weft.plain / "stress"
        directory.mkdir(exist_ok=True)
        for name in names:
            seed = self._random.randrange(1 << 32)
            if self._wanted("stress", name):
                self._check(
                    "weftfs",
                    "stress",
                    f"{name}, seed {seed}",
                    lambda name=name, seed=seed: stressors.run(name, directory, seconds, seed))

    def some_stressors(self, count):
        return self._random.sample(stressors.NAMES, count)


def _end_hanging_run():
    print("FAIL the run hangs: killing its daemons", flush=True)
    for program in list(cluster.Program.running):
        program.signal(signal.SIGKILL)


def run(results, scratch, seed, only, directory, long_seconds):
    """`long_seconds`: 0 for the bounded run."""
    end = time.monotonic() + long_seconds
    watchdog = threading.Timer(long_seconds + HANG_SECONDS, _end_hanging_run)
    watchdog.daemon = True
    watchdog.start()
    session = _Session(results, scratch, seed, only, directory)
    try:
        session.start()
        session.selfcheck()
        session.cases(with_long=long_seconds > 0)
        for _ in range(FSX_RUNS):
            session.fsx(FSX_CALLS)
        session.machine(MACHINE_EXAMPLES, shrink=long_seconds > 0)
        session.stress(session.some_stressors(STRESSORS), STRESS_SECONDS)
        while time.monotonic() < end:
            session.fsx(LONG_FSX_CALLS)
            session.machine(LONG_EXAMPLES, shrink=True)
            session.stress(session.some_stressors(STRESSORS), LONG_STRESS_SECONDS)
        session.stop()
    finally:
        watchdog.cancel()
        session.end()
