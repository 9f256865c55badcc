"""Runs cases in one place and says what was not as expected."""
import errno
import os
import time

from . import actors
from .model import ACTORS

# Two changes with this between them get different times, with any clock that a kernel uses for files.
TICK_SECONDS = 0.012


class _Declined(Exception):
    """The place lacks what an optional case is about."""


class Runner:
    """The actors, who work in one place. Make it before the place has mounts: children inherit open files."""
    def __init__(self):
        self._actors = {name: actors.Actor(name) for name in ACTORS}
        self._root = self._actors["root"]
        self._number = 0
        self.declined = 0  # cases that ended because the place lacks an optional call

    def run(self, case, place):
        """The reasons why the case fails; [] where it passes."""
        self._number += 1
        name = f"c{self._number}"
        used = {"root", *(step.actor for step in case.steps)}
        one_view = not any(ACTORS[each].view for each in used)
        near = place.plain if one_view else place.near
        os.mkdir(near / name)
        os.chmod(near / name, 0o777)
        try:
            for each in used:
                actor = self._actors[each]
                actor.directory = str(
                    (getattr(place, actor.identity.view) if actor.identity.view else near) / name)
                actor.ask("begin", actor.directory)
            return self._verdict(case)
        except actors.Died as error:
            return [str(error)]
        finally:
            for each in used:
                self._actors[each].rest()
            remove_tree(near / name)

    def end(self):
        """May be called again."""
        while self._actors:
            self._actors.popitem()[1].end()

    def _verdict(self, case):
        self._root.ask("make", case.setup)
        timed = {path for path, _ in (*case.changes, *case.keeps)}
        before = self._root.ask("look", sorted(timed))
        everything = self._root.ask("snapshot") if case.only_fails else None
        if case.changes:
            time.sleep(TICK_SECONDS)
        try:
            problems = self._take_steps(case)
        except _Declined:
            return []
        if problems:
            return problems
        if everything is not None:
            problems += _differences(everything, self._root.ask("snapshot"))
        after = self._root.ask("look", sorted(timed | set(case.after)))
        problems += _time_problems(case, before, after)
        for path, expected in case.after.items():
            problems += self._attribute_problems(path, expected, after[path])
        return problems

    def _take_steps(self, case):
        for step in case.steps:
            problem = self._take(step, case.optional)
            if problem:
                return [problem]
        return []

    def _take(self, step, optional):
        actor = self._actors[step.actor]
        if step.operation == "blocked":
            return None if actor.is_blocked() else f"{step.actor} is not blocked: {actor.finish()}"
        if step.operation == "finish":
            return step.judge(actor.finish())
        if step.operation == "die":
            actor.die()
            actor.ask("begin", actor.directory)
            return None
        actor.start(step.operation, step.arguments)
        if step.background:
            return None if actor.is_blocked() else f"{step} does not wait: {actor.finish()}"
        result = actor.finish()
        if optional and result == ("errno", errno.EOPNOTSUPP):
            self.declined += 1
            raise _Declined
        return step.judge(result)

    def _attribute_problems(self, path, expected, found):
        if expected is None or found is None:
            wrong = (expected is None) != (found is None)
            return [f"{path} is {'not ' if found is None else ''}there afterwards"] if wrong else []
        problems = []
        for name, value in expected.items():
            got = found[name] if name in found else self._root.ask("see", path, name)
            if got != value:
                problems.append(
                    f"{path}: {name} is {_shown(name, got)} instead of {_shown(name, value)}")
        return problems


def _shown(name, value):
    return f"{value:o}" if name == "mode" else f"{value!r:.80}"


def _time_problems(case, before, after):
    problems = []
    for path, name in case.changes:
        old, new = before[path] and before[path][name], after[path] and after[path][name]
        if old is None or new is None or new <= old:
            problems.append(f"{path}: {name} is not newer than before ({old}, {new})")
    for path, name in case.keeps:
        old, new = before[path] and before[path][name], after[path] and after[path][name]
        if old is None or new != old:
            problems.append(f"{path}: {name} has changed ({old}, {new})")
    return problems


def _differences(before, after):
    """What a call that failed has changed all the same."""
    if before == after:
        return []
    paths = sorted(path for path in before.keys() | after.keys()
                   if before.get(path) != after.get(path))
    return [f"the failed call changed {', '.join(paths)[:200]}"]


def remove_tree(path):
    """As root, whatever the modes; nothing else works here any more."""
    for folder, folders, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
        for name in folders:
            at = os.path.join(folder, name)
            os.unlink(at) if os.path.islink(at) else os.rmdir(at)
    os.rmdir(path)
