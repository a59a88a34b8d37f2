"""Commands on a pseudo-terminal, as a person runs them."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 60  # a busy machine


class Terminal:
    """A program on a pseudo-terminal. What it prints is in `seen`."""

    def __init__(self, *arguments: str) -> None:
        self._mine, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONWARNINGS": "error"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from ragstone.cli import main; main()", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
        )
        os.close(theirs)
        self.seen = ""
        self._at = 0  # what was waited for before ends here

    def until(self, text: str) -> None:
        """Reads until this was printed, after what was waited for before."""
        while (found := self.seen.find(text, self._at)) < 0:
            assert self._read(), f"{text!r} never came:\n{self.seen}"
        self._at = found + len(text)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._mine], [], [], SECONDS)
        try:
            found = os.read(self._mine, 65536) if ready else b""
        except OSError:  # the other end was closed
            return False
        self.seen += found.decode(errors="replace").replace("\r\n", "\n")
        return bool(found)

    def type(self, line: str) -> None:
        os.write(self._mine, f"{line}\n".encode())

    def answer(self, mark: str, line: str) -> None:
        """Waits for a question and answers it."""
        self.until(mark)
        self.until("› ")
        self.type(line)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        while self._read():
            pass
        return self.process.wait(timeout=SECONDS)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._mine)


@contextmanager
def terminal(*arguments: str) -> Iterator[Terminal]:
    made = Terminal(*arguments)
    try:
        yield made
    finally:
        made.close()
