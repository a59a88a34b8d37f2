from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from ragstone.connectors.openai import OpenAIModel
from ragstone.errors import ModelRejected
from ragstone.output import Output
from ragstone.prompts.classes import with_class
from ragstone.prompts.file import load
from ragstone.types import Context, Message, Options, Prompt
from ragstone.validation.outputs import read_output

pytestmark = pytest.mark.vllm

RAGSTONE = [sys.executable, "-c", "from ragstone.cli import main; main()"]
ANSWER = Path(__file__).parents[2] / "prompts" / "answer.prompty"
HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"


Code = Annotated[str, Field(pattern="^[a-z]{3}$")]


class Rule(BaseModel):
    code: Code
    kind: Literal["rule", "fact"]
    level: int = Field(ge=0, le=9)
    sure: bool
    steps: list[Code] = Field(max_length=2)
    note: Literal["none"] | None = None


def a_prompt(question: str = "What is a chunk?", *, max_tokens: int = 40) -> Prompt:
    messages = (Message("system", "Answer from the passages."), Message("user", question))
    return Prompt(name="test", version="1", messages=messages, options=Options(temperature=0.0, max_tokens=max_tokens))


@pytest.fixture
async def model(vllm) -> AsyncIterator[OpenAIModel]:
    made = OpenAIModel(model=vllm.model, base_url=vllm.base_url)
    yield made
    await made.close()


async def test_it_answers_and_counts_its_tokens(model: OpenAIModel) -> None:
    short = await model.generate(a_prompt(), context=Context())
    long = await model.generate(a_prompt("What is a chunk? " * 10), context=Context())
    assert short.text
    assert 0 < short.usage.input_tokens < long.usage.input_tokens
    assert 0 < short.usage.output_tokens <= 40


async def test_it_stops_at_the_longest_length_allowed(model: OpenAIModel) -> None:
    completion = await model.generate(a_prompt(max_tokens=5), context=Context())
    assert completion.usage.output_tokens <= 5
    assert completion.finish_reason == "length"


async def test_a_stream_comes_in_pieces_that_make_up_the_completion(model: OpenAIModel) -> None:
    deltas = [delta async for delta in model.stream(a_prompt(), context=Context())]
    whole = deltas[-1].completion
    assert whole is not None
    assert sum(1 for delta in deltas if delta.text) > 3
    assert "".join(delta.text for delta in deltas) == whole.text
    assert whole.usage.input_tokens > 0
    assert whole.usage.output_tokens > 3


async def test_a_stream_says_what_a_plain_request_says(model: OpenAIModel) -> None:
    plain = await model.generate(a_prompt(), context=Context())
    streamed = [delta.text async for delta in model.stream(a_prompt(), context=Context())]
    assert "".join(streamed) == plain.text


async def test_an_unknown_model_is_rejected_by_name(vllm) -> None:
    model = OpenAIModel(model="huge", base_url=vllm.base_url)
    with pytest.raises(ModelRejected, match=f"'huge'.*{vllm.model}"):
        await model.generate(a_prompt(), context=Context())
    await model.close()


async def test_a_prompt_beyond_the_window_is_rejected(model: OpenAIModel) -> None:
    with pytest.raises(ModelRejected, match="8192"):
        await model.generate(a_prompt("chunk " * 9000), context=Context())


# ── Answers of a form. The model is random, so whatever obeys a schema was bound to it. ─────────────────────────────


async def test_a_schema_binds_what_it_says(model: OpenAIModel) -> None:
    output = replace(with_class(load(ANSWER, root=ANSWER.parent), Rule).output, model=None)
    prompt = replace(a_prompt(max_tokens=200), output=output)
    context = Context()
    completion = await model.generate(prompt, context=context)
    assert completion.structured == "schema"
    assert [step.facts["structured"] for step in context.trace.steps if step.name == "generate.probe"] == ["schema"]
    said = json.loads(completion.text)
    assert said.keys() == {"code", "kind", "level", "sure", "steps", "note"}
    found = read_output(completion.text, output, [])
    assert (found.formed.passed, found.formed.reason) == (True, "")
    free = await model.generate(a_prompt(max_tokens=200), context=context)
    with pytest.raises(json.JSONDecodeError):
        json.loads(free.text)


