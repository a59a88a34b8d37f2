"""The whole stack with two vLLM on the CPU, of which one is killed, then both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack import Stack
from stack.ours import opened

pytestmark = pytest.mark.vllm

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with opened(vllm=2, pages=[ROOT / "docs/chunking.md"], limit=60) as running:
        yield running


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {stack.key('tests')}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=PATIENCE) as made:
        yield made


def asked(client: httpx.Client, question: str) -> dict[str, Any]:
    """The answer to a question that no cache knows."""
    response = client.post("/api/ask", json={"question": question})
    assert response.status_code == 200, response.text
    return response.json()


def test_the_models_of_the_stack_answer(stack: Stack, client: httpx.Client) -> None:
    assert {"vllm-1", "vllm-2"} < set(stack.names)
    answer = asked(client, "What is a chunk for?")
    assert answer["usage"]["output_tokens"] > 0
    assert answer["calls"] == 1


def test_a_model_that_is_killed_is_passed_over_and_both_are_made_up_for(stack: Stack, client: httpx.Client) -> None:
    name = asked(client, "How long is a chunk?")["model"]
    stack.kill("vllm-1")
    assert {asked(client, f"How long is chunk {number}?")["model"] for number in range(4)} == {name}
    stack.kill("vllm-2")
    quoted = asked(client, "What is a chunk?")
    assert quoted["model"] != name  # the extractive model quotes
    assert quoted["citations"]
    stack.start("vllm-1")
