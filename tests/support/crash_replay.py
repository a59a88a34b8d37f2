"""A day's traffic through the ledger, by a worker that is killed again and again, and what the upstream says of it.

The upstream (`mock_upstream.py`, a process of its own) logs the id and the tokens of each call before it answers. The
worker notes which call it is about to send under which id, so that the log is added up by account without the ledger.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragstone.connectors.redis import RedisLedger
from ragstone.connectors.sqlite_ledger import SqliteLedger
from ragstone.errors import ModelError
from ragstone.inference.accounting import Reconciled, reconcile
from ragstone.inference.calendar import Calendar
from ragstone.inference.metered import MeteredModel
from ragstone.protocols import Ledger, Model
from ragstone.terms import Account, Budget
from ragstone.types import Completion, Context, Delta, Message, Options, Prompt
from ragstone.usage import NANO, Price, Usage
from ragstone.wrapped import WrappedModel

HERE = Path(__file__)
PRICES = {
    "large": Price(input=2.5, output=10, cached_input=0.25),
    "small": Price(input=0.15, output=0.6, cached_input=0.075),
    "flat": Price(input=0.333, output=0.777),
}
DAYS = ("2026-11-21", "2026-11-22")  # the traffic goes on past midnight
AT_ONCE = 24
LOOKING = 0.002  # seconds between two looks at how far the worker is
BUDGET = (Budget(nano=10**6 * NANO, period="month"),)
CONTEXT = Context()

Figures = tuple[int, int, int, int]
"""Input, cached and output tokens, and billionths of a dollar."""
Place = tuple[str, Account]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the day."""

    place: Place
    prompt: Prompt
    streams: bool
    leaves: float | None  # seconds after which its caller goes away


