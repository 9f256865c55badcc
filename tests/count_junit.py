"""Prints "PASSED FAILED" of a JUnit file. A file without tests, or that cannot be read, counts as a failure."""
import sys
import xml.etree.ElementTree as ElementTree


def main() -> int:
    root = ElementTree.parse(sys.argv[1]).getroot()
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    tests = sum(int(suite.get("tests", 0)) for suite in suites)
    failed = sum(int(suite.get("failures", 0)) + int(suite.get("errors", 0)) for suite in suites)
    skipped = sum(int(suite.get("skipped", suite.get("disabled", 0)) or 0) for suite in suites)
    # A skipped test has shown nothing: it counts as failed.
    failed += skipped
    if tests == 0:
        failed = 1
    print(max(tests - failed, 0), failed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
