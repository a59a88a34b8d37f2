"""Runs a command for as long as somebody holds our standard input, then ends it with all its children.

A server started this way dies with the test run, however that ends: the pipe closes when pytest is killed, too.
Whoever writes to it has them killed at once, as by a kernel that is out of memory. `--grace SECONDS` before the command
is how long it has to end politely.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE = 10.0  # seconds from the polite signal to the other one, unless told


def main(command: list[str]) -> int:
    """Returns the command's exit status."""
    grace = GRACE
    if command[0] == "--grace":
        grace, command = float(command[1]), command[2:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is pytest's; it closes the pipe
    for number in (signal.SIGTERM, signal.SIGHUP):  # those of its group, too; a handler is not handed on to the command
        signal.signal(number, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_when_let_go, args=(child, grace), daemon=True).start()
    status = child.wait()
    _signal(child, signal.SIGKILL)  # what the command left behind in its group
    return status


def _end_when_let_go(child: subprocess.Popen[bytes], grace: float) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock, held here, would stop the interpreter from ending
        _signal(child, signal.SIGKILL)
    _signal(child, signal.SIGTERM)
    try:
        child.wait(grace)
    except subprocess.TimeoutExpired:
        _signal(child, signal.SIGKILL)


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
