"""`ratios.json`: the ratios that are held, and where they come from.

    {"date": "2026-11-22", "machine": {…}, "packages": {"click": "8.3.1", …}, "ratios": {"import": 0.391, …}}

`python` and the versions of the packages that the references rest on stand in it because they alone change a ratio
while no line of ours does.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from bench.machine import processor, today

from ragstone.errors import ConfigError

__all__ = ["PATH", "Machine", "Pins", "here", "read", "write"]

PATH = Path(__file__).with_name("ratios.json")
HINT = "`make bench-guard ARGS=--pin` writes it anew, from what it measures."


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where ratios were measured."""

    processor: str
    cores: int
    system: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """The content of the file."""

    date: str
    machine: Machine
    packages: Mapping[str, str]
    ratios: Mapping[str, float]

    def differences(self, other: Pins) -> Iterator[str]:
        """What of `other` may shift a ratio by itself, one phrase each."""
        ours, theirs = _minor(self.machine.python), _minor(other.machine.python)
        if ours != theirs:
            yield f"Python {ours} then, {theirs} now"
        for name, known in self.packages.items():
            if other.packages.get(name, known) != known:
                yield f"{name} {known} then, {other.packages[name]} now"


def here(ratios: Mapping[str, float], packages: Iterable[str]) -> Pins:
    """Ratios that were measured on this machine, today."""
    return Pins(
        date=today(),
        machine=Machine(
            processor=processor(),
            cores=os.cpu_count() or 1,
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
        ),
        packages={name: version(name) for name in sorted(set(packages))},
        ratios=ratios,
    )


def read(path: Path) -> Pins:
    """What is pinned. Raises ConfigError for a file that is missing, or is not what `write` writes."""
    try:
        given: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), hint=HINT) from error
    except ValueError as error:
        raise ConfigError(f"is no JSON: {error}", where=str(path), hint=HINT) from error
    try:
        ratios, packages = dict[str, Any](given["ratios"]), dict[str, str](given["packages"])
        machine, date = Machine(**given["machine"]), str(given["date"])
    except (KeyError, TypeError, ValueError) as error:
        expected = "an object with date, machine, packages and ratios"
        raise ConfigError("has another form", where=str(path), expected=expected, hint=HINT) from error
    for name, ratio in ratios.items():
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or ratio <= 0:
            where = f"{path}: ratios.{name}"
            raise ConfigError("is no ratio", where=where, expected="a number above 0", found=repr(ratio), hint=HINT)
    return Pins(date=date, machine=machine, packages=packages, ratios=cast("dict[str, float]", ratios))


def write(pins: Pins, path: Path) -> None:
    """Puts the file in place, whole."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(asdict(pins), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])
