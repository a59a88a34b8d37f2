"""No personal data reaches a model of others, whatever is asked on the way to an answer; and the answer has the values.

The passages and the question hold values that stand nowhere else. The model repeats every name that it is told, in
whatever form it is asked for.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import openai_server
from cached_project import CachedProject
from filled import filled
from layer_files import layered_file
from layer_pairs import EXAMPLES, OUTPUTS, file_with
from openai_server import completion, failure
from ragstone.assembly import LooseParts
from ragstone.errors import ModelError
from ragstone.inference.router import Router
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.personal import PersonalModel
from ragstone.pipelines.spec import PersonalSpec
from ragstone.protocols import Capabilities
from ragstone.rag import AsyncRag
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore, ScriptedModel
from ragstone.text.personal.finding import find
from ragstone.types import Context, Message, Prompt, Slot
from ragstone.validation.personal.check import PersonalCheck

MAIL, PHONE, IBAN = "zander.fisch7q@example.com", "+49 231 555 0142", "GB82 WEST 1234 5698 7654 32"
ASKER = "asker9z@example.org"
FILES = {
    "salaries.md": f"# Salaries\n\nThe lead of the apparatus is reached at {MAIL} or {PHONE}, and paid to {IBAN}.",
    "boats.md": "# Boats\n\nThe halibut project owns 1,250 boats, and they are red.",
}
QUESTION = f"How is the lead of the apparatus reached? Tell {ASKER}."
BODY = """\
system:
Answer from the passages.

user:
{{ passages }}

