"""Ways to ask a model from inside a program; each imports what it asks with when it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["MESSAGES", "SAID", "WAYS", "Ask"]

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


WAYS: dict[str, Callable[[str, str], Ask]] = {
    "httpx": by_httpx,
    "openai": by_openai,
    "ragstone": by_ragstone,
    "litellm": by_litellm,
}