async def test_a_streamed_answer_obeys_the_schema_too(model: OpenAIModel) -> None:
    prompt = replace(a_prompt(max_tokens=200), output=with_class(load(ANSWER, root=ANSWER.parent), Rule).output)
    deltas = [delta async for delta in model.stream(prompt, context=Context())]
    assert Rule.model_validate_json("".join(delta.text for delta in deltas))
    assert deltas[-1].completion is not None
    assert deltas[-1].completion.structured == "schema"


async def test_a_schema_that_it_refuses_is_asked_for_in_words(model: OpenAIModel) -> None:
    """Its grammars cannot count in threes."""
    schema = {"type": "object", "properties": {"a": {"type": "integer", "multipleOf": 3}}, "required": ["a"]}
    output = Output(name="o", schema=schema, strict={**schema, "additionalProperties": False}, words="In JSON.")
    context = Context()
    completion = await model.generate(replace(a_prompt(), output=output), context=context)
    assert completion.structured == "words"
    assert [step.facts["structured"] for step in context.trace.steps] == ["schema"]


def test_a_project_answers_in_a_form_through_it(vllm, tmp_path: Path) -> None:
    project = tmp_path / "mine"
    environment = {**os.environ, "RAGSTONE_LOCAL_URL": vllm.base_url, "RAGSTONE_LOCAL_MODEL": vllm.model}

    def ragstone(*arguments: str | Path) -> str:
        command = [*RAGSTONE, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=True).stdout

    ragstone("init", project, "--model", "local")
    (project / "documents" / "halibut.md").write_text(HALIBUT)
    front = "  - {name: kind, enumValues: [rule, fact]}\n  - {name: sure, kind: boolean}"
    text = ANSWER.read_text(encoding="utf-8").replace("metadata:", f"outputs:\n{front}\nmetadata:", 1)
    (project / "prompts" / "form.prompty").write_text(text)
    ragstone("ingest", "--project", project)
    answer = json.loads(ragstone("ask", "When does it ship?", "--prompt", "form", "--project", project, "--json"))
    assert answer["parsed"]["kind"] in ("rule", "fact")
    assert answer["parsed"]["sure"] in (True, False)
    assert [verdict["passed"] for verdict in answer["verdicts"]] == [True, True]


def test_a_project_answers_through_it(vllm, tmp_path: Path) -> None:
    project = tmp_path / "mine"
    environment = {**os.environ, "RAGSTONE_LOCAL_URL": vllm.base_url, "RAGSTONE_LOCAL_MODEL": vllm.model}

    def ragstone(*arguments: str | Path) -> dict[str, Any]:
        command = [*RAGSTONE, *arguments, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode in (0, 3), done.stderr  # the tiny model speaks noise, which may count as no answer
        return json.loads(done.stdout)

    subprocess.run([*RAGSTONE, "init", project, "--model", "local"], check=True, env=environment, timeout=60)
    (project / "documents" / "halibut.md").write_text(HALIBUT)
    assert ragstone("ingest", "--project", project)["added"] == 1
    answer = ragstone("ask", "When does the halibut project ship?", "--project", project)
    assert answer["model"] == vllm.model
    assert answer["usage"]["input_tokens"] > 20
    assert answer["usage"]["output_tokens"] > 0
    assert answer["hits"][0]["uri"].endswith("halibut.md")


async def test_what_it_obeys_is_found_out_and_how_busy_it_is_is_read(model: OpenAIModel) -> None:
    await model.probe(context=Context())
    able = model.capabilities
    assert (able.structured, able.samples, able.logprobs) == ("schema", True, True)
    load = await model.busy(context=Context())
    assert load is not None
    assert (load.running, load.waiting) == (0, 0)
    assert 0 <= load.memory <= 1
