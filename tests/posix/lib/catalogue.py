"""Finds the cases: every file in cases/ has a function cases() that yields them."""
import importlib
import pathlib

_CASES = pathlib.Path(__file__).resolve().parents[1] / "cases"


def load(pattern="", with_long=False):
    """(group, case) in order of file; only those whose "group: name" contains `pattern`."""
    found = []
    for path in sorted(_CASES.glob("[a-z]*.py")):
        module = importlib.import_module(f"cases.{path.stem}")
        names = set()
        for case in module.cases():
            assert case.name not in names, f"{path.stem}: two cases are called {case.name!r}"
            names.add(case.name)
            if case.long and not with_long:
                continue
            if pattern in f"{path.stem}: {case.name}":
                found.append((path.stem, case))
    return found
