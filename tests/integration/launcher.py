"""Starts programs from a process that has no files of a mount open.

A child that Python forks inherits its open files and closes them again, and each such close of a file on a
mount is a flush: it waits for the servers. A daemon that is started while they are away would so wait for
itself. The launcher is forked off when this module is imported, before any mount exists.

What it starts ends with it, and it ends with the process that imported this.
"""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class _Launcher:
    """The process itself: answers one request, a line of JSON, after the other."""

    def __init__(self):
        self._processes = {}

    def start(self, command, log, output, environment):
        with open(log, "ab") as log_file, open(output, "wb") as output_file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output_file, stderr=log_file,
                env=environment, cwd=os.path.dirname(log), preexec_fn=_die_with_parent)
        self._processes[process.pid] = process
        return process.pid

    def poll(self, pid):
        return self._processes[pid].poll()

    def serve(self, requests, answers):
        for line in requests:
            name, arguments = json.loads(line)
            try:
                answer = [getattr(self, name)(*arguments), None]
            except OSError as error:
                answer = [None, str(error)]
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def _fork_launcher():
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _die_with_parent()
        # Ctrl-C is for the tests, which then stop in order what they have started.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            _Launcher().serve(theirs.makefile("r"), theirs.makefile("w"))
        finally:
            os._exit(0)
    theirs.close()
    return ours.makefile("r"), ours.makefile("w")


sys.stdout.flush()
sys.stderr.flush()
_answers, _requests = _fork_launcher()
_lock = threading.Lock()


def _ask(name, *arguments):
    with _lock:
        _requests.write(json.dumps([name, arguments]) + "\n")
        _requests.flush()
        value, error = json.loads(_answers.readline())
    if error is not None:
        raise OSError(error)
    return value


class Process:
    """A program that the launcher has started."""

    def __init__(self, command, log, output, environment):
        """stderr is appended to `log`, stdout replaces `output`."""
        self._code = None
        self.pid = _ask("start", command, str(log), str(output), environment)

    def poll(self):
        """The exit code (minus the signal's number), or None while it runs."""
        if self._code is None:
            self._code = _ask("poll", self.pid)
        return self._code

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while self.poll() is None:
            assert time.monotonic() < end, f"process {self.pid} does not end within {seconds} s"
            time.sleep(0.02)
        return self._code

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)
