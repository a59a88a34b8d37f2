"""Over HTTP a key sees what its tenant and its principals may see, and nothing else, on any route there is.

Each document holds a word of its own, and so does whatever was asked or said of it: whose word comes back was seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.callers import caller
from tests.support.spending import spend

import ragstone
from ragstone import Grant
from ragstone.cli.init import Default, write

GROUPS = ("group:hr", "group:sales", "group:law")
TENANTS = ("acme", "globex")

ADMINS = {
    "/evals",
    "/evals/{name}",
    "/metrics",
    "/api/cache",
    "/api/ingest",
    "/api/ingest/{name}",
    "/api/ingest/{name}/events",
    "/api/prompts/{name}",
    "/api/prompts/{name}/explain",
}
"""What a key without `admin` gets nothing of at all."""

WORD = re.compile(r"zq[a-z]{6}")


@dataclass(frozen=True)
class Secret:
    """A word that stands in one document of one tenant, which those of one group may see."""

    word: str
    tenant: str
    group: str
    traces: list[str] = field(default_factory=list)

    def seen_by(self, key: Grant) -> bool:
        return key.tenant == self.tenant and self.group in key.principals


@dataclass(frozen=True)
class House:
    """A service with its secrets, and with a key for each tenant and each set of groups."""

    client: TestClient
    secrets: tuple[Secret, ...]
    keys: dict[tuple[str, frozenset[str]], tuple[Grant, dict[str, str]]]
    admin: dict[str, str]


def word(tenant: int, group: int) -> str:
    return "zq" + "abc"[tenant] * 3 + "def"[group] * 3


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("project")
    write(folder, model=Default.extractive)
    source = folder / "connectors" / "documents.yaml"
    source.write_text(source.read_text().replace("acl: public", "acl: {from: sidecar}"))
    secrets = [Secret(word(t, g), tenant, group) for t, tenant in enumerate(TENANTS) for g, group in enumerate(GROUPS)]
    with ragstone.open(folder) as rag:
        for tenant in TENANTS:
            _documents(folder, [one for one in secrets if one.tenant == tenant])
            rag.ingest(tenant=tenant)
        admin = {"authorization": f"Bearer {rag.keys().create(Grant(name='admin', admin=True)).token}"}
        keys = dict(_key(rag, tenant, groups) for tenant in TENANTS for groups in _subsets())
    spend(folder, [grant for grant, _ in keys.values()])
    with caller(folder) as client:
        made = House(client, tuple(secrets), keys, admin)
        for one in secrets:
            _asked(made, one)
        yield made


def _documents(folder: Path, secrets: list[Secret]) -> None:
    for path in (folder / "documents").iterdir():
        path.unlink()
    for one in secrets:
        path = folder / "documents" / f"{one.word}.md"
        path.write_text(f"# Halibut\n\nThe halibut project of {one.word} ships on 3 May 2031.\n")
        path.with_name(f"{path.name}.acl.yaml").write_text(f"allow: ['{one.group}']\n")


def _subsets() -> list[frozenset[str]]:
    return [frozenset(one for place, one in enumerate(GROUPS) if bits >> place & 1) for bits in range(2 ** len(GROUPS))]


def _key(rag: ragstone.Rag, tenant: str, groups: frozenset[str]) -> tuple[Any, Any]:
    name = " ".join([tenant, *(group.removeprefix("group:") for group in sorted(groups))])
    grant = Grant(name=name, tenant=tenant, principals=tuple(sorted(groups)))
    return (tenant, groups), (grant, {"authorization": f"Bearer {rag.keys().create(grant).token}"})


def _asked(house: House, secret: Secret) -> None:
    """Somebody of the group asks for the secret, and says so in feedback: now it stands in traces, too."""
    _, headers = house.keys[secret.tenant, frozenset({secret.group})]
    question = {"question": f"When does the halibut project of {secret.word} ship?"}
    answer = house.client.post("/api/ask", json=question, headers=headers).json()
    assert secret.word in json.dumps(answer)
    said = {"trace_id": answer["trace_id"], "comment": f"about {secret.word}"}
    assert house.client.post("/api/feedback", json=said, headers=headers).status_code == 200
    secret.traces.append(answer["trace_id"])


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """A request of any kind, which may name other tenants, other groups and other people's traces."""
    words = st.sampled_from([word(t, g) for t in range(len(TENANTS)) for g in range(len(GROUPS))])
    who: dict[str, Any] = {}
    if draw(st.booleans()):
        who["tenant"] = draw(st.sampled_from((*TENANTS, "default")))
    if draw(st.booleans()):
        who["principals"] = draw(st.lists(st.sampled_from((*GROUPS, "public")), max_size=3, unique=True))
    kind = draw(st.sampled_from(["ask", "search", "stream", "chat", "traces", "trace", "feedback", "costs", "status"]))
    if kind in ("ask", "search", "stream"):
        asked: dict[str, Any] = {"question": draw(st.sampled_from(["When does the halibut project ship?", "Halibut?"]))}
        if draw(st.booleans()):
            asked["where"] = {"uri": f"documents/{draw(words)}.md"}
        if kind == "stream":
            asked["stream"] = True
        return "POST", "/api/search" if kind == "search" else "/api/ask", {**asked, **who}
    if kind == "chat":
        said = [{"role": "user", "content": "When does the halibut project ship?"}]
        return "POST", "/v1/chat/completions", {"model": "ragstone/answer", "messages": said}
    if kind == "feedback":
        return "POST", "/api/feedback", {"trace_id": draw(words), "good": True, **who}
    return "GET", {"trace": f"/api/traces/{draw(words)}"}.get(kind, f"/api/{kind}"), who


