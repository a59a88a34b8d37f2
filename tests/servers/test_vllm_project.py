"""A project whose route names two real servers, as its owner uses it: from the shell, from Python, and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

import ragstone
from ragstone.samples import used
from servers import free_port, running
from vllm_counters import counting, until

pytestmark = pytest.mark.vllm

RAGSTONE = [sys.executable, "-c", "from ragstone.cli import main; main()"]
HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"
ROUTE = "route: {strategy: least_busy, models: [local, second]}"
SECOND = """\
kind: model
type: openai
base_url: ${env:SECOND_URL}
model: tiny
local: true
price: {input: 1, output: 4}
"""
LONG = 8000  # tokens, which nobody waits for
QUESTIONS = 12


@pytest.fixture(scope="module")
def environment(vllms) -> dict[str, str]:
    first, second = vllms
    named = {"RAGSTONE_LOCAL_URL": first.base_url, "RAGSTONE_LOCAL_MODEL": "tiny", "SECOND_URL": second.base_url}
    return {**os.environ, **named}


@pytest.fixture(scope="module")
def project(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its answers are short, and nothing is left to chance but their words."""
    folder = tmp_path_factory.mktemp("routed") / "mine"
    shell(environment, "init", folder, "--model", "local")
    (folder / "documents" / "halibut.md").write_text(HALIBUT)
    (folder / "connectors" / "second.yaml").write_text(SECOND)
    pipeline, prompt = folder / "pipelines" / "answer.yaml", folder / "prompts" / "answer.prompty"
    lines = pipeline.read_text().splitlines()
    pipeline.write_text("\n".join(ROUTE if line.startswith("route:") else line for line in lines) + "\n")
    text = prompt.read_text()
    prompt.write_text(text.replace("maxOutputTokens: 800", "maxOutputTokens: 30"))
    assert (ROUTE in pipeline.read_text(), prompt.read_text() != text) == (True, True)
    shell(environment, "ingest", "--project", folder)
    return folder


def shell(environment: dict[str, str], *arguments: str | Path) -> str:
    done = subprocess.run([*RAGSTONE, *arguments], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode in (0, 3), done.stderr  # what the tiny model says may count as no answer
    return done.stdout


@pytest.fixture
async def raw(vllms) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Both servers, as others see them."""
    async with AsyncExitStack() as ends:
        made = [httpx.AsyncClient(base_url=server.base_url.removesuffix("/v1"), timeout=60) for server in vllms]
        yield [await ends.enter_async_context(client) for client in made]


def test_a_question_from_the_shell_goes_to_one_of_them(environment: dict[str, str], project: Path) -> None:
    answer = json.loads(shell(environment, "ask", "When does it ship?", "--project", project, "--json"))
    assert answer["model"] == "tiny"
    assert 0 < answer["usage"]["output_tokens"] <= 30
    assert answer["hits"][0]["uri"].endswith("halibut.md")


async def test_questions_at_once_are_shared_out_and_all_are_counted(
    environment: dict[str, str], project: Path, raw: list[httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAGSTONE_LOCAL_URL", "RAGSTONE_LOCAL_MODEL", "SECOND_URL"):
        monkeypatch.setenv(name, environment[name])
    async with ragstone.aopen(project) as rag:
        before = {row.account.model: row for row in (await rag.costs()).spent}
        async with counting(raw[0]) as first, counting(raw[1]) as second:
            asked = (rag.ask(f"When does halibut {number} ship?") for number in range(QUESTIONS))
            answers = await asyncio.gather(*asked)
        after = await rag.costs()
    given = [answer.completion for answer in answers if answer.completion.attempts[-1].model in ("local", "second")]
    assert len(given) == QUESTIONS
    assert {one.attempts[-1].model for one in given} == {"local", "second"}
    assert after.open == ()
    assert {row.reported for row in after.spent} == {True}
    for name, counted in (("local", first), ("second", second)):
        usage = used([one for one in given if one.attempts[-1].model == name])
        (row,) = [row for row in after.spent if row.account.model == name]
        had = before.get(name)
        assert row.usage.input_tokens - (had.usage.input_tokens if had else 0) == usage.input_tokens == counted.read
        output = row.usage.output_tokens - (had.usage.output_tokens if had else 0)
        assert output == usage.output_tokens == counted.written
        assert row.requests - (had.requests if had else 0) == counted.requests


async def test_a_client_that_leaves_a_stream_of_the_service_stops_the_server(
    environment: dict[str, str], project: Path, raw: list[httpx.AsyncClient], tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [*RAGSTONE, "serve", "--port", str(port), "--project", project]
    body = {"model": "route/answer", "messages": [{"role": "user", "content": "Tell me of halibut."}]}
    body |= {"temperature": 0, "max_tokens": LONG, "stream": True}
    with running(command, health=f"{url}/healthz", log=tmp_path / "log", environment=environment):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            for _ in range(2):  # equal ones take turns
                async with client.stream("POST", "/v1/chat/completions", json=body) as reply:
                    assert reply.status_code == 200, await reply.aread()
                    lines = reply.aiter_lines()
                    events = [line for line in [await anext(lines) for _ in range(10)] if line]
                    assert len(events) == 5
                    assert all(line.startswith("data: {") for line in events)
                for server in raw:
                    await until(server, "vllm:num_requests_running", most=0)
            short = {**body, "max_tokens": 5, "stream": False}
            said = (await client.post("/v1/chat/completions", json=short)).json()
            assert said["usage"]["completion_tokens"] == 5
    async with ragstone.aopen(project) as rag:
        costs = await rag.costs()
    assert costs.open == ()
    assert sum(row.requests for row in costs.spent if not row.reported) == 2  # what was said before they left
