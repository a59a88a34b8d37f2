"""One way to ask a model from inside a program, timed call by call: `benchmarks/gateway.py` starts one for each way.

    python asking.py httpx|openai|ragstone|litellm URL [PROJECT]

It reads how many calls to make from each line of its input, and writes their seconds as one line of JSON. It runs in
the environment of whatever it asks with, so it needs nothing but that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "When does it ship?"}]
SAID = "The halibut project ships on 3 May 2031 as planned."

Ask = Callable[[], Awaitable[str]]


def by_httpx(url: str, _: str) -> Ask:
    import httpx

    client = httpx.AsyncClient()

    async def ask() -> str:
        reply = await client.post(f"{url}/chat/completions", json={"model": "mock", "messages": MESSAGES})
        return reply.json()["choices"][0]["message"]["content"]

    return ask


def by_openai(url: str, _: str) -> Ask:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def ask() -> str:
        reply = await client.chat.completions.create(model="mock", messages=MESSAGES)
        return reply.choices[0].message.content or ""

    return ask


def by_ragstone(_: str, project: str) -> Ask:
    import ragstone
    from ragstone.types import Message

    route = ragstone.aopen(project).route()
    messages = [Message(one["role"], one["content"]) for one in MESSAGES]

    async def ask() -> str:
        return (await route.complete(messages))[0].text

    return ask


def by_litellm(url: str, _: str) -> Ask:
    import litellm

    litellm.telemetry = False

    async def ask() -> str:
        reply: Any = await litellm.acompletion(model="openai/mock", messages=MESSAGES, api_base=url, api_key="none")
        return reply.choices[0].message.content

    return ask


WAYS = {"httpx": by_httpx, "openai": by_openai, "ragstone": by_ragstone, "litellm": by_litellm}


async def main(way: str, url: str, project: str = "") -> None:
    ask = WAYS[way](url, project)
    while line := await asyncio.to_thread(sys.stdin.readline):
        took: list[float] = []
        for _ in range(int(line)):
            begun = time.perf_counter()
            said = await ask()
            took.append(time.perf_counter() - begun)
            assert said == SAID, said
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