def _sent(house: House, headers: dict[str, str], request: tuple[str, str, dict[str, Any]]) -> Any:
    """The response; a word where a trace's id belongs stands for the trace about it."""
    method, path, said = request
    traces = {one.word: one.traces[0] for one in house.secrets}
    path = WORD.sub(lambda found: traces[found[0]], path)
    said = {key: traces[value] if key == "trace_id" else value for key, value in said.items()}
    if method == "GET":
        known = {key: value for key, value in said.items() if key != "principals" or "/api/traces" in path}
        return house.client.get(path, params=known, headers=headers)
    return house.client.request(method, path, json=said, headers=headers)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tenant=st.sampled_from(TENANTS), groups=st.sampled_from(_subsets()), request=requests())
def test_a_key_sees_what_it_may_and_nothing_else(
    house: House, tenant: str, groups: frozenset[str], request: tuple[str, str, dict[str, Any]]
):
    grant, headers = house.keys[tenant, groups]
    response = _sent(house, headers, request)
    assert response.status_code < 500, response.text
    hidden = {one.word for one in house.secrets if not one.seen_by(grant)}
    assert not hidden & set(WORD.findall(response.text)), (grant, request, response.text)
    others = {one.traces[0] for one in house.secrets if not one.seen_by(grant)}
    named = set(re.findall(r"\b[0-9a-f]{16}\b", response.text)) if response.status_code == 200 else set()
    assert not others & named, (grant, request)


def test_another_tenants_trace_looks_like_one_that_is_not_there(house: House):
    _, headers = house.keys["acme", frozenset(GROUPS)]
    found = {one.tenant: one.traces[0] for one in house.secrets}

    def said(trace: str) -> tuple[int, str]:
        response = house.client.get(f"/api/traces/{trace}", headers=headers)
        return response.status_code, response.text.replace(trace, "")

    assert said(found["acme"])[0] == 200
    assert said(found["globex"]) == said("0" * 16)
    assert said("0" * 16)[0] == 404


def test_openais_clients_are_answered_from_what_the_key_may_see(house: House):
    said = {
        "model": "ragstone/answer",
        "messages": [{"role": "user", "content": "When does the halibut project ship?"}],
    }
    for one in house.secrets:
        _, headers = house.keys[one.tenant, frozenset({one.group})]
        response = house.client.post("/v1/chat/completions", json=said, headers=headers)
        assert response.status_code == 200, response.text
        assert set(WORD.findall(response.text)) == {one.word}


def test_an_admin_sees_every_trace(house: House):
    for one in house.secrets:
        found = house.client.get(f"/api/traces/{one.traces[0]}", params={"tenant": one.tenant}, headers=house.admin)
        assert one.word in found.text


def test_no_route_tells_a_key_what_is_for_admins(house: House):
    _, headers = house.keys["acme", frozenset(GROUPS)]
    paths = house.client.app.openapi()["paths"]  # type: ignore[attr-defined]
    assert paths.keys() >= ADMINS
    for path in ADMINS:
        for method in paths[path]:
            response = house.client.request(method, path.replace("{name}", "answer"), json={}, headers=headers)
            assert response.status_code == 403, (method, path, response.text)


def test_every_route_asks_for_a_key(house: House):
    for path, operations in house.client.app.openapi()["paths"].items():  # type: ignore[attr-defined]
        for method in operations:
            address = re.sub(r"\{[^}]+\}", "a", path)
            response = house.client.request(method, address, json={} if method == "post" else None)
            expected = {200} if path in ("/healthz", "/readyz", "/metrics") else {401}
            assert response.status_code in expected, (method, path, response.status_code)


def test_a_key_of_a_group_reads_what_any_route_gives_of_its_own_alone(house: House):
    """Also a route that came later: each GET of the document is asked, with the ids that there are."""
    grant, headers = house.keys["acme", frozenset({GROUPS[0]})]
    ids = [one.traces[0] for one in house.secrets] + [one.word for one in house.secrets]
    hidden = {one.word for one in house.secrets if not one.seen_by(grant)}
    for path, operations in house.client.app.openapi()["paths"].items():  # type: ignore[attr-defined]
        for one in ids if "get" in operations and "{" in path else ids[:1] if "get" in operations else ():
            response = house.client.get(re.sub(r"\{[^}]+\}", one, path), headers=headers)
            assert response.status_code < 500, (path, response.text)
            assert not (hidden - {one}) & set(WORD.findall(response.text)), (path, response.text)


def test_costs_are_those_of_the_key(house: House):
    for (tenant, groups), (grant, headers) in house.keys.items():
        told = house.client.get("/api/costs", headers=headers).json()
        assert [(row["tenant"], row["key"]) for row in told["spent"]] == [(tenant, grant.name)], groups
        assert [(row["tenant"], row["key"]) for row in told["open"]] == [(tenant, grant.name)], groups
    _, headers = house.keys["acme", frozenset(GROUPS)]
    assert house.client.get("/api/costs", params={"tenant": "globex"}, headers=headers).status_code == 403
