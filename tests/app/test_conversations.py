"""`/api/conversations`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone.cli.init import Default, write

SHIPS = "When does the halibut project ship?"
HERE = "/api/conversations"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    """Callers of one service with keys of their own."""
    folder = tmp_path_factory.mktemp("keys")
    write(folder, model=Default.extractive)
    (folder / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
        made = {
            name: rag.keys().create(ragstone.Grant(name=name, **given)).token
            for name, given in {
                "app": {"principals": ("group:hr",)},
                "web": {"principals": ("group:hr",)},
                "acme": {"tenant": "acme", "principals": ("group:hr",)},
                "admin": {"admin": True},
            }.items()
        }
    with caller(folder) as client:
        yield {name: Sent(client, token) for name, token in made.items()}  # pyright: ignore[reportReturnType]


class Sent:
    """A client that sends one key."""

    def __init__(self, client: TestClient, token: str) -> None:
        self._client, self._headers = client, {"authorization": f"Bearer {token}"}

    def __getattr__(self, method: str) -> Any:
        return lambda *given, **more: getattr(self._client, method)(*given, headers=self._headers, **more)


def begun(client: TestClient, **more: Any) -> str:
    response = client.post(HERE, json=more)
    assert response.status_code == 201, response.text
    return response.json()["id"]


def asked(client: TestClient, conversation: str, question: str = SHIPS, **more: Any) -> Any:
    return client.post(f"{HERE}/{conversation}/ask", json={"question": question, **more})


def test_a_conversation_is_kept_and_understood(client: TestClient):
    talk = begun(client, user="ana")
    first = asked(client, talk, user="ana")
    assert first.status_code == 200
    assert "3 May 2031" in first.json()["text"]
    assert asked(client, talk, "When exactly does it ship?", user="ana").status_code == 200
    shown = client.get(f"{HERE}/{talk}", params={"user": "ana"}).json()
    assert (shown["title"], shown["turns"], shown["user"]) == (SHIPS, 2, "ana")
    one, two = shown["said"]
    assert (one["number"], two["number"], two["parent"]) == (1, 2, 1)
    assert one["trace_id"] == first.json()["trace_id"]
    (cited,) = one["citations"]
    assert (cited["uri"], cited["quote"]) == ("documents/halibut.md", "The halibut project ships on 3 May 2031.")
    assert client.get(f"{HERE}/{talk}", params={"user": "ana", "limit": 1, "before": 2}).json()["said"] == [one]


def test_an_answer_may_be_streamed_and_is_kept_before_it_is_done(client: TestClient):
    talk = begun(client, user="stream")
    response = asked(client, talk, user="stream", stream=True)
    events = [block.split("\n")[0].removeprefix("event: ") for block in response.text.strip().split("\n\n")]
    assert (events[0], events[-1]) == ("hit", "done")
    done = json.loads(response.text.strip().split("\n\n")[-1].split("data: ")[1])
    (said,) = client.get(f"{HERE}/{talk}", params={"user": "stream"}).json()["said"]
    assert said["text"] == done["text"]


def test_the_list_is_paged(client: TestClient):
    ids = [begun(client, user="lists", title=f"Talk {number}") for number in range(3)]
    first = client.get(HERE, params={"user": "lists", "limit": 2}).json()["conversations"]
    assert [one["title"] for one in first] == ["Talk 2", "Talk 1"]
    rest = client.get(HERE, params={"user": "lists", "limit": 2, "before": first[-1]["id"]}).json()["conversations"]
    assert [one["id"] for one in rest] == ids[:1]


def test_it_is_renamed_branched_and_deleted(client: TestClient):
    talk = begun(client, user="b")
    asked(client, talk, user="b")
    asked(client, talk, "Which fonts are allowed?", user="b")
    renamed = client.patch(f"{HERE}/{talk}", json={"title": "Fish", "user": "b"})
    assert (renamed.status_code, renamed.json()["title"]) == (200, "Fish")
    branch = client.post(f"{HERE}/{talk}/branch", json={"at": 1, "title": "Sole", "user": "b"})
    assert branch.status_code == 201
    made = branch.json()
    assert (made["title"], made["turns"], made["branch_of"], made["branch_at"]) == ("Sole", 1, talk, 1)
    assert client.delete(f"{HERE}/{talk}", params={"user": "b"}).status_code == 204
    assert client.get(f"{HERE}/{talk}", params={"user": "b"}).status_code == 404
    assert len(client.get(f"{HERE}/{made['id']}", params={"user": "b"}).json()["said"]) == 1


def everything(client: TestClient, talk: str, **who: Any) -> list[int]:
    """The status of each way to reach a conversation."""
    reached = [
        client.get(f"{HERE}/{talk}", params=who),
        client.patch(f"{HERE}/{talk}", json={"title": "Mine", **who}),
        client.post(f"{HERE}/{talk}/branch", json=who),
        client.post(f"{HERE}/{talk}/ask", json={"question": SHIPS, **who}),
        client.post(f"{HERE}/{talk}/ask", json={"question": SHIPS, "stream": True, **who}),
        client.delete(f"{HERE}/{talk}", params=who),
    ]
    for one in reached:
        assert set(one.json()) == {"error", "message", "hint", "retryable"}
    return [one.status_code for one in reached]


def test_somebody_elses_is_not_there(keys: dict[str, TestClient]):
    talk = begun(keys["app"], user="ana")
    assert asked(keys["app"], talk, user="ana").status_code == 200
    for key, who in (
        ("app", {}),
        ("app", {"user": "bob"}),
        ("app", {"user": "ana", "principals": []}),
        ("web", {"user": "ana"}),
        ("acme", {"user": "ana"}),
        ("admin", {"user": "ana", "principals": ["group:hr"]}),
    ):
        given = {name: value for name, value in who.items() if name != "principals"}
        if who.get("principals") != []:  # an address cannot say that there are none
            assert everything(keys[key], talk, **who) == [404] * 6, (key, who)
        else:
            assert asked(keys[key], talk, **who).status_code == 404
        if who.get("principals") is None:
            assert keys[key].get(HERE, params=given).json() == {"conversations": []}
    assert len(keys["app"].get(f"{HERE}/{talk}", params={"user": "ana"}).json()["said"]) == 1
    assert everything(keys["app"], "0123456789abcdef", user="ana") == [404] * 6


def test_a_key_reaches_no_other_tenant(keys: dict[str, TestClient]):
    assert keys["app"].post(HERE, json={"tenant": "acme"}).status_code == 403
    assert keys["app"].get(HERE, params={"tenant": "acme"}).status_code == 403
    assert keys["app"].get(HERE, params={"principals": "group:it"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("post", "", {"title": ""}, 422),
        ("post", "", {"title": "x" * 201}, 422),
        ("post", "", {"title": " "}, 400),
        ("post", "", {"user": "x" * 201}, 422),
        ("post", "", {"user": "a\nb"}, 400),
        ("post", "", {"id": "mine"}, 422),
        ("post", "/..%2f/ask", {"question": SHIPS}, 404),
        ("post", "/a'b/ask", {"question": SHIPS}, 422),
        ("post", "/{talk}/ask", {}, 422),
        ("post", "/{talk}/ask", {"question": SHIPS, "inputs": {"tenant": "acme"}}, 422),
        ("post", "/{talk}/ask", {"question": SHIPS, "prompt": "absent"}, 400),
        ("post", "/{talk}/branch", {"at": 0}, 422),
        ("post", "/{talk}/branch", {"at": 1}, 400),  # nothing was said yet
        ("patch", "/{talk}", {}, 422),
    ],
)
def test_a_bad_request_is_the_callers_fault(
    client: TestClient, method: str, path: str, body: dict[str, Any], status: int
):
    response = getattr(client, method)(HERE + path.format(talk=begun(client)), json=body)
    assert response.status_code == status, response.text


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"who": "ana"}, {"before": "x" * 65}])
def test_a_bad_page_is_the_callers_fault(client: TestClient, params: dict[str, Any]):
    assert client.get(HERE, params=params).status_code == 422


def test_a_forgotten_person_has_no_conversations(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    with caller(tmp_path) as client:
        talk = begun(client, user="ana")
        with ragstone.open(tmp_path) as rag:
            assert rag.forget_user("ana").conversations == 1
        assert client.get(f"{HERE}/{talk}", params={"user": "ana"}).status_code == 404
