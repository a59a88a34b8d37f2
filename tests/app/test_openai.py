"""A pipeline as one of OpenAI's models: `ragstone/answer`, and its embedder: `embed/ingest`."""

from __future__ import annotations

import base64
import json
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import mock_upstream
import ragstone
from fault_proxy import Proxy, proxying
from ragstone.cli.init import Default, write
from ragstone.state.keys import Grant
from ragstone.types import Message

MODEL = "ragstone/answer"
PATIENCE = 60.0
SHIPS = {"role": "user", "content": "When does the halibut project ship?"}
PARTS = {"halibut.md": "# Halibut\n\nThe halibut project ships on 3 May 2031.\n", "cod.md": "# Cod\n\nCod swims.\n"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write(folder, model=Default.extractive)
    for name, text in PARTS.items():
        (folder / "documents" / name).write_text(text)
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """Before a model that says the same words whatever it is asked."""
    with mock_upstream.serving() as upstream, proxying(upstream.url) as running:
        yield running


@pytest.fixture(scope="module")
def writing(project: Path, tmp_path_factory: pytest.TempPathFactory, proxy: Proxy) -> Iterator[TestClient]:
    """The same project with a model that writes."""
    folder = tmp_path_factory.mktemp("writing") / "project"
    shutil.copytree(project, folder)
    model = f"kind: model\ntype: openai\nbase_url: {proxy.url}\nmodel: mock\nprice: {{input: 1, output: 2}}\n"
    (folder / "connectors" / "mock.yaml").write_text(model)
    (folder / "pipelines" / "answer.yaml").write_text("index: ingest\nroute: {models: [mock]}\nchecks: []\n")
    with caller(folder) as client:
        end = time.monotonic() + PATIENCE
        while not client.app.state.probing.done():  # type: ignore[attr-defined]
            assert time.monotonic() < end, "what the model can do is not found out"
            time.sleep(0.01)
        yield client


@pytest.fixture(scope="module")
def client(project: Path) -> Iterator[TestClient]:
    with caller(project) as client:
        yield client


def asked(client: TestClient, *messages: dict[str, Any], **more: Any) -> Any:
    return client.post("/v1/chat/completions", json={"model": MODEL, "messages": messages or [SHIPS], **more})


def events(reply: Any) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in reply.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


# ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_cited_in_its_text_in_its_annotations_and_in_full(client: TestClient):
    found = asked(client).json()
    (choice,) = found["choices"]
    message = choice["message"]
    assert message["content"] == "The halibut project ships on 3 May 2031. [1]\n\n[1] documents/halibut.md › Halibut"
    (annotation,) = message["annotations"]
    cited = annotation["url_citation"]
    assert annotation["type"] == "url_citation"
    assert message["content"][cited["start_index"] : cited["end_index"]] == "[1]"
    assert (cited["url"], cited["title"]) == ("documents/halibut.md", "Halibut")
    ours = found["ragstone"]
    assert ours["citations"][0]["quote"] == "The halibut project ships on 3 May 2031."
    assert ours["citations"][0]["number"] == 1
    assert (ours["abstained"], found["model"], choice["finish_reason"]) == (False, MODEL, "stop")
    assert client.post("/api/feedback", json={"trace_id": ours["trace_id"], "good": True}).status_code == 200


def test_a_stream_says_the_same(client: TestClient):
    whole = asked(client).json()["choices"][0]["message"]
    pieces = events(asked(client, stream=True, stream_options={"include_usage": True}))
    said = "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces if piece["choices"])
    assert said == whole["content"]
    (last,) = [piece for piece in pieces if piece["choices"] and piece["choices"][0]["finish_reason"]]
    assert last["choices"][0]["delta"]["annotations"] == whole["annotations"]
    assert last["ragstone"]["citations"][0]["uri"] == "documents/halibut.md"
    assert pieces[-1]["choices"] == []
    assert set(pieces[-1]["usage"]) >= {"prompt_tokens", "completion_tokens", "total_tokens"}


def test_what_the_documents_do_not_say_is_not_answered(client: TestClient):
    found = asked(client, {"role": "user", "content": "Who won the chess olympiad of 1974?"}).json()
    assert found["ragstone"]["abstained"] is True
    assert found["choices"][0]["message"]["annotations"] == []


def last(proxy: Proxy) -> dict[str, Any]:
    """What the model was asked last."""
    found = proxy.seen[-1].body
    assert isinstance(found, dict)
    return found


def test_earlier_turns_are_searched_with_and_sent_but_for_the_sources_that_we_wrote_below(
    writing: TestClient, proxy: Proxy
):
    said = "It ships in May. [1]\n\n[1] documents/halibut.md › Halibut"
    history = [SHIPS, {"role": "assistant", "content": said, "annotations": [{"type": "url_citation"}]}]
    asked(writing, *history, {"role": "user", "content": "Who leads it?"})
    sent = [(one["role"], one["content"]) for one in last(proxy)["messages"]]
    assert ("assistant", "It ships in May. [1]") in sent
    assert sent[0][0] == "system"
    assert "You hold a conversation" in sent[0][1], "the pipeline's prompt for conversations"
    assert sent[-1] == ("user", "Who leads it?")
    assert any("ships on 3 May 2031" in content for _, content in sent), "what it pointed back to was searched for"


def test_several_messages_of_one_side_are_one_turn(writing: TestClient, proxy: Proxy):
    asked(writing, SHIPS, {"role": "user", "content": "Tell me."}, {"role": "assistant", "content": "In May."}, SHIPS)
    sent = [(one["role"], one["content"]) for one in last(proxy)["messages"]]
    assert ("user", f"{SHIPS['content']}\n\nTell me.") in sent


def test_settings_count_before_those_of_the_prompt_file(writing: TestClient, proxy: Proxy):
    asked(writing, temperature=0.7, top_p=0.5, seed=3, stop=["x"], max_tokens=4)
    sent = last(proxy)
    assert (sent["temperature"], sent["top_p"], sent["seed"], sent["stop"]) == (0.7, 0.5, 3, ["x"])
    assert sent.get("max_completion_tokens", sent.get("max_tokens")) == 4
    asked(writing, max_tokens=100_000)
    sent = last(proxy)
    assert int(sent.get("max_completion_tokens", sent.get("max_tokens", 0))) in range(1, 100_000), (
        "the file says how long"
    )
    assert sent["temperature"] == 0


def test_what_was_used_is_told(writing: TestClient):
    found = asked(writing).json()
    assert found["usage"]["completion_tokens"] == 10
    assert found["ragstone"]["cost"] > 0
    assert found["ragstone"]["model"] == "mock"


def test_a_system_message_is_left_out_and_that_is_said(client: TestClient):
    plain = asked(client).json()
    for role in ("system", "developer"):
        found = asked(client, {"role": role, "content": "Talk like a pirate."}, SHIPS).json()
        assert found["choices"][0]["message"]["content"] == plain["choices"][0]["message"]["content"]
        assert any("system message was left out" in notice for notice in found["ragstone"]["notices"])
    assert not any("system message" in notice for notice in plain["ragstone"]["notices"])


@pytest.mark.parametrize(
    ("messages", "more", "param"),
    [
        ([{"role": "system", "content": "x"}], {}, "messages"),
        ([SHIPS, {"role": "assistant", "content": "In May."}], {}, "messages"),
        ([SHIPS], {"n": 2}, "n"),
        (
            [SHIPS],
            {"response_format": {"type": "json_schema", "json_schema": {"name": "d", "schema": {"type": "object"}}}},
            "response_format",
        ),
        ([SHIPS], {"tools": []}, "tools"),
        ([{"role": "user", "content": "  "}], {}, None),
        ([{"role": "user", "content": "x" * 1_000_000}], {}, None),
    ],
)
def test_what_it_cannot_do_is_refused(
    client: TestClient, messages: list[dict[str, Any]], more: dict[str, Any], param: str | None
):
    found = asked(client, *messages, **more)
    assert found.status_code == 400
    error = found.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


def test_a_hundred_thousand_messages_are_read_and_the_last_ones_count(client: TestClient):
    many = [SHIPS, {"role": "assistant", "content": "In May."}] * 50_000
    found = asked(client, *many, {"role": "user", "content": "When does the halibut project ship?"})
    assert found.status_code == 200
    assert "3 May 2031" in found.json()["choices"][0]["message"]["content"]


# ── Models ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_models_are_the_pipelines_by_what_they_do(client: TestClient):
    listed = [one["id"] for one in client.get("/v1/models").json()["data"]]
    assert listed == ["ragstone/answer", "route/answer", "embed/ingest"]
    for name in listed:
        assert client.get(f"/v1/models/{name}").json()["id"] == name


@pytest.mark.parametrize("name", ["ragstone/answr", "ragstone", "gpt-5", "embed/answer", "ragstone/../answer"])
def test_an_unknown_model_is_a_404_with_what_there_is(client: TestClient, name: str):
    for found in (
        client.post("/v1/chat/completions", json={"model": name, "messages": [SHIPS]}),
        client.post("/v1/embeddings", json={"model": name, "input": "x"}),
    ):
        assert found.status_code == 404
        assert found.json()["error"]["code"] == "model_not_found"
    assert client.get(f"/v1/models/{name}").status_code == 404


def test_a_model_of_another_kind_is_none_here(client: TestClient):
    assert client.post("/v1/embeddings", json={"model": MODEL, "input": "x"}).status_code == 404
    body = {"model": "embed/ingest", "messages": [SHIPS]}
    assert client.post("/v1/chat/completions", json=body).status_code == 404


# ── Embeddings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def embedded(client: TestClient, given: object, **more: Any) -> Any:
    return client.post("/v1/embeddings", json={"model": "embed/ingest", "input": given, **more})


def test_embeddings_are_those_of_the_pipeline(client: TestClient, project: Path):
    found = embedded(client, ["Cod swims.", "Halibut ships."]).json()
    assert [one["index"] for one in found["data"]] == [0, 1]
    vector = found["data"][0]["embedding"]
    assert len(vector) == 384
    assert sum(one * one for one in vector) == pytest.approx(1)
    with ragstone.open(project) as rag:
        ours = rag.embed(["Cod swims."])
        assert sum(one * other for one, other in zip(vector, ours.vectors[0], strict=True)) > 0.9999
    assert found["usage"]["prompt_tokens"] == found["usage"]["total_tokens"] > ours.tokens > 2


def test_base64_holds_the_same_numbers(client: TestClient):
    (plain,) = embedded(client, "Cod swims.").json()["data"]
    (packed,) = embedded(client, "Cod swims.", encoding_format="base64").json()["data"]
    assert list(struct.unpack("<384f", base64.b64decode(packed["embedding"]))) == plain["embedding"]


@pytest.mark.parametrize(
    ("given", "more", "param"),
    [
        ([], {}, "input"),
        ("", {}, "input"),
        ([[1, 2]], {}, "input"),
        ([1, 2], {}, "input"),
        (["x"] * 2049, {}, "input"),
        ("x", {"dimensions": 100}, "dimensions"),
        ("x", {"encoding_format": "hex"}, "encoding_format"),
        ("x", {"truncate": True}, "truncate"),
        (["fine", "  "], {}, None),
        ("word " * 1000, {}, None),
    ],
)
def test_what_cannot_be_embedded_is_refused(client: TestClient, given: object, more: dict[str, Any], param: str | None):
    found = embedded(client, given, **more)
    assert found.status_code == 400
    assert found.json()["error"]["param"] == param


def test_the_dimensions_that_there_are_may_be_named(client: TestClient):
    assert embedded(client, "x", dimensions=384, user="ana").status_code == 200


# ── Whose ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_sees_its_own_documents_alone(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text(PARTS["halibut.md"])
    (tmp_path / "documents" / "halibut.md.acl.yaml").write_text("allow: [group:fish]\n")
    source = tmp_path / "connectors" / "documents.yaml"
    source.write_text(source.read_text().replace("acl: public", "acl: {from: sidecar}"))
    with ragstone.open(tmp_path) as rag:
        rag.ingest()
        fish = rag.keys().create(Grant(name="fish", principals=("group:fish",))).token
        other = rag.keys().create(Grant(name="other", principals=("group:birds",))).token
        tenant = rag.keys().create(Grant(name="tenant", tenant="acme", principals=("group:fish",))).token
    with caller(tmp_path) as client:
        said: list[bool] = []
        for token in (fish, other, tenant):
            body = {"model": MODEL, "messages": [SHIPS]}
            found = client.post("/v1/chat/completions", json=body, headers={"authorization": f"Bearer {token}"})
            assert found.status_code == 200
            said.append("3 May 2031" in found.text)
        assert said == [True, False, False]
        assert client.post("/v1/embeddings", json={"model": "embed/ingest", "input": "x"}).status_code == 401


# ── What the SDK adds ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_sdk_asks_with_earlier_turns_too(project: Path):
    with ragstone.open(project) as rag:
        history = [Message("user", "When does the halibut project ship?"), Message("assistant", "In May.")]
        answer = rag.ask("Who leads it?", history=history)
        assert answer.hits[0].chunk.uri == "documents/halibut.md"
        trace = rag.trace(answer.trace_id)
        assert trace is not None
        assert trace.name == "chat"
        with pytest.raises(ragstone.errors.UsageError, match="unknown side"):
            rag.ask("When?", history=[Message("system", "Talk like a pirate.")])
