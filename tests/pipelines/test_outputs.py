"""Answers of a form, from the question to `answer.parsed`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

import ragstone
from ragstone.errors import ModelUnavailable, NotConfigured, PromptError, UsageError
from ragstone.inference.router import Router
from ragstone.output import Output
from ragstone.protocols import Capabilities
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.types import Context, Message, Prompt

FILES = {"a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz."}
SHIPS = "When does the halibut project ship?"
ABSTAINED = "The documents do not answer this question."
PROMPT = f"""\
---
name: ships
inputs:
  - {{name: question, kind: string, required: true}}
outputs:
  - {{name: answer}}
  - {{name: year, kind: integer, required: false}}
metadata:
  ragstone: {{abstain: {ABSTAINED}}}
---
system:
Without an answer say: {ABSTAINED}

user:
{{{{ passages }}}}

{{{{ question }}}}
"""


class Ships(BaseModel):
    answer: str
    lead: str = "nobody"


def made(model: Any, **parts: Any) -> ragstone.AsyncRag:
    source = MemorySource(FILES)
    source.name = "documents"
    parts = {"store": MemoryStore(), "lexical": MemoryLexicalIndex(), "embedder": HashingEmbedder(), **parts}
    return ragstone.AsyncRag(model=model, sources=[source], **parts)


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    path = tmp_path / "ships.prompty"
    path.write_text(PROMPT, encoding="utf-8")
    return path


async def test_the_outputs_of_a_file_make_a_dict(prompt: Path) -> None:
    model = ScriptedModel(['{"answer": "It ships on 3 May 2031 [1].", "year": 2031}'])
    async with made(model, prompt=prompt) as rag:
        await rag.ingest()
        stream = rag.stream(SHIPS)
        said = "".join([delta.text async for delta in stream])
        trace = await rag.trace(stream.answer.trace_id)
    answer = stream.answer
    assert said == answer.text
    assert answer.parsed == {"answer": "It ships on 3 May 2031 [1].", "year": 2031}
    assert [citation.quote for citation in answer.citations] == ["The halibut project ships on 3 May 2031."]
    assert [(verdict.check, verdict.passed) for verdict in answer.verdicts] == [
        ("citations", True),
        ("output", True),
        ("egress", True),
    ]
    assert json.loads(answer.text) == answer.as_dict()["parsed"] == answer.parsed
    assert answer.completion.structured == "words"
    assert trace is not None
    facts = {step.name: step.facts for step in trace.steps}
    assert facts["generate"]["structured"] == "words"
    assert facts["check.output"] == {"passed": True, "reason": ""}


async def test_a_model_that_takes_no_schema_is_told_in_words_at_the_end(prompt: Path) -> None:
    model = ScriptedModel(['{"answer": "It ships [1]."}'])
    async with made(model, prompt=prompt) as rag:
        await rag.ingest()
        await rag.ask(SHIPS)
        shown = await rag.explain(SHIPS)
    sent = model.prompts[0].messages[-1].content
    assert shown.output is not None
    assert sent == f"{shown.messages[-1].content}\n\n{shown.output.words}"
    assert '"year"' in shown.output.words


async def test_a_class_counts_before_the_file_and_makes_an_instance(prompt: Path) -> None:
    model = ScriptedModel(['{"answer": "Ana Ruiz leads it [1].", "lead": null}'] * 2)
    async with made(model, prompt=prompt) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS, output=Ships)
        told = await rag.chat(prompt=str(prompt)).ask(SHIPS, output=Ships)
        plain, other = await rag.explain(SHIPS), await rag.explain(SHIPS, output=Ships)
    assert answer.parsed == told.parsed == Ships(answer="Ana Ruiz leads it [1].")
    assert answer.as_dict()["parsed"] == {"answer": "Ana Ruiz leads it [1].", "lead": "nobody"}
    assert answer.prompt.version == other.version != plain.version


async def test_an_answer_that_does_not_fit_is_kept_and_said_to_be_wrong(prompt: Path) -> None:
    model = ScriptedModel(['{"answer": "It ships on 3 May 2031 [1].", "year": "soon"}'])
    async with made(model, prompt=prompt) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
    assert answer.parsed is None
    assert "3 May 2031 [1]" in answer.text
    assert len(answer.citations) == 1
    (verdict,) = [verdict for verdict in answer.verdicts if verdict.check == "output"]
    assert (verdict.passed, verdict.reason) == (False, "year: 'soon' is not of type 'integer'")
    assert answer.as_dict()["verdicts"][1]["passed"] is False


@pytest.mark.parametrize("said", [ABSTAINED, json.dumps({"answer": ABSTAINED})])
async def test_it_abstains_in_words_and_within_the_form(prompt: Path, said: str) -> None:
    async with made(ScriptedModel([said]), prompt=prompt) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
    assert (answer.abstained, answer.citations) == (True, ())
    assert all(verdict.passed for verdict in answer.verdicts)
    assert answer.parsed == (None if said == ABSTAINED else {"answer": ABSTAINED})


async def test_nothing_found_asks_no_model(prompt: Path) -> None:
    async with made(ScriptedModel([]), prompt=prompt) as rag:
        answer = await rag.ask(SHIPS)
    assert (answer.abstained, answer.parsed) == (True, None)


async def test_free_text_has_nothing_parsed() -> None:
    async with made(ScriptedModel(["It ships on 3 May 2031 [1]."])) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
    assert answer.parsed is None
    assert [verdict.check for verdict in answer.verdicts] == ["citations", "egress"]


async def test_something_else_than_a_class_is_refused_before_anything_is_searched() -> None:
    embedder = HashingEmbedder()
    async with made(ScriptedModel([]), embedder=embedder) as rag:
        with pytest.raises(UsageError, match="no class of pydantic"):
            await rag.ask(SHIPS, output={"type": "object"})  # type: ignore[arg-type]


class Quoting(ScriptedModel):
    capabilities = Capabilities(generative=False, local=True)


async def test_a_model_that_only_quotes_is_refused_before_anything_is_searched(prompt: Path) -> None:
    async with made(Quoting(["never"]), prompt=prompt) as rag:
        await rag.ingest()
        stream = rag.stream(SHIPS)
        with pytest.raises(NotConfigured, match=r"prompt 'ships': its answer has a form \(outputs\), which needs a"):
            await anext(aiter(stream))
        (trace,) = await rag.traces(limit=1)
    assert trace.steps == ()


def with_output() -> Prompt:
    schema = {"type": "object"}
    output = Output(name="o", schema=schema, strict=schema, words="In JSON.")
    return Prompt(name="p", version="1", messages=(Message("user", "Hello"),), output=output)


async def test_a_route_falls_back_past_a_model_that_only_quotes() -> None:
    first, last = ScriptedModel([ModelUnavailable("overloaded")]), ScriptedModel(["{}"])
    router = Router({"first": first, "quoting": Quoting(["never"]), "last": last})
    deltas = [delta async for delta in router.stream(with_output(), context=Context())]
    completion = deltas[-1].completion
    assert completion is not None
    assert completion.text == "{}"
    assert completion.notice == "overloaded\nquoting only quotes, so it cannot give an answer of a form"


async def test_a_route_that_ends_with_a_model_that_only_quotes_raises_what_went_wrong() -> None:
    router = Router({"first": ScriptedModel([ModelUnavailable("overloaded")]), "quoting": Quoting(["never"])})
    with pytest.raises(ModelUnavailable, match="overloaded"):
        [delta async for delta in router.stream(with_output(), context=Context())]


async def test_a_model_that_takes_schemas_gets_the_prompt_as_it_is() -> None:
    class Structured(ScriptedModel):
        capabilities = Capabilities(structured="schema")

    model = Structured(["{}"])
    [delta async for delta in Router({"m": model}).stream(with_output(), context=Context())]
    assert model.prompts == [with_output()]


@pytest.fixture
def broken(prompt: Path) -> Path:
    prompt.write_text(PROMPT.replace("kind: integer", "kind: int"), encoding="utf-8")
    return prompt


async def test_a_broken_form_is_reported_before_anything_is_searched(broken: Path) -> None:
    async with made(ScriptedModel([]), prompt=broken) as rag:
        with pytest.raises(PromptError, match=r"ships\.prompty:7:18: outputs\.1\.kind"):
            await rag.ask(SHIPS)


async def test_a_value_with_a_form_carries_nothing_away(tmp_path: Path) -> None:
    class Page(BaseModel):
        answer: str
        url: Annotated[str, Field(json_schema_extra={"format": "uri"})] = ""

    said = json.dumps({"answer": "It ships [1].", "url": "https://evil.example/?q=31-05-03"})
    async with made(ScriptedModel([said])) as rag:
        await rag.ingest()
        stream = rag.stream(SHIPS, output=Page)
        told = "".join([delta.text async for delta in stream])
    answer = stream.answer
    assert told == answer.text
    assert "https://evil.example" not in told
    assert [one.check for one in answer.verdicts if not one.passed] == ["egress"]
