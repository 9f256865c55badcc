"""Daemons killed and stopped at random while files are made and changed on two mounts.

The seed repeats the choices of faults and of changes, not the timing. tests/faults/chaos runs this for as
long as one likes.
"""
import contextlib
import random
import shutil
import time

from writers import Changer, Writers

FAULTS_PER_ROUND = 8
MOST_SECONDS_AWAY = 4
# Longer than any sum of faults: no call may fail.
MOUNT_OPTIONS = ("-o", "io_timeout=10m")


class Chaos:
    """Rounds of faults on a running cluster, with a model of every byte that is written."""

    def __init__(self, cluster, seed):
        self._cluster, self._rng = cluster, random.Random(seed)
        self._mounts = [cluster.mount(name, *MOUNT_OPTIONS) for name in ("a", "b")]
        self._rounds = 0

    def round(self):
        """Faults while workers work; then each mount, new, reads what the other one wrote."""
        name = f"round-{self._rounds}"
        self._rounds += 1
        print(name, flush=True)
        homes = [mount / f"{name}-{mount.path.name}" for mount in self._mounts]
        workers = []  # of the first mount, then of the second
        with contextlib.ExitStack() as at_the_end:
            for home in homes:
                (home / "new").mkdir(parents=True)
                for worker in (Writers(home / "new", count=2),
                               Changer(home / "changed", random.Random(self._rng.random()))):
                    workers.append((home, worker))
                    at_the_end.callback(worker.stop)
            for _ in range(FAULTS_PER_ROUND):
                self._fault()
            for _, worker in workers:
                worker.wait_progress()
        for mount in self._mounts:
            mount.remount()
        for home, worker in workers:
            reader = self._mounts[1 if home == homes[0] else 0] / home.name
            worker.check(reader / "new" if isinstance(worker, Writers) else reader)
        print(f"  {sum(worker.done() for _, worker in workers)} files and changes are as written",
              flush=True)
        for home in homes:
            shutil.rmtree(home)

    def _fault(self):
        """Some daemons are killed, or hang, for a while."""
        daemons = self._cluster.daemons
        victims = self._rng.sample(daemons, self._rng.choice((1, 1, 1, 2, len(daemons))))
        away = self._rng.uniform(0, MOST_SECONDS_AWAY)
        kill = self._rng.random() < 0.7
        names = ", ".join(victim.name for victim in victims)
        print(f"  {names}: {'killed' if kill else 'stopped'} for {away:.1f} s", flush=True)
        if not kill:
            with contextlib.ExitStack() as hangs:
                for victim in victims:
                    hangs.enter_context(victim.hanging())
                time.sleep(away)
            return
        for victim in victims:
            victim.kill()
        time.sleep(away)
        for victim in victims:
            victim.start()
        for victim in victims:
            victim.wait_listening()
