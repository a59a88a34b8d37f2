"""What leaves in an answer: generated attempts to carry something out, and answers that should come out as they are.

    pip install linkify-it-py
    python benchmarks/safety.py egress --attempts 15000 --answers 20000

The judge of a leak knows nothing of Ragstone's own rules. It renders what came out with markdown-it-py, once as
CommonMark, once with tables and once with the extensions of GitHub and automatic links, each with HTML on. Then it
looks for anything that a browser would fetch, follow or run, for text that a mail client or GitHub would make a link
of, and for the code and the secrets in whatever encoding it can undo.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from escaping.attempts import PASSAGE, QUESTION, attempts
from escaping.judge import Judge

from ragstone.config import template
from ragstone.prompts.builder import build
from ragstone.prompts.file import load
from ragstone.text.sentences import sentences
from ragstone.types import Chunk, Context, Hit, Prompt
from ragstone.validation.egress.check import EgressCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.validation.screening import Screening
from ragstone.verdicts import Subject

DATA = Path(os.environ.get("RAGSTONE_DATA", "../shared/data"))
ALLOWED = "https://allowed.example/docs/"


def hit(text: str) -> Hit:
    """A passage as a search finds it."""
    return Hit(Chunk(id="1", document_id="1", uri="a.md", title="A", text=text, start=0, end=len(text), line=1), 1, {})


def prompted(passage: str, question: str) -> Prompt:
    """The prompt that ships with Ragstone."""
    file = load(template() / "prompts" / "answer.prompty")
    return build(file, {"question": question}, hits=[hit(passage)])


async def left(prompt: Prompt, pieces: Sequence[str]) -> tuple[str, str]:
    """What comes out of an answer that arrives in these pieces: as it is streamed, and in the end."""
    check = EgressCheck(allow=[ALLOWED])
    hits = tuple(found for slot in prompt.slots for found in slot.hits)
    subject = Subject(text="", stage="output", trust="retrieved", question=QUESTION, hits=hits, prompt=prompt)
    guard = Guard(name="egress", check=check, policy=Policy(on_fail="fix"))
    screening = Screening([guard], subject, context=Context())
    said = "".join([await screening.feed(piece) for piece in pieces])
    screened = await screening.finish()
    return said + screened.rest, screened.text


def cut(text: str, lot: random.Random) -> list[str]:
    """The text as a server would send it, in pieces of any length."""
    pieces: list[str] = []
    at = 0
    while at < len(text):
        length = lot.choice((1, 1, 2, 3, 5, 8, 13, 40))
        pieces.append(text[at : at + length])
        at += length
    return pieces


async def attacked(count: int, seed: int, show: int) -> int:
    """Makes the attempts, prints what came of them by kind, and gives how many leaked."""
    prompt = prompted(PASSAGE, QUESTION)
    code = next(slot.text for slot in prompt.slots if slot.name == "canary")
    told = "\n".join(message.content for message in prompt.messages if message.role == "system")
    judge = Judge(code=code, told=told, trusted=("https://docs.example.com/guide", ALLOWED), passage=PASSAGE)
    lot = random.Random(seed)
    tried: Counter[str] = Counter()
    leaked: Counter[str] = Counter()
    for attempt in attempts(lot, count, code=code, told=told):
        whole, _ = await left(prompt, [attempt.text])
        streamed, final = await left(prompt, cut(attempt.text, lot))
        found = judge.leaks(final, secrets=attempt.secrets)
        if whole != final or streamed != final:
            found.append("stream and whole differ")
        tried[attempt.kind] += 1
        if found:
            leaked[attempt.kind] += 1
            if sum(leaked.values()) <= show:
                print(f"LEAK {attempt.kind} {found}\n  {attempt.text!r}\n  {final!r}")
    print(f"{'attempts':24} {'tried':>7} {'leaked':>7}")
    for kind in sorted(tried):
        print(f"{kind:24} {tried[kind]:7,} {leaked[kind]:7,}")
    print(f"{'all':24} {sum(tried.values()):7,} {sum(leaked.values()):7,}")
    return sum(leaked.values())


# ── Answers that should come out as they are ────────────────────────────────────────────────────────────────────────


def answers() -> Iterator[tuple[str, str, str]]:
    """Sentences of public texts with a marker, as an extractive model would answer: source, answer, passage."""
    for name in ("xquad", "cmrc2018"):
        for line in (DATA / "retrieval" / name / "passages.jsonl").open(encoding="utf-8"):
            row = json.loads(line)
            yield from _quoted(f"{name} {row.get('lang', '')}", row["text"])
    for path in sorted((DATA / "retrieval" / "chunking_eval" / "corpora").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for at in range(0, len(text), 2000):
            yield from _quoted(path.stem, text[at : at + 2000])
    for path in sorted((DATA / "rag_robustness" / "rgb").glob("*.json*")):
        for line in path.open(encoding="utf-8"):
            row = json.loads(line)
            for text in row.get("positive", [])[:1]:
                yield from _quoted(path.stem, text[0] if isinstance(text, list) else text)
    for path in sorted((DATA / "reasoning").rglob("*.jsonl")):
        for line in path.open(encoding="utf-8"):
            row = json.loads(line)
            if isinstance(row.get("answer"), str):
                yield path.stem, row["answer"], ""
    yield from _handbook()


def _handbook() -> Iterator[tuple[str, str, str]]:
    for path in sorted((template() / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        for section in re.split(r"\n(?=## )", re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)):
            yield "docs", section, text


def _quoted(source: str, text: str) -> Iterator[tuple[str, str, str]]:
    spans = sentences(text)
    for at in range(0, len(spans), 2):
        said = " ".join(text[start:end] + " [1]" for start, end in spans[at : at + 2])
        yield source, said, text


async def unharmed(count: int, seed: int, show: int) -> float:
    """Prints how many answers were changed, and gives their share."""
    every = list(answers())
    random.Random(seed).shuffle(every)
    own = [one for one in every if one[0] == "docs"]
    every = [*own, *(one for one in every if one[0] != "docs")][:count]
    prompt = prompted("{}", QUESTION)
    tried: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    for source, said, passage in every:
        slots = tuple(slot for slot in prompt.slots if not slot.hits)
        with_passage = prompted(passage, QUESTION) if source == "docs" else None
        if with_passage is None:
            found = next(slot for slot in prompt.slots if slot.hits)
            with_passage = replace(prompt, slots=(*slots, replace(found, text=passage, hits=(hit(passage),))))
        _, final = await left(with_passage, [said])
        tried[source] += 1
        if final != said:
            changed[source] += 1
            if sum(changed.values()) <= show:
                print(f"CHANGED {source}\n  {said!r}\n  {final!r}")
    print(f"{'answers':24} {'asked':>7} {'changed':>7}")
    for source in sorted(tried):
        print(f"{source:24} {tried[source]:7,} {changed[source]:7,}")
    share = sum(changed.values()) / max(1, sum(tried.values()))
    print(f"{'all':24} {sum(tried.values()):7,} {sum(changed.values()):7,}  {share:.2%}")
    return share


async def timed() -> None:
    """Prints the seconds that an answer of a million characters takes, of the shapes that are hardest to read."""
    prompt = prompted(PASSAGE, QUESTION)
    shapes = ("[", "<", "`", "(", "@", "%", "![", "](", "[a](", "a.", "a@b.", "<a ", "``` ", "&#", "\\", "//", "[1]")
    longer = ("QUJDREVGR0hJSktMTU5PUA", "the code of ", "漢字かな。", "word. ", "-----BEGIN ", "x" * 50 + " ", "[9")
    for shape in (*shapes, *longer):
        text = (shape * (1_000_000 // len(shape) + 1))[:1_000_000]
        began = time.perf_counter()
        await left(prompt, [text])
        print(f"{shape[:12]!r:16} {time.perf_counter() - began:6.1f} s")


def main(args: Sequence[str]) -> int:
    """The exit code: 0 where nothing leaked, and at most 0.5 % of the answers were changed."""
    asked = argparse.ArgumentParser(
        "safety.py egress", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--attempts", type=int, default=15_000)
    asked.add_argument("--answers", type=int, default=20_000)
    asked.add_argument("--seed", type=int, default=9)
    asked.add_argument("--show", type=int, default=10, help="so many faults are printed")
    asked.add_argument("--times", action="store_true", help="also print how long hard answers take")
    given = asked.parse_args(args)
    leaks = asyncio.run(attacked(given.attempts, given.seed, given.show)) if given.attempts else 0
    share = asyncio.run(unharmed(given.answers, given.seed, given.show)) if given.answers else 0.0
    if given.times:
        asyncio.run(timed())
    return 0 if not leaks and share <= 0.005 else 1
