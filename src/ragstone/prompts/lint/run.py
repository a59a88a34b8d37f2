"""Looks for every kind of fault in prompt files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ragstone.errors import PromptError
from ragstone.prompts.lint.allowing import IDLE, Allowances
from ragstone.prompts.lint.finding import Finding, Folder
from ragstone.prompts.lint.loading import REFUSED, code_of, fault_of
from ragstone.prompts.lint.rules import CODES, FOLDER_RULES, IDLE_WHY, RULES
from ragstone.prompts.reading import Reading, read_prompt

__all__ = ["lint"]


def lint(paths: Sequence[Path], *, folder: Path | None = None, shipped: Collection[Path] = ()) -> list[Finding]:
    """What is wrong with these prompt files, in the order of files and lines.

    `folder` is the one whose prompts are looked at together: None judges each file by itself. `shipped` are those that
    stand there as they came with Ragstone. A file that does not load has the loader's faults alone, since nothing else
    can be told of it.
    """
    readings: list[Reading] = []
    found: list[Finding] = []
    for path in paths:
        try:
            reading = read_prompt(path)
            reading.file.cases()
            readings.append(reading)
        except PromptError as error:
            found += _refused(error)
    for reading in readings:
        found += _of_prompt(reading)
    if folder is not None:
        whole = Folder(folder, readings, frozenset(shipped))
        for rule in FOLDER_RULES:
            found += [Finding.of(rule.code, rule.severity, fault, rule.why) for fault in rule.check(whole)]
    allowances = Allowances(readings)
    judged = {rule.code for rule in (*RULES, *(FOLDER_RULES if folder is not None else ()))}
    idle = [
        Finding.of(IDLE, "warning", fault, IDLE_WHY) for fault in allowances.idle(found, known=CODES, judged=judged)
    ]
    found = allowances.kept(found) + idle
    # A part that several prompts include is shown once.
    return sorted(dict.fromkeys(found), key=lambda one: (one.path, one.line, one.column, one.code))


def _refused(error: PromptError) -> Iterator[Finding]:
    for one in error.faults or (error,):
        code = code_of(one)
        yield Finding.of(code, "error", fault_of(one), REFUSED[code])


def _of_prompt(reading: Reading) -> Iterator[Finding]:
    for rule in RULES:
        for fault in rule.check(reading):
            yield Finding.of(rule.code, rule.severity, fault, rule.why)
