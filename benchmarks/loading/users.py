"""Many users at once, as a process of its own: what each request came to goes to a file, one JSON object a line.

    python -m loading.users '{"url": …, "key": …, "users": 200, "seconds": 600, "think": 10, …}'

A user waits a while, asks, waits for the whole response, and so on. One that is told to come again later does so.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TextIO

import aiohttp

from loading.kinds import Asked, Judged, Questions, judge

__all__ = ["Load"]

PATIENCE = 120.0  # seconds for a whole response


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the process. `think` are seconds on average between a response and the next request."""

    url: str
    key: str
    users: int
    seconds: float
    think: float
    seed: int
    model: str
    documents: str
    out: str


def main(load: Load) -> None:
    """Runs until the time is over and every response under way has come."""
    pages = sorted(Path(load.documents).glob("*.md"))
    with Path(load.out).open("w", encoding="utf-8") as out:
        asyncio.run(_all(load, pages, out))


async def _all(load: Load, pages: Sequence[Path], out: TextIO) -> None:
    headers = {"authorization": f"Bearer {load.key}"}
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        end = time.monotonic() + load.seconds
        seeds = range(load.seed, load.seed + load.users)
        asking = (Questions(pages, seed=seed, model=load.model) for seed in seeds)
        await asyncio.gather(*(_user(session, load, questions, end, out) for questions in asking))


async def _user(session: aiohttp.ClientSession, load: Load, questions: Questions, end: float, out: TextIO) -> None:
    pause = questions.pause(load.think)  # they do not come all at once
    while time.monotonic() + pause < end:
        await asyncio.sleep(pause)
        asked = questions.next()
        judged = await _one(session, load, asked, out)
        questions.note(asked, judged)
        if (word := questions.word(judged)) is not None:
            await _one(session, load, word, out)
        pause = max(judged.after, questions.pause(load.think))


async def _one(session: aiohttp.ClientSession, load: Load, asked: Asked, out: TextIO) -> Judged:
    at, begun, first, status = time.time(), time.perf_counter(), None, 0
    try:
        async with session.post(load.url + asked.path, json=asked.body) as response:
            status, parts = response.status, list[bytes]()
            async for part in response.content.iter_any():
                first = first or time.perf_counter() - begun
                parts.append(part)
            headers = {name.lower(): value for name, value in response.headers.items()}
        judged = judge(asked.kind, status, headers, b"".join(parts))
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        judged = Judged("error", f"{status or 'no response'}: {error!r}"[:300])
    line: dict[str, Any] = {"at": at, "kind": asked.kind, "seconds": time.perf_counter() - begun, "first": first}
    line |= {"status": status, "outcome": judged.outcome, "note": judged.note, **_acknowledged(asked, judged)}
    out.write(json.dumps(line) + "\n")
    return judged


def _acknowledged(asked: Asked, judged: Judged) -> dict[str, Any]:
    """What the service has told us that it keeps."""
    if judged.outcome != "ok":
        return {}
    if asked.kind == "feedback":
        return {"feedback": [asked.body["trace_id"], asked.body["by"]]}
    answer = judged.answer
    if answer is None or asked.kind == "begin":
        return {}
    told = {"model": answer["model"], "cached": answer["cached"], "usage": answer["usage"], "trace": answer["trace_id"]}
    return told if asked.kind != "talk" else {**told, "conversation": asked.path.split("/")[-2]}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    main(Load(**{field.name: given[field.name] for field in fields(Load)}))
