"""The stack of docker-compose.yml as processes, end to end: two replicas behind nginx, with all that they need."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import held_upstream
from held_upstream import HeldUpstream
from stack import Stack
from stack.ours import opened

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
SENTENCE = "The halibut project ships on 3 May 2031. [1]"
ANSWER = "The halibut project ships on 3 May 2031. Its captain is Ada Norn, who has sailed it for eleven years."
QUESTION = "When does the halibut project ship?"
PATIENCE = 120.0


@pytest.fixture(scope="module")
def upstream() -> Iterator[HeldUpstream]:
    """The model's server: it stops in the middle of a stream when it is told to."""
    with held_upstream.serving() as running:
        yield running


@pytest.fixture(scope="module")
def stack(upstream: HeldUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    page = folder / "halibut.md"
    page.write_text(f"# Halibut\n\n{ANSWER}\n")
    pages = [page, ROOT / "docs/chunking.md"]
    with opened(pages=pages, model_url=upstream.url) as running:
        running.ragstone("ingest", "--pipeline", "ingest_postgres")
        yield running


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return stack.key("tests", "--admin")


@pytest.fixture
def client(stack: Stack, key: str) -> Iterator[httpx.Client]:
    """One that asks through nginx, with a key."""
    with asking(stack.url, key) as made:
        yield made


@contextmanager
def asking(url: str, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=PATIENCE) as made:
        yield made


def asked(client: httpx.Client, **more: Any) -> dict[str, Any]:
    response = client.post("/api/ask", json={"question": QUESTION, **more})
    assert response.status_code == 200, response.text
    return response.json()


def asked_again(client: httpx.Client) -> dict[str, Any]:
    """As a client does that is told to come again: until nginx has noticed that somebody is there."""
    limit = time.monotonic() + PATIENCE
    while (response := client.post("/api/ask", json={"question": QUESTION})).status_code == 503:
        assert time.monotonic() < limit, response.text
        time.sleep(int(response.headers["retry-after"]))
    assert response.status_code == 200, response.text
    return response.json()


def said(answer: dict[str, Any]) -> str:
    """The words, without the numbers of their passages."""
    return re.sub(r" \[\d\]", "", answer["text"])


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each as soon as it is there."""
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def anew(number: int) -> dict[str, str]:
    """A question that no cache knows."""
    return {"question": f"{QUESTION} Asked for the {number}th time."}


def test_it_is_what_the_file_says(stack: Stack) -> None:
    assert stack.names == ["chroma", "redis", "postgres", "app-1", "app-2", "nginx"]
    assert "Serving" in stack.log("app-1")
    assert all(stack.running(name) for name in stack.names)


def test_it_answers_through_the_proxy_and_cites(client: httpx.Client) -> None:
    answer = asked(client)
    assert said(answer) == ANSWER
    assert answer["citations"][0]["quote"] == "The halibut project ships on 3 May 2031."


def test_without_a_key_nobody_is_answered(stack: Stack, key: str) -> None:
    response = httpx.post(f"{stack.url}/api/ask", json={"question": QUESTION}, timeout=PATIENCE)
    assert response.status_code == 401


@pytest.mark.parametrize("pipeline", ["answer", "answer_postgres"])
def test_it_searches_in_both_stores(client: httpx.Client, pipeline: str) -> None:
    response = client.post("/api/search", json={"question": QUESTION, "pipeline": pipeline})
    assert response.status_code == 200, response.text
    assert response.json()["hits"][0]["uri"] == "docs/halibut.md"


def test_a_stream_comes_piece_by_piece_through_the_proxy(client: httpx.Client, upstream: HeldUpstream) -> None:
    upstream.hold()
    try:
        with client.stream("POST", "/api/ask", json={**anew(1), "stream": True}) as response:
            found = events(response.iter_lines())
            first = next(data["text"] for name, data in found if name == "token")
            assert first.strip() == SENTENCE  # it is here, and the model has not said the rest
            upstream.let_go()
            (done,) = (data for name, data in found if name == "done")
            assert said(done) == ANSWER
    finally:
        upstream.let_go()


def test_openais_clients_chat_through_the_proxy(client: httpx.Client) -> None:
    model = client.get("/v1/models").json()["data"][0]["id"]
    messages = [{"role": "user", "content": QUESTION}]
    response = client.post("/v1/chat/completions", json={"model": model, "messages": messages})
    assert response.status_code == 200, response.text
    assert response.json()["choices"][0]["message"]["content"].startswith(SENTENCE)


def test_a_replica_that_is_killed_is_passed_over(stack: Stack, client: httpx.Client, upstream: HeldUpstream) -> None:
    upstream.hold()
    try:
        with client.stream("POST", "/api/ask", json={**anew(2), "stream": True}) as response:
            found = events(response.iter_lines())
            assert next(name for name, _ in found if name == "token")
            stack.kill("app-1")
            stack.kill("app-2")
            with pytest.raises(httpx.RemoteProtocolError):  # it was cut off in the middle, and says so
                list(found)
        response = client.post("/api/ask", json={"question": QUESTION})
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert response.json()["retryable"] is True
        stack.start("app-2")
        assert said(asked_again(client)) == ANSWER  # the other one serves, and the dead one is not waited for
    finally:
        upstream.let_go()
        stack.start("app-1")


def test_a_replica_that_is_stopped_ends_its_streams_first(
    stack: Stack, key: str, client: httpx.Client, upstream: HeldUpstream
) -> None:
    upstream.hold()
    try:
        with (
            asking(stack.address("app-1"), key) as direct,
            direct.stream("POST", "/api/ask", json={**anew(3), "stream": True}) as response,
        ):
            found = events(response.iter_lines())
            assert next(name for name, _ in found if name == "token")
            with stack.stopping("app-1"):
                wait_until_refused(stack.address("app-1"))
                upstream.let_go()
                assert [name for name, _ in found][-1] == "done"
        assert said(asked(client)) == ANSWER  # by the other one, meanwhile
    finally:
        upstream.let_go()
        stack.start("app-1")


def wait_until_refused(url: str) -> None:
    """Until nobody listens there any more."""
    while True:
        try:
            httpx.get(f"{url}/healthz", timeout=PATIENCE)
        except httpx.ConnectError:
            return


def test_without_redis_answers_are_made_anew(stack: Stack, client: httpx.Client) -> None:
    stack.kill("redis")
    try:
        assert said(asked(client)) == ANSWER
        assert said(asked(client, **anew(4))) == ANSWER
    finally:
        stack.start("redis")


def test_without_the_store_it_says_when_to_come_again(stack: Stack, client: httpx.Client) -> None:
    stack.kill("chroma")
    try:
        response = client.post("/api/search", json={"question": QUESTION})
        assert response.status_code == 503, response.text
        assert int(response.headers["retry-after"]) >= 1
        assert response.json()["retryable"] is True
        there = client.post("/api/search", json={"question": QUESTION, "pipeline": "answer_postgres"})
        assert there.status_code == 200  # the other store is not touched by it
    finally:
        stack.start("chroma")
    response = client.post("/api/search", json={"question": QUESTION})
    assert response.status_code == 200, response.text
    assert response.json()["hits"][0]["uri"] == "docs/halibut.md"


def test_many_users_at_once_get_answers_or_are_told_to_come_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    load = importlib.import_module("load")
    asked = {"users": 20, "minutes": 1 / 3, "think": 1.0, "add": 3.0, "seed": 0, "vllm": 1, "restarts": False}
    found = load.measured(stack, argparse.Namespace(**asked))
    *kinds, whole = found["kinds"]
    assert [each["kind"] for each in kinds] == ["ask", "stream", "search", "talk", "chat", "begin", "feedback"]
    assert (whole["errors"], found["trouble"]) == (0, [])
    assert found["ingestions"]["documents"] >= 1
    assert {each["what"]: each["lost"] for each in found["kept"]} == {each["what"]: 0 for each in found["kept"]}
    documents, _, feedback, turns, given, told = found["kept"]
    assert documents["there"] == found["ingestions"]["documents"]
    assert min(feedback["there"], turns["there"], given["there"], told["there"]) > 0
    assert {each["early"] is not None for each in found["memory"].values()} == {True}


def test_a_document_that_is_added_is_found_by_both_replicas(stack: Stack, key: str) -> None:
    (stack.documents / "lantern.md").write_text("# Lantern\n\nThe lantern project was ended in October 2029.\n")
    stack.ragstone("ingest")
    for name in ("app-1", "app-2"):
        with asking(stack.address(name), key) as direct:
            hits = direct.post("/api/search", json={"question": "When was the lantern project ended?"}).json()["hits"]
        assert hits[0]["uri"] == "docs/lantern.md"