Question: {{ question }}
"""
BOATS = "How many boats does the halibut project own?"
SECRET = re.compile("zander|fisch7q|555[ ¤]?0142|WEST|asker9z", re.IGNORECASE)
NAME = re.compile(r"<[A-Z_]+_\d+>")


class Repeating(ScriptedModel):
    """Says every name that it was told."""

    def __init__(self, *, searches: str = "") -> None:
        super().__init__(self._said, capabilities=Capabilities(local=False, samples=True, structured="schema"))
        self.searches, self.name = searches, "others"

    def _said(self, prompt: Prompt) -> str:
        told = "\n".join(message.content for message in prompt.messages)
        known = " ".join(dict.fromkeys(NAME.findall(told))) or "boats"
        if prompt.output is None:
            return f"It is {known} [1].\n#### {known}"
        found = filled(prompt.output.schema, known)
        if self.searches and "action" in found:
            searched = any("Observation" in message.content for message in prompt.messages)
            found["action"], found["input"] = ("finish", known) if searched else ("search", self.searches)
        return json.dumps(found)

    def require_untold(self) -> None:
        """Nothing of what it was given holds a value."""
        assert self.prompts
        for prompt in self.prompts:
            held = [message.content for message in prompt.messages] + [slot.text for slot in prompt.slots]
            assert not any(SECRET.search(text) for text in held), held
            assert not any(slot.hits for slot in prompt.slots)


class Parts(LooseParts):
    """A project with one model, which is none of its own."""

    def __init__(self, *, searches: str = "", files: dict[str, str] = FILES, **parts: Any) -> None:
        self.others = Repeating(searches=searches)
        source = MemorySource(files)
        source.name, source.trust = "documents", "author"  # an answer may give their addresses
        super().__init__(
            store=MemoryStore(),
            lexical=MemoryLexicalIndex(),
            embedder=HashingEmbedder(),
            model=ScriptedModel([]),
            sources=[source],
            **parts,
        )

    def answer(self, *, tenant: str, pipeline: str = "answer") -> AnswerPipeline:
        private = PersonalModel(self.others, PersonalCheck(), PersonalSpec())
        return super().answer(tenant=tenant, pipeline=pipeline).using(router=Router({"others": private}))


async def opened(parts: Parts) -> AsyncRag:
    rag = AsyncRag.__new__(AsyncRag)
    rag._parts = parts  # pyright: ignore[reportPrivateUsage]
    await rag.ingest()
    return rag


@pytest.mark.parametrize("layer", sorted({*EXAMPLES} - {"persona", "react"}))
async def test_no_layer_carries_it_out(layer: str, tmp_path: Path):
    file_with(tmp_path, frozenset([layer]))
    path = tmp_path / "test.prompty"
    path.write_text(re.sub(r"system:\n(.|\n)*", lambda _: BODY, path.read_text()))
    parts = Parts(prompt=path)
    async with await opened(parts) as rag:
        with suppress(ModelError):  # a reply that no layer can use: what was sent on the way counts
            await rag.ask(QUESTION, k=1)
    parts.others.require_untold()


@pytest.mark.parametrize("mark", ["none", "delimit", "datamark", "encode"])
async def test_the_answer_has_the_values_however_passages_are_marked(mark: str, tmp_path: Path):
    part = f'{{% include "parts/{mark}.md" %}}' if mark != "none" else ""
    body = BODY.replace("Answer from the passages.", f"Answer from the passages. {part}")
    parts_folder = tmp_path / "parts"
    parts_folder.mkdir()
    source = Path(__file__).parents[2] / "prompts" / "parts"
    for path in source.iterdir():
        (parts_folder / path.name).write_bytes(path.read_bytes())
    path = layered_file(tmp_path, own=f"passages: {{mark: {mark}}}", body=body).path
    parts = Parts(prompt=path)
    async with await opened(parts) as rag:
        answer = await rag.ask(QUESTION, k=1)
        read = "".join([delta.text async for delta in rag.stream(QUESTION, k=1)])
    parts.others.require_untold()
    wanted = [ASKER] if mark == "encode" else [MAIL, PHONE, IBAN, ASKER]  # what is encoded, the model cannot repeat
    for value in wanted:
        assert value in answer.text
        assert value in read


async def test_what_a_tool_finds_is_told_by_names_and_the_tool_is_given_values(tmp_path: Path):
    path = layered_file(tmp_path, "{react: {tools: [search], max_steps: 4}}", outputs=OUTPUTS, body=BODY).path
    parts = Parts(prompt=path, searches="Who is the lead of the apparatus?")
    async with await opened(parts) as rag:
        with suppress(ModelError):
            await rag.ask(f"{BOATS} Tell {ASKER}.", k=1)
    parts.others.require_untold()
    assert any("<PHONE_NUMBER_" in message.content for one in parts.others.prompts for message in one.messages)


@pytest.mark.parametrize("rewrite", ["condense", "multi_query", "hyde", "step_back", "decompose"])
async def test_follow_ups_and_their_rewriting_tell_names(rewrite: str, tmp_path: Path):
    path = tmp_path / "asked.prompty"
    retrieve = f"metadata:\n  ragstone:\n    retrieve: {{rewrite: [{rewrite}]}}\n"
    path.write_text(f"---\ninputs: [{{name: question, required: true}}]\n{retrieve}---\n{BODY}")
    parts = Parts(prompt=path)
    async with await opened(parts) as rag:
        chat = rag.chat(prompt=str(path))
        first = await chat.ask(QUESTION)
        assert MAIL in first.text
        second = await chat.ask("And how many boats do they own?")
        assert ASKER in second.text  # it stands in the history
    parts.others.require_untold()


# ── On the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────


def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, route: str, cache: str = "false") -> Any:
    made = CachedProject(tmp_path, monkeypatch)
    made.write("documents/salaries.md", FILES["salaries.md"])
    made.write("connectors/documents.yaml", "kind: source\ntype: files\npath: documents\ntrust: author\n")
    for name in ("api", "second"):
        keys = f"kind: model\ntype: openai\nbase_url: {url}\nmodel: {name}\napi_key: none\nlocal: false\n"
        made.write(f"connectors/{name}.yaml", keys)
    made.write("pipelines/answer.yaml", f"index: ingest\nprompt: answer\nroute: {route}\ncache: {cache}\n")
    return made


def sent(server: Any) -> list[str]:
    return [json.dumps(body, ensure_ascii=False) for path, body, _ in server.requests if path.endswith("completions")]


async def test_retries_and_fallbacks_say_the_same_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with openai_server.serving() as server:
        made = project(tmp_path, monkeypatch, server.url, "{models: [api, second], personal: true}")
        async with made.opened() as rag:
            await rag.ingest()
            server.will(failure(503, "busy"), failure(503, "busy"), completion("Write to <EMAIL_ADDRESS_1> [1]."))
            answer = await rag.ask(QUESTION, k=1)
        bodies = sent(server)
    assert len(bodies) >= 2
    assert not any(SECRET.search(body) for body in bodies)
    assert len({json.dumps(json.loads(body)["messages"]) for body in bodies}) == 1
    assert "zander.fisch7q@example.com" in answer.text or ASKER in answer.text


# ── The public data ─────────────────────────────────────────────────────────────────────────────────────────────────

DATA = Path(os.environ.get("RAGSTONE_DATA", "../shared/data")) / "pii" / "presidio.jsonl"


@pytest.mark.skipif(not DATA.exists(), reason="RAGSTONE_DATA names no folder with pii/presidio.jsonl")
async def test_nothing_that_is_found_in_the_public_data_is_told_and_all_of_it_comes_back():
    rows = [json.loads(line)["text"] for line in DATA.read_text(encoding="utf-8").splitlines()][::4]
    inner = ScriptedModel(lambda asked: asked.messages[-1].content, capabilities=Capabilities(local=False))
    model = PersonalModel(inner, PersonalCheck(types="all"), PersonalSpec())
    for text in rows:
        slot = Slot(name="question", trust="user", text=text)
        asked = Prompt(name="a", version="1", messages=(Message("user", text),), slots=(slot,))
        assert (await model.generate(asked, context=Context())).text == text
        told = inner.prompts[-1].messages[0].content
        for span in find(text):
            value = text[span.start : span.end]
            assert len(value) < 5 or value not in told


async def test_a_stream_that_a_server_cuts_anywhere_has_the_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with openai_server.serving() as server:
        made = project(tmp_path, monkeypatch, server.url, "{models: [api], personal: {send: pseudonyms}}")
        async with made.opened() as rag:
            await rag.ingest()
            pieces = [
                *map(openai_server.piece, ("Ask <EMAIL", "_ADDR", "ESS_1", "> soon [1].")),
                openai_server.piece(finish_reason="stop"),
            ]
            server.will(openai_server.streamed(*pieces))
            said = "".join([delta.text async for delta in rag.stream(f"Who is {ASKER}?", k=1)])
        (body,) = sent(server)
    assert not SECRET.search(body)
    assert re.search(r"Ask (asker9z@example\.org|zander\.fisch7q@example\.com) soon", said)


async def test_a_request_that_may_not_be_sent_is_answered_by_a_model_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with openai_server.serving() as server:
        made = project(tmp_path, monkeypatch, server.url, "{models: [api, one], personal: {send: nothing}}")
        made.say = lambda _, __: "It is said here [1]."
        async with made.opened() as rag:
            await rag.ingest()
            answer = await rag.ask(QUESTION, k=1)
    assert not sent(server)
    assert (len(made.asked), answer.text) == (1, "It is said here [1].")
    assert any("may not be sent" in notice for notice in answer.notices)
