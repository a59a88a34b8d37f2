"""The text format of Prometheus (version 0.0.4): https://prometheus.io/docs/instrumenting/exposition_formats/."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

__all__ = ["MEDIA_TYPE", "Family", "exposed"]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LONGEST = 200  # characters of a label's value


class Family:
    """The samples of one name.

    >>> print(Family("calls_total", "counter", "Calls.").add(2, model="openai").text, end="")
    # HELP calls_total Calls.
    # TYPE calls_total counter
    calls_total{model="openai"} 2
    """

    def __init__(self, name: str, kind: Literal["counter", "gauge", "histogram"], says: str) -> None:
        self.name = name
        self._lines = [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]

    def add(self, value: float, suffix: str = "", /, **labels: str) -> Family:
        """One sample. What a label may not hold as it is, is escaped."""
        given = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        self._lines.append(f"{self.name}{suffix}{{{given}}} {value!r}" if given else f"{self.name}{suffix} {value!r}")
        return self

    @property
    def text(self) -> str:
        """Its lines."""
        return "\n".join(self._lines) + "\n"


def exposed(families: Iterable[Family]) -> str:
    """The whole page."""
    return "".join(family.text for family in families)


def _escaped(text: str) -> str:
    return text[:LONGEST].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
