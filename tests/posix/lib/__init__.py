"""The library of the POSIX conformance suite: cases as data, actors that run them, places to run them in."""
