"""The environments of the sides, made from the exact locks in requirements/ the first time that a row needs them.

`ours` is the environment that runs the harness. `peers` holds every peer but one: langchain, llama-index, haystack,
txtai, litellm, redisvl, prompty and dotpromptz agree on their dependencies. `guardrails` is apart, because it is the
environment of `make test-servers`, in which Ragstone's own check runs as well.

LiteLLM's newest release does not resolve with its extra `proxy`. So requirements/peers.in asks for the extra, which
finds the newest release that does resolve, and requirements/litellm.txt puts the newest in its place. torch is not
locked, because each machine has a build of its own; its version is fixed here.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from bench.side import ROOT

__all__ = ["ENVIRONMENTS", "Environment", "EnvironmentFailed", "made"]

TORCH = "torch==2.13.0"
_PIP = ("-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check")
_LOCKED = ("--no-deps", "--no-build-isolation", "--require-hashes")


_MAKING = Lock()


class EnvironmentFailed(Exception):
    """An environment could not be made; the message is the last line that pip said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A folder below the repository's root, and the locks that fill it one after the other."""

    folder: str
    locks: tuple[str, ...]
    torch: bool = False


ENVIRONMENTS = {
    "peers": Environment(folder="benchmarks/.venv-peers", locks=("peers", "litellm"), torch=True),
    "guardrails": Environment(folder=".venv-guardrails", locks=("guardrails",)),
}


def made(name: str, *, root: Path = ROOT) -> str:
    """The Python of an environment, made anew where a lock is newer. Raises EnvironmentFailed."""
    if name == "ours":
        return sys.executable
    with _MAKING:
        return _made(ENVIRONMENTS[name], root)


def _made(wanted: Environment, root: Path) -> str:
    folder = root / wanted.folder
    python, stamp = folder / "bin/python", folder / ".done"
    locks = [root / f"requirements/{lock}.txt" for lock in ("build", *wanted.locks)]
    if stamp.exists() and all(lock.stat().st_mtime <= stamp.stat().st_mtime for lock in locks):
        return str(python)
    print(f"Making the environment {wanted.folder}; the first time this takes minutes …", file=sys.stderr, flush=True)
    _run([_base(root), "-m", "venv", "--clear", str(folder)])
    _run([str(python), *_PIP, *_LOCKED, "-r", str(locks[0])])
    if wanted.torch:
        _run([str(python), *_PIP, TORCH])
    for lock in locks[1:]:
        _run([str(python), *_PIP, *_LOCKED, "-r", str(lock)])
    stamp.touch()
    return str(python)


def _base(root: Path) -> str:
    return subprocess.run([root / ".ci/find-python"], capture_output=True, text=True, check=True).stdout.strip()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise EnvironmentFailed(said[-1])
