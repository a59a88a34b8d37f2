"""Starts vLLM, waits until it answers, follows its log, and stops it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from ragstone.errors import MissingExtra, ModelUnavailable, UsageError
from ragstone.inference.serving.command import ENVIRONMENT

__all__ = ["LOOPBACK", "Line", "Server", "free", "python_with_vllm", "read_line", "started"]

LOOPBACK = "127.0.0.1"
LOOK = 0.5  # seconds between two looks at a server that loads its model
STOP = 30.0  # seconds that it may take to end
EXPLAINING = 3  # lines of an error: pydantic says on the second and third what is wrong
NOT_WHY = "Engine core initialization failed"  # of the process that has only heard of it
REMEMBERED = 400  # lines of its log that an error is looked for in
VARIABLE = "RAGSTONE_VLLM_PYTHON"
HAS_VLLM = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"

LOGGED = re.compile(
    r"(?:\([^)]*\) )?(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) [\d-]+ (?P<time>[\d:]+) \[[^]]*\] ?(?P<text>.*)"
)
PREFIX = re.compile(r"^\([^)]*pid=\d+\) ?")
RAISED = re.compile(r"^(?:[\w.]*\.)?\w*(?:Error|Exception|Interrupt): .+")
PLAN = "See what fits: ragstone model plan"
TROUBLE = (
    (r"out of memory", f"The memory of the GPU is used up. {PLAN}"),
    (r"No available memory for the cache|KV cache is needed, which is larger|larger than the maximum number of tokens",
     f"The weights leave too little for the KV cache. {PLAN}"),
    (r"Free memory on device", "Other programs use the GPU's memory: end them, or lower --utilization."),
    (r"address already in use", "Choose another --port."),
    (r"unrecognized arguments|invalid choice", "This vLLM knows other options: the command is for 0.33."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line of vLLM's log, without the names of its processes and files. `level` is empty for what is no log line."""

    text: str
    level: str = ""
    time: str = ""


Told: TypeAlias = Callable[[Line], None]


def read_line(raw: str) -> Line:
    """A line of the log as a person reads it.

    >>> read_line("(APIServer pid=7) INFO 11-21 12:00:01 [api_server.py:9] Ready").text
    'Ready'
    """
    if found := LOGGED.fullmatch(raw.rstrip()):
        return Line(found["text"], found["level"], found["time"])
    return Line(PREFIX.sub("", raw.rstrip()))


def python_with_vllm(given: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The Python that has vLLM: the one given, that of RAGSTONE_VLLM_PYTHON, or this one. Raises MissingExtra."""
    named = given or environment.get(VARIABLE)
    python = named or sys.executable
    try:
        done = subprocess.run([python, "-c", HAS_VLLM], capture_output=True, timeout=60, check=False)  # noqa: S603
    except OSError as error:
        raise UsageError(
            f"it cannot be run: {error.strerror}", where=python, hint="Name a Python that has vLLM."
        ) from None
    if done.returncode:
        raise MissingExtra(
            f"{python if named else 'this Python'} has no vLLM",
            hint=f"Run: pip install vllm==0.33.0   in an environment of its own, and name its Python: "
            f"--python DIR/bin/python, or {VARIABLE}",
        )
    return python


def free(port: int) -> None:
    """Raises UsageError when something listens on a port of this machine."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError as error:
        raise UsageError(
            f"cannot listen on {LOOPBACK}:{port}: {error.strerror}",
            hint="Is another model served there? Choose another --port.",
        ) from None


class Server:
    """A vLLM that runs. `wait` and `ready` raise ModelUnavailable, with the reason from its log, when it ends."""

    def __init__(self, process: subprocess.Popen[str], url: str, told: Told) -> None:
        self._process, self.url = process, url
        self._lines: deque[Line] = deque(maxlen=REMEMBERED)
        self._stopping = False
        self._reader = threading.Thread(target=self._read, args=(told,), daemon=True)
        self._reader.start()

    def ready(self, tick: Callable[[], None] = lambda: None) -> None:
        """Returns when it answers; `tick` is called at each look."""
        while not self._answers():
            tick()
            try:
                self._process.wait(LOOK)
            except subprocess.TimeoutExpired:
                continue
            raise self._ended()

    def wait(self) -> None:
        """Returns when it has ended by itself without a fault; usually, it is stopped before."""
        if self._process.wait():
            raise self._ended()

    def stop(self) -> None:
        """Ends it with all of its processes, after a while by force. What it says meanwhile is not told."""
        self._stopping = True
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, sign)
                self._process.wait(STOP)
                break
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._reader.join(STOP)

    def _read(self, told: Told) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = read_line(raw)
            if line.text.strip():
                self._lines.append(line)
                if not self._stopping:
                    told(line)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as response:  # noqa: S310
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _ended(self) -> ModelUnavailable:
        self._reader.join(STOP)
        status = self._process.returncode
        said = [line.text.strip() for line in self._lines]
        for pattern, hint in TROUBLE:
            if words := next((one for one in said if re.search(pattern, one, re.IGNORECASE)), None):
                return ModelUnavailable(f"vLLM ended ({status}): {words}", hint=hint)
        return ModelUnavailable(f"vLLM ended ({status}): {_reason(said)}")


def _reason(said: Sequence[str]) -> str:
    """The last error of a log with the lines that explain it; its last line where it has none."""
    raised = [number for number, one in enumerate(said) if RAISED.match(one) and NOT_WHY not in one]
    if not raised:
        return said[-1] if said else "it said nothing"
    return " ".join(said[raised[-1] : raised[-1] + EXPLAINING])


@contextmanager
def started(
    python: str,
    model: str,
    arguments: Sequence[str],
    *,
    port: int,
    told: Told,
    environment: Mapping[str, str] = os.environ,
) -> Generator[Server]:
    """One vLLM with a model, on loopback, for as long as the block runs. `told` hears each line of its log.

    It is to use what is on this machine alone: it downloads nothing.
    """
    free(port)
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
    process = subprocess.Popen(  # noqa: S603
        [*command, *arguments, "--host", LOOPBACK, "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**environment, **ENVIRONMENT, "HF_HUB_OFFLINE": "1"},
        start_new_session=True,  # Ctrl-C is ours: we stop it, with all of its processes
    )
    server = Server(process, f"http://{LOOPBACK}:{port}", told)
    try:
        yield server
    finally:
        server.stop()
