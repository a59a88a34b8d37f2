"""What a vLLM server has counted by itself, to hold against what we say of it."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

__all__ = ["Counted", "counting", "metric", "until"]

SECONDS = 30.0  # that a server may take to notice what has happened

NAMES = {
    "requests": "vllm:request_params_n_count",
    "samples": "vllm:request_params_n_sum",
    "read": "vllm:prompt_tokens_total",
    "written": "vllm:generation_tokens_total",
}


async def metric(raw: httpx.AsyncClient, name: str, **labels: str) -> float:
    """The sum of a metric over its other labels."""
    text = (await raw.get("/metrics")).text
    lines = re.findall(rf"^{re.escape(name)}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    assert lines, f"vLLM has no metric {name}"
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(value) for found, value in lines if all(label in found for label in wanted))


async def until(raw: httpx.AsyncClient, name: str, *, least: float = 0, most: float = float("inf")) -> None:
    """Waits for a metric to be in a range. Fails where it does not come there."""
    end = time.monotonic() + SECONDS
    while not least <= (found := await metric(raw, name)) <= most:
        assert time.monotonic() < end, f"{name} stays at {found}, not between {least} and {most}"


@dataclass(slots=True)
class Counted:
    """What has come since: requests, the samples that they asked for, and the tokens read and written.

    The tokens of a prompt are counted once for each of its samples.
    """

    requests: int = 0
    samples: int = 0
    read: int = 0
    written: int = 0


@asynccontextmanager
async def counting(raw: httpx.AsyncClient) -> AsyncGenerator[Counted]:
    """Counts what a server does for the block; the counts stand at its end, when nothing runs there any more."""
    before = {key: await metric(raw, name) for key, name in NAMES.items()}
    counted = Counted()
    yield counted
    for queue in ("vllm:num_requests_waiting", "vllm:num_requests_running"):
        await until(raw, queue, most=0)
    for key, name in NAMES.items():
        setattr(counted, key, round(await metric(raw, name) - before[key]))
