"""Results, their counts, and the JUnit file that tests/run counts."""
import dataclasses
import pathlib
import time
import xml.etree.ElementTree as ElementTree

from . import deviations


@dataclasses.dataclass(frozen=True)
class Result:
    place: str
    group: str
    name: str
    problems: list


class Report:
    """Collects results and prints those that are bad at once."""
    def __init__(self, verbose=False):
        self.results = []
        self._verbose = verbose
        self._started = time.monotonic()
        self._declined = {}  # by place
        self._deviations = 0

    def add(self, place, group, name, problems):
        problems, reason = deviations.judge(place, group, name, list(problems))
        if reason is not None:
            self._deviations += 1
            if self._verbose:
                print(f"deviates {place} {group}: {name}: {reason}", flush=True)
            return
        self.results.append(Result(place, group, name, list(problems)))
        for problem in problems:
            print(f"FAIL {place} {group}: {name}: {problem}", flush=True)
        if self._verbose and not problems:
            print(f"pass {place} {group}: {name}", flush=True)

    def decline(self, place, count):
        """`count` of the cases that passed ended early: the place lacks an optional call, and said so."""
        self._declined[place] = count

    @property
    def failed(self):
        return sum(1 for result in self.results if result.problems)

    def print_counts(self):
        names = {(result.group, result.name) for result in self.results}
        print(
            f"posix: {len(names)} cases and random runs in {time.monotonic() - self._started:.0f} s"
        )
        for place in sorted({result.place for result in self.results}):
            here = [result for result in self.results if result.place == place]
            good = sum(1 for result in here if not result.problems)
            declined = self._declined.get(place)
            more = f", of which {declined} only decline what is optional" if declined else ""
            print(f"   {place}: {good} of {len(here)} pass{more}")
        if self._deviations:
            print(f"   besides, weftfs deviates in {self._deviations}, as lib/deviations.py and docs/posix.md say")

    def write_junit(self, path):
        suite = ElementTree.Element("testsuite",
                                    name="posix",
                                    tests=str(len(self.results)),
                                    failures=str(self.failed),
                                    errors="0",
                                    skipped="0")
        for result in self.results:
            case = ElementTree.SubElement(suite,
                                          "testcase",
                                          classname=f"posix.{result.place}.{result.group}",
                                          name=_printable(result.name))
            if result.problems:
                failure = ElementTree.SubElement(case,
                                                 "failure",
                                                 message=_printable(result.problems[0])[:200])
                failure.text = _printable("\n".join(result.problems))
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def _printable(text):
    """XML holds no control characters."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
