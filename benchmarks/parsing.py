"""How many of 88 messy real files come out as they must, and how long a file or page takes.

Run it as `python benchmarks/parsing.py`; RAGSTONE_DATA names the folder with the evaluation data. What must come out
stands in its `documents/documents.jsonl`: of a text four fifths of its reference words, of a scan or an encrypted file
an error that says so.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections import defaultdict
from pathlib import Path

from ragstone.errors import ParseError
from ragstone.ingestion.read import Part
from ragstone.ingestion.workers import Workers

DATA = Path(os.environ.get("RAGSTONE_DATA", "../shared/data")) / "documents"
SHARE = 0.8

SAID = {
    "password": ("encrypted", "password"),
    "no_text_layer": ("no text layer",),
    "empty": ("empty", "holds no text"),
    "unsupported": ("not supported",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="files whose names hold this")
    asked = parser.parse_args()
    rows: dict[str, list[tuple[bool, float, int]]] = defaultdict(list)
    workers = Workers()
    workers.read(b"warm", "warm.txt")
    for line in (DATA / "documents.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if asked.only and asked.only not in record["file"]:
            continue
        path = DATA / record["file"]
        data = path.read_bytes()
        begun = time.perf_counter()
        try:
            outcome: list[Part] | ParseError = list(workers.read(data, path.name))
        except ParseError as error:
            outcome = error
        seconds = time.perf_counter() - begun
        fault = judged(record, outcome)
        if fault:
            print(f"{path.name}: {fault}")
        rows[path.suffix.lower().lstrip(".")].append((not fault, seconds, record["pages"] or 1))
    table(rows)


def judged(record: dict, outcome: list[Part] | ParseError) -> str:
    """What is wrong with what came out, or nothing."""
    expected = record["expect"]
    if expected in SAID:
        if isinstance(outcome, ParseError):
            return "" if any(word in str(outcome) for word in SAID[expected]) else f"said: {outcome}"
        return "came out as if it were whole"
    if isinstance(outcome, ParseError):
        return str(outcome)
    text = flat(" ".join(part.parsed.text for part in outcome if part.parsed))
    words = record.get("ref_words") or []
    found = sum(flat(word) in text for word in words)
    if words and found < SHARE * len(words):
        lost = [word for word in words if flat(word) not in text]
        return f"{found} of {len(words)} words; without {', '.join(lost[:8])}"
    return "" if text.strip() else "came out empty"


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).casefold()


def table(rows: dict[str, list[tuple[bool, float, int]]]) -> None:
    print("| format | files | as they must | ms a file | ms a page |\n|---|---|---|---|---|")
    for name, found in sorted(rows.items()):
        print(row(name, found))
    everything = [one for found in rows.values() for one in found]
    print(row("all", everything))
    print(f"\n{sum(ok for ok, _, _ in everything) / len(everything):.1%} of {len(everything)} records")


def row(name: str, found: list[tuple[bool, float, int]]) -> str:
    seconds, pages = sum(one[1] for one in found), sum(one[2] for one in found)
    good = sum(ok for ok, _, _ in found)
    return f"| {name} | {len(found)} | {good} | {seconds / len(found) * 1000:.0f} | {seconds / pages * 1000:.1f} |"


if __name__ == "__main__":
    main()
