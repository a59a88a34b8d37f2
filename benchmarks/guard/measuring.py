"""Measures a thing: pairs of rounds in turn, in a process of its own for each repeat.

The speed of a processor changes from second to second, with what others do on it, by far more than 25 %: the least of
many rounds, or their median, changes with it. What hardly changes is how a round of ours compares with the round of the
reference right beside it, so a repeat gives the median of these ratios.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from guard.thing import Round, Thing

__all__ = ["Failed", "alone", "repeated", "together"]

FOLDER = Path(__file__).parents[1]  # in which this package lies
PATIENCE = 300.0  # seconds that one repeat of one thing may take, on the busiest machine


class Failed(Exception):
    """A thing could not be measured; its words are the last line that its process said."""


def together(thing: Thing) -> float:
    """The median ratio of ours to the reference, both warm."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, thing.sides(Path(name)) as (ours, reference):
        ours(), reference()
        gc.collect()
        gc.freeze()  # what was imported is looked at no more
        return median(ratios(ours, reference, thing.pairs))


def ratios(ours: Round, reference: Round, pairs: int) -> Iterator[float]:
    """Of each pair. Which of the two comes first alternates, so that neither always finds what the other has left."""
    for number in range(pairs):
        if number % 2:
            beside = reference()
            yield ours() / beside
        else:
            took = ours()
            yield took / reference()


def repeated(
    names: Sequence[str], repeats: int, measure: Callable[[str, int], float]
) -> Iterator[tuple[str, float | Failed]]:
    """One ratio of each thing after the other, and then all again: a slow minute harms one repeat of each.

    `measure` is `alone`, or what a test gives.
    """
    for repeat in range(repeats):
        for name in names:
            try:
                yield name, measure(name, repeat)
            except Failed as failed:
                yield name, failed


def alone(name: str, repeat: int) -> float:
    """The ratio by a new process, whose dicts and sets lie as the number of the repeat has them. Raises Failed."""
    command = [sys.executable, "-m", "guard", "--one", name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env=environment(os.environ, repeat)
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"it took longer than {PATIENCE:.0f} s") from late
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    return float(json.loads(done.stdout.splitlines()[-1]))


def environment(given: Mapping[str, str], repeat: int) -> dict[str, str]:
    """What a measuring process is told: nothing of a person's project, and one thread for numpy's algebra."""
    kept = {key: value for key, value in given.items() if not key.startswith("RAGSTONE_")}
    path = os.pathsep.join(filter(None, (str(FOLDER), given.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "PYTHONHASHSEED": str(repeat + 1), "OPENBLAS_NUM_THREADS": "1"}
