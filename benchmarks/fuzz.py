"""Looks for a text that breaks the repair of JSON or the checks of a stream, guided by what it has reached (atheris).

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install -e . atheris==3.0.0
    /tmp/fuzz/bin/python benchmarks/fuzz.py --minutes 10 [--target repair|stream]

Both targets share the minutes. A text fails where something is raised, where valid JSON is changed or remarked on,
where a repair is no JSON or says nothing of what it did, where a stream loses a character or says otherwise than the
whole text, or where one text takes more than ten seconds. A text that fails is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests/support")]
TARGETS = ("repair", "stream")
SLOWEST = 10  # seconds for one text
LONGEST = 4096  # bytes of one text
LOOP = asyncio.new_event_loop()
POLICIES = ("flag", "filter", "fix", "reask", "refrain", "raise")


def repair(data: bytes) -> None:
    """One text, read as JSON."""
    from ragstone.output import DEEPEST, read_value
    from ragstone.repair import repaired

    text = data.decode("utf-8", "surrogateescape" if len(data) % 2 else "replace")
    found = repaired(text)
    if found is not None:
        json.dumps(found.value)
        assert 0 <= found.start < found.end <= len(text), "it names no range of the text"
        again = repaired(json.dumps(found.value))
        assert again is None or not again.repairs, "what was mended is not whole"
    value, remark, fault = read_value(text, cut=True)
    assert not (value is not None and fault), "a value with a fault"
    try:
        plain = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        assert fault or remark, "it was mended, and nothing is said of that"
        return
    if not fault and not any("\ud800" <= sign <= "\udfff" for sign in json.dumps(plain, ensure_ascii=False)):
        assert (value, remark) == (plain, ""), "valid JSON was changed"
    assert fault in ("", "the answer is null") or text.count("[") + text.count("{") >= DEEPEST, fault


def _refuse(word: str) -> None:
    raise ValueError(word)


def stream(data: bytes) -> None:
    """One text, checked whole and in pieces of any length."""
    text = data[8:].decode("utf-8", "surrogateescape" if len(data) % 2 else "replace")
    guards = _guards(data[:4])
    steps = [1 + byte % 40 for byte in data[4:8]] or [1]
    whole, _ = LOOP.run_until_complete(_screened(guards, text, [max(1, len(text))]))
    pieces, said = LOOP.run_until_complete(_screened(guards, text, steps))
    if isinstance(whole, str) or isinstance(pieces, str):
        assert whole == pieces, "one of them was stopped"
        return
    assert (pieces.text, pieces.refrained, pieces.faults) == (whole.text, whole.refrained, whole.faults), "other words"
    assert pieces.verdicts == whole.verdicts, "other verdicts"
    assert pieces.refrained or said == pieces.text, "something was lost"
    assert not all(one.passed for one in pieces.verdicts) or said == text, "what passes was changed"


def _guards(data: bytes) -> list[Any]:
    from ragstone.validation.checks.length import LengthCheck
    from ragstone.validation.checks.regex import RegexCheck
    from ragstone.validation.checks.words import WordsCheck
    from ragstone.validation.policy import Guard, Policy

    makes: list[Callable[[], Any]] = [
        lambda: WordsCheck(forbid=["bad", "坏", "two words"]),
        lambda: RegexCheck(forbid="worse|[0-9]{3}", within="sentence"),
        lambda: RegexCheck(forbid="a\\s+b"),
        lambda: LengthCheck(most=30),
    ]
    found: list[Any] = []
    for byte in data:
        check, policy = makes[byte % 4](), POLICIES[byte // 4 % len(POLICIES)]
        policy = "filter" if policy == "fix" and not check.fixes else policy
        if byte < 200:
            found.append(Guard(name=str(len(found)), check=check, policy=Policy(on_fail=policy)))
    return found


async def _screened(guards: list[Any], text: str, steps: list[int]) -> tuple[Any, str]:
    from ragstone.errors import CheckFailed
    from ragstone.types import Context
    from ragstone.validation.screening import Screening
    from ragstone.verdicts import Subject

    screening = Screening(guards, Subject(text="", stage="output"), context=Context())
    said: list[str] = []
    at = turn = 0
    try:
        while at < len(text):
            step = steps[turn % len(steps)]
            said.append(await screening.feed(text[at : at + step]))
            at, turn = at + step, turn + 1
        found = await screening.finish()
    except CheckFailed as error:
        return str(error), ""
    return found, "".join([*said, found.rest])


def seeds(target: str, folder: Path) -> None:
    """Texts to begin with."""
    import random

    from damage import FAULTS, broken, value

    for number in range(60):
        chance = random.Random(number)
        text = broken(value(chance), set(chance.sample(FAULTS, 2)), chance)
        (folder / f"{number}").write_bytes(b"\1\2\3\4\5\6\7\10" * (target == "stream") + text.encode())
    prose = "It opens at 6.30 a.m. [1] It is bad, 坏。worse 123.\n\n```py\na = 1\n```\n- [a](http://x.y/z. w) `b. c`"
    (folder / "prose").write_bytes(b"\1\2\3\4\5\6\7\10" + prose.encode())


def fuzz(target: str, seconds: int, folder: Path) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris  # type: ignore[import-not-found]  # of an environment of its own

    with atheris.instrument_imports(include=["ragstone.repair", "ragstone.output", "ragstone.validation"]):
        for module in ("ragstone.output", "ragstone.validation.screening", "ragstone.validation.checks.words"):
            importlib.import_module(module)

    one = {"repair": repair, "stream": stream}[target]
    corpus = folder / "corpus"
    corpus.mkdir()
    seeds(target, corpus)
    limits = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-max_len={LONGEST}", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={folder}/", "-print_final_stats=1", str(corpus)], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    targets = [given.target] if given.target else list(TARGETS)
    seconds = int(60 * given.minutes / len(targets))
    if given.inside is not None:
        fuzz(targets[0], seconds, given.inside)
    broken = 0
    print(f"{'target':8} {'minutes':>8} {'executions':>11} {'a second':>9} {'crashes':>8}")
    for target in targets:
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            minutes = str(seconds / 60)
            command = [sys.executable, __file__, "--target", target, "--minutes", minutes, "--inside", folder]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", env={**os.environ})
            told = done.stderr
            runs = told.rpartition("stat::number_of_executed_units:")[2].split()[:1]
            crashes = [
                path for path in Path(folder).iterdir() if path.name.startswith(("crash", "timeout", "oom", "slow"))
            ]
            took = time.monotonic() - begun
            count = int(runs[0]) if runs else 0
            print(f"{target:8} {took / 60:8.1f} {count:11,} {count / took:9,.0f} {len(crashes):8}")
            for path in crashes:
                print(f"  {path.name}: {path.read_bytes()!r}")
            if crashes or not runs:
                broken += 1
                print(told[-3000:], file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