def traffic(number: int, *, seed: int = 0) -> list[Asked]:
    """The same requests for the same seed: many tenants, keys and models, long prompts and short ones."""
    chance, found = random.Random(seed), list[Asked]()
    for at in range(number):
        account = Account(
            tenant=f"tenant-{chance.randint(1, 5)}",
            key=chance.choice(["app", "batch"]),
            model=chance.choice(list(PRICES)),
        )
        words = "lorem ipsum " * int(chance.paretovariate(1.1) * 5 % 300 + 1)
        prompt = Prompt(
            name="replay",
            version="1",
            messages=(Message("system", "Answer."), Message("user", words)),
            tokens=(len(words) + 7) // 4,
            options=Options(max_tokens=chance.randint(1, 40)),
        )
        streams = chance.random() < 0.5
        leaves = chance.choice([0.0, 0.002]) if not streams and chance.random() < 0.05 else None
        found.append(Asked((DAYS[at * 4 // number // 3], account), prompt, streams, leaves))
    return found


# ── The worker ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Noted(WrappedModel):
    """Writes down what it is about to send, in the words of whoever pays for it."""

    def __init__(self, model: Model, notes: Path) -> None:
        super().__init__(model)
        self.notes = notes.open("a", buffering=1)

    def note(self, prompt: Prompt, context: Context) -> None:
        """One line, which is on its way before the request is."""
        self.notes.write(f"{context.request} {prompt.version}\n")

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        self.note(prompt, context)
        return await super().generate(prompt, context=context)

    async def stream(self, prompt: Prompt, *, context: Context):
        self.note(prompt, context)
        async for delta in super().stream(prompt, context=context):
            yield delta


def opened(place: str) -> Ledger:
    """A ledger by its path, or by its URL and the prefix of its keys."""
    if not place.startswith("redis:"):
        return SqliteLedger(Path(place))
    url, prefix = place.split(" ")
    return RedisLedger(url, prefix=prefix)


async def work(folder: Path, place: str, url: str, number: int) -> None:
    """Asks what was not asked yet, until it is killed or has asked all."""
    from ragstone.connectors.openai import OpenAIModel

    ledger, models = opened(place), dict[tuple[str, str], Model]()
    for name, price in PRICES.items():
        inner = OpenAIModel("mock", base_url=url, api_key="none", price=price)
        inner.name = name
        noted = Noted(inner, folder / "sent")
        for day in DAYS:
            noon = time.mktime(time.strptime(f"{day} 12", "%Y-%m-%d %H"))
            calendar = Calendar(wall=lambda noon=noon: noon, steady=lambda: 0.0)
            models[day, name] = MeteredModel(noted, ledger, budgets=BUDGET, calendar=calendar)
        await inner.load()
    done = {int(line) for line in _lines(folder / "done") if line.isdecimal()}
    left = [(at, asked) for at, asked in enumerate(traffic(number)) if at not in done]
    print("ready", flush=True)
    with (folder / "done").open("a", buffering=1) as marks:
        free = asyncio.Semaphore(AT_ONCE)

        async def ask(at: int, asked: Asked) -> None:
            day, account = asked.place
            context = Context(tenant=account.tenant, key=account.key)
            prompt = Prompt(**{**_fields(asked.prompt), "version": str(at)})
            async with free:
                with suppress(ModelError, TimeoutError):
                    async with asyncio.timeout(asked.leaves):
                        await _answer(models[day, account.model], prompt, context, streams=asked.streams)
                marks.write(f"{at}\n")

        await asyncio.gather(*(ask(at, asked) for at, asked in left))
    await ledger.close()


async def _answer(model: Model, prompt: Prompt, context: Context, *, streams: bool) -> None:
    if not streams:
        await model.generate(prompt, context=context)
        return
    last: Delta | None = None
    async for delta in model.stream(prompt, context=context):
        last = delta
    assert last is not None
    assert last.completion is not None


def _fields(prompt: Prompt) -> dict[str, object]:
    return {name: getattr(prompt, name) for name in ("name", "version", "messages", "tokens", "options")}


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


# ── The replay ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was left of a day with crashes.

    `log` is what the upstream has counted by account and day, `before` what the ledger held with all its claims, and
    `after` what it held once it was reconciled. `open` is how many claims the crashes have left.
    """

    kills: int
    calls: int
    open: int
    estimated: int
    seconds: float
    log: dict[Place, Figures]
    before: dict[Place, Figures]
    after: dict[Place, Figures]
    reconciled: Reconciled

    @property
    def too_little(self) -> list[Place]:
        """Where the ledger held less than the upstream had counted, before it was reconciled."""
        return [place for place, figures in self.log.items() if not _covers(self.before.get(place), figures)]


def _covers(held: Figures | None, counted: Figures) -> bool:
    return held is not None and all(held[at] >= counted[at] for at in (0, 2, 3))


async def replay(folder: Path, place: str, url: str, *, number: int, kills: int, seed: int = 0) -> Replayed:
    """Replays so many requests with so many kills against an upstream, and adds up what both sides say."""
    chance, begun, killed = random.Random(seed), time.perf_counter(), 0
    while killed < kills:
        killed += _killed(folder, place, url, number, chance.randint(1, max(1, round(1.6 * number / kills))))
        if len(set(_lines(folder / "done"))) >= number:
            break
    assert not _killed(folder, place, url, number, None)
    seconds = time.perf_counter() - begun
    entries = await asyncio.to_thread(_logged, url)
    usages = {entry["asked_as"]: _usage(entry) for entry in entries}
    assert len(usages) == len(entries), "each call has an id of its own"
    sent, asked = dict(line.split(" ") for line in _lines(folder / "sent")), traffic(number)
    places = {one: asked[int(sent[one])].place for one in usages}
    ledger = opened(place)
    claims = await ledger.open(context=CONTEXT)
    estimated = len(await ledger.open(estimated=True, context=CONTEXT)) - len(claims)
    held = await _held(ledger)
    before = _sums([*held, *(((c.day, c.account), c.usage, c.nano) for c in claims)])
    outcome = await reconcile(ledger, usages, whole=True, context=CONTEXT, now=time.time() + 7_200)
    after = _sums(await _held(ledger))
    assert list(await ledger.open(context=CONTEXT)) == []
    await ledger.close()
    counted = [(places[one], usage, PRICES[places[one][1].model].nano(usage)) for one, usage in usages.items()]
    return Replayed(killed, len(entries), len(claims), estimated, seconds, _sums(counted), before, after, outcome)


def _killed(folder: Path, place: str, url: str, number: int, after: int | None) -> bool:
    """Runs the worker, and kills it once it has sent so many requests; whether it was still at work.

    By time, a slow machine would be killed before it has sent any.
    """
    (notes := folder / "sent").touch()
    command = [sys.executable, str(HERE), str(folder), place, url, str(number)]
    with notes.open() as new, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        new.seek(0, os.SEEK_END)
        sent = 0
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        while worker.poll() is None:
            sent += new.read().count("\n")
            if after is not None and sent >= after:
                worker.send_signal(signal.SIGKILL)
                return True
            time.sleep(LOOKING)
        assert worker.returncode == 0
        return False


def _logged(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/log") as response:
        return json.load(response)


def _usage(entry: dict[str, int]) -> Usage:
    return Usage(
        input_tokens=entry["input_tokens"], cached_tokens=entry["cached_tokens"], output_tokens=entry["output_tokens"]
    )


async def _held(ledger: Ledger) -> list[tuple[Place, Usage, int]]:
    rows = await ledger.spent(since=DAYS[0], until=DAYS[-1], context=CONTEXT)
    return [((row.day, row.account), row.usage, row.nano) for row in rows]


def _sums(parts: Iterable[tuple[Place, Usage, int]]) -> dict[Place, Figures]:
    figures: dict[Place, Counter[int]] = {}
    for place, usage, nano in parts:
        tokens = (usage.input_tokens, usage.cached_tokens, usage.output_tokens, nano)
        figures.setdefault(place, Counter()).update(dict(enumerate(tokens)))
    sums = {place: (found[0], found[1], found[2], found[3]) for place, found in figures.items()}
    return {place: found for place, found in sums.items() if any(found)}


def main(arguments: Sequence[str]) -> None:
    folder, place, url, number = arguments
    asyncio.run(work(Path(folder), place, url, int(number)))


if __name__ == "__main__":
    main(sys.argv[1:])
