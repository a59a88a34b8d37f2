"""What one check costs beyond what it does: ours with its engine, and the same validator in Guardrails.

Run it as `python benchmarks/checks.py --peers .venv-guardrails/bin/python`; without `--peers` it prints ours alone. The
check and the validator do the same and next to nothing: they compare the length of a text. Guardrails is asked as it
comes, with its telemetry on, except that what it would send goes nowhere, and with its telemetry off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

ROUNDS = 7
SENTENCE = "The halibut project ships on 3 May 2031, and its lead is Ana Ruiz. "
ROWS = {
    "check": "our check alone",
    "engine": "our check, asked by the engine",
    "answer": "an answer of one sentence past it",
    "sentence": "each further sentence of an answer past it",
    "connector": "their validator, as a check of ours",
    "quiet": "their validator in a Guard, telemetry off",
    "guard": "their validator in a Guard, as it comes",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", type=Path, help="a Python that has Guardrails, as .venv-guardrails/bin/python")
    parser.add_argument("--calls", type=int, default=2_000, help="in one of seven rounds")
    parser.add_argument("--inside", action="store_true", help="measure Guardrails in this process, and print JSON")
    asked = parser.parse_args()
    if asked.inside:
        print(json.dumps(theirs(asked.calls)))
        return
    found = asyncio.run(ours(asked.calls))
    if asked.peers:
        found |= peers(asked.peers, asked.calls)
    print(f"medians of {ROUNDS} rounds of {asked.calls:,} calls, milliseconds a call")
    for key, what in ROWS.items():
        if key in found:
            print(f"{what:45} {found[key]:8.4f}   {found[key] / found['engine']:7.1f} × ours with its engine")


async def ours(calls: int) -> dict[str, float]:
    from ragstone.types import Context
    from ragstone.validation.checks.length import LengthCheck
    from ragstone.validation.engine import asked
    from ragstone.validation.policy import Guard
    from ragstone.validation.screening import Screening
    from ragstone.verdicts import Subject

    check, context = LengthCheck(most=100_000), Context()
    guard = Guard(name="length", check=check)
    by_sentence = LengthCheck(most=100_000)
    by_sentence.whole = False
    each = Guard(name="length", check=by_sentence)
    subject = Subject(text=SENTENCE, stage="output")

    async def answer(sentences: int) -> None:
        screening = Screening([each], subject, context=context)
        await screening.feed(SENTENCE * sentences)
        await screening.finish()

    one = await timed(lambda: answer(1), calls)
    hundred = await timed(lambda: answer(101), max(1, calls // 100))
    return {
        "check": await timed(lambda: check.check(subject, context=context), calls),
        "engine": await timed(lambda: asked(guard, subject, context=context), calls),
        "answer": one,
        "sentence": (hundred - one) / 100,
    }


async def timed(call: Callable[[], Awaitable[object]], calls: int) -> float:
    """Milliseconds a call."""
    found: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(calls):
            await call()
        found.append(1e3 * (time.perf_counter() - begun) / calls)
    return statistics.median(found)


def peers(python: Path, calls: int) -> dict[str, float]:
    """What the other Python measures, with a home of its own, where telemetry is as it comes."""
    source = Path(__file__).parents[1] / "src"
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PYTHONPATH": str(source), "HOME": home, "PYTHONWARNINGS": "ignore"}
        command = [python.absolute(), __file__, "--inside", "--calls", str(calls)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def theirs(calls: int) -> dict[str, float]:
    warnings.simplefilter("ignore")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import SpanExportResult

    OTLPSpanExporter.export = lambda self, spans: SpanExportResult.SUCCESS  # nothing leaves this machine
    from guardrails import Guard
    from guardrails.validator_base import FailResult, PassResult, Validator, register_validator

    @register_validator("bench/length", data_type="string")
    class Length(Validator):
        def _validate(self, value: str, metadata: dict[str, object]) -> object:
            return PassResult() if len(value) <= 100_000 else FailResult(error_message="it is too long")

    guard = Guard().use(Length(on_fail="noop"))
    few = max(1, calls // 20)
    loud = _blocking(lambda: guard.validate(SENTENCE), few)
    from ragstone.connectors.guardrails import GuardrailsCheck
    from ragstone.types import Context
    from ragstone.validation.engine import asked
    from ragstone.validation.policy import Guard as Guarded
    from ragstone.verdicts import Subject

    quiet = Guard().use(Length(on_fail="noop"))
    quiet.configure(allow_metrics_collection=False)
    silent = _blocking(lambda: quiet.validate(SENTENCE), few)
    mine = Guarded(name="theirs", check=GuardrailsCheck(validators=[Length()]))
    subject, context = Subject(text=SENTENCE, stage="output"), Context()
    through = asyncio.run(timed(lambda: asked(mine, subject, context=context), calls))
    return {"connector": through, "quiet": silent, "guard": loud}


def _blocking(call: Callable[[], object], calls: int) -> float:
    found: list[float] = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        found.append(1e3 * (time.perf_counter() - begun) / calls)
    return statistics.median(found)


if __name__ == "__main__":
    sys.exit(main())
