"""Documents and files over HTTP: who sees which, what may be put where, and what is promised of it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.support.callers import caller

import ragstone
from ragstone.cli.init import Default, write
from ragstone.state.keys import Grant

PATIENCE = 60.0
FILES = {
    "halibut.md": ("# Halibut\n\nThe halibut project ships on 3 May 2031.\n", "public"),
    "cod.md": ("# Cod\n\nThe cod project ships on 9 June 2032.\n", "group:fish"),
    "gull.md": ("# Gull\n\nThe gull project ships on 1 July 2033.\n", "group:birds"),
}


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "here"
    write(folder, model=Default.extractive)
    for name, (text, who) in FILES.items():
        (folder / "documents" / name).write_text(text)
        (folder / "documents" / f"{name}.acl.yaml").write_text(f"allow: [{who}]\n")
    source = folder / "connectors" / "documents.yaml"
    source.write_text(source.read_text().replace("acl: public", "acl: {from: sidecar}"))
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture
def project(ingested: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ingested, tmp_path / "here"))


@pytest.fixture
def client(project: Path) -> Iterator[TestClient]:
    with caller(project) as client:
        yield client


@pytest.fixture(scope="module")
def still(ingested: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    """A service and its folder, for what must change nothing."""
    folder = Path(shutil.copytree(ingested, tmp_path_factory.mktemp("still") / "here"))
    with caller(folder) as client:
        yield client, folder


def ended(client: TestClient, ingestion: dict[str, Any], **how: Any) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while (found := client.get(f"/api/ingest/{ingestion['id']}", **how).json())["state"] in ("waiting", "running"):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def uris(client: TestClient, **how: Any) -> list[str]:
    return [one["uri"] for one in client.get("/api/documents", **how).json()["documents"]]


# ── Who sees what ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_sees_what_is_theirs(project: Path):
    with ragstone.open(project) as rag:
        keys = rag.keys()
        fish = keys.create(Grant(name="fish", principals=("group:fish",))).token
        other = keys.create(Grant(name="other", tenant="acme", principals=("group:fish",))).token
        admin = keys.create(Grant(name="admin", admin=True)).token
        cod = rag.files().listed(principals=None, named="cod").documents[0].id
    with caller(project) as client:
        seen = {
            name: {"headers": {"authorization": f"Bearer {token}"}}
            for name, token in (("fish", fish), ("other", other), ("admin", admin))
        }
        assert uris(client, **seen["fish"]) == ["documents/cod.md", "documents/halibut.md"]
        assert uris(client, **seen["other"]) == []
        assert uris(client, **seen["admin"]) == ["documents/cod.md", "documents/gull.md", "documents/halibut.md"]
        (listed, *_) = client.get("/api/documents", **seen["fish"]).json()["documents"]
        assert (listed["acl"], listed["state"], listed["source"]) == (None, None, None)
        (listed, *_) = client.get("/api/documents", **seen["admin"]).json()["documents"]
        assert (listed["acl"], listed["state"], listed["source"]) == (["group:fish"], "live", "documents")
        assert client.get(f"/api/documents/{cod}", **seen["fish"]).json()["text"] == FILES["cod.md"][0]
        assert client.get(f"/api/documents/{cod}", **seen["other"]).status_code == 404
        asked = {"params": {"principals": "group:birds"}}
        assert client.get("/api/documents", **seen["fish"], **asked).status_code == 403
        for method, path in (
            ("POST", "/api/ingest"),
            ("GET", "/api/ingest"),
            ("GET", "/api/ingest/x"),
            ("PUT", "/api/documents/x.md"),
            ("DELETE", "/api/documents/cod.md"),
        ):
            found = client.request(method, path, **seen["fish"], **({"json": {}} if method == "POST" else {}))
            assert found.status_code == 403, path
    assert (project / "documents" / "cod.md").exists()


def test_pages_follow_each_other(client: TestClient):
    first = client.get("/api/documents", params={"limit": 2}).json()
    assert [one["uri"] for one in first["documents"]] == ["documents/cod.md", "documents/gull.md"]
    rest = client.get("/api/documents", params={"limit": 2, "after": first["after"]}).json()
    assert ([one["uri"] for one in rest["documents"]], rest["after"]) == (["documents/halibut.md"], None)
    assert uris(client, params={"named": "gull"}) == ["documents/gull.md"]
    assert uris(client, params={"named": "%"}) == []
    assert client.get("/api/documents", params={"limit": 0}).status_code == 422


# ── Files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_is_put_can_be_asked_soon(project: Path):
    (project / "connectors" / "documents.yaml").write_text("kind: source\ntype: files\npath: documents\nacl: public\n")
    with caller(project) as client:
        put = client.put("/api/documents/new/tern.md", content=b"# Tern\n\nThe tern project ships on 5 August 2034.\n")
        assert put.status_code == 202, put.text
        assert put.json()["uri"] == "documents/new/tern.md"
        assert ended(client, put.json()["ingestion"])["state"] == "done"
        said = client.post("/api/ask", json={"question": "When does the tern project ship?"}).json()
        assert "5 August 2034" in said["text"]
        gone = client.delete("/api/documents/new/tern.md")
        assert gone.status_code == 202
        report = ended(client, gone.json()["ingestion"])["report"]
        assert report["removed"] == 1
        assert "documents/new/tern.md" not in uris(client)
        assert client.delete("/api/documents/new/tern.md").status_code == 404


def test_a_file_takes_the_place_of_another_whole(client: TestClient, project: Path):
    put = client.put("/api/documents/halibut.md", content=b"# Halibut\n\nThe halibut project ships in 2040.\n")
    assert ended(client, put.json()["ingestion"])["report"]["changed"] == 1
    assert "2040" in (project / "documents" / "halibut.md").read_text()
    assert not list((project / "documents").rglob("*.part"))


HOSTILE = [
    "%2e%2e/pyproject.toml",
    "a/%2e%2e/%2e%2e/pyproject.toml",
    "%2e%2e%2fprompts%2fanswer.md",
    "%2fetc%2fcron.md",
    "a%00.md",
    "a%0a.md",
    "a%5c..%5cb.md",
    "c%3a%5cb.md",
    "con.md",
    "nul",
    "aux.txt",
    "a%20/b.md",
    "a./b.md",
    ".hidden.md",
    ".git/config.md",
    "a/.b/c.md",
    "x.md.acl.yaml",
    "halibut.md.acl.yaml",
    "%ff.md",
    "a" * 201 + ".md",
    "a/" * 600 + "b.md",
    "a//b.md",
    "~$a.md",
    "a%7c.md",
    "%e2%80%ae.md",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leads_elsewhere(still: tuple[TestClient, Path], name: str):
    client, project = still
    before = sorted(path.relative_to(project) for path in project.rglob("*") if ".ragstone" not in path.parts)
    found = client.put(f"/api/documents/{name}", content=b"# Bad\n")
    assert found.status_code in (400, 404, 405), found.text
    assert client.delete(f"/api/documents/{name}").status_code in (400, 404, 405)
    assert sorted(path.relative_to(project) for path in project.rglob("*") if ".ragstone" not in path.parts) == before


def test_no_link_leads_elsewhere(client: TestClient, project: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.md").write_text("mine")
    (project / "documents" / "link").symlink_to(outside)
    (project / "documents" / "file.md").symlink_to(outside / "mine.md")
    for name in ("link/mine.md", "link/new.md", "file.md"):
        assert client.put(f"/api/documents/{name}", content=b"# Bad\n").status_code == 400
        assert client.delete(f"/api/documents/{name}").status_code == 400
    assert [path.read_text() for path in outside.iterdir()] == ["mine"]
    assert client.put("/api/documents/halibut.md/x.md", content=b"# Bad\n").status_code == 400


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 415),
        (b"\x7fELF" + bytes(100), 415),
        (b"MZ" + bytes(range(256)) * 4, 415),
        (bytes(range(256)) * 10, 415),
        (b"SQLite format 3\0" + bytes(100), 415),
    ],
)
def test_what_no_parser_reads_is_not_kept(still: tuple[TestClient, Path], content: bytes, status: int):
    client, project = still
    found = client.put("/api/documents/a.md", content=content)
    assert found.status_code == status, found.text
    assert not [path for path in (project / "documents").iterdir() if path.name.startswith((".", "a.md"))]


def test_a_file_that_is_too_long_is_not_kept(client: TestClient, project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone_app.documents.LARGEST", 1_000)
    assert client.put("/api/documents/a.md", content=b"x" * 1_001).status_code == 413
    assert not [path for path in (project / "documents").iterdir() if path.name.startswith((".", "a.md"))]


def test_a_source_says_how_large_a_file_may_be(project: Path):
    source = project / "connectors" / "documents.yaml"
    source.write_text(f"{source.read_text()}\nmax_bytes: 100\n")
    with caller(project) as client:
        found = client.put("/api/documents/a.md", content=b"x" * 101)
        assert found.status_code == 400
        assert "100 bytes" in found.json()["message"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(client: TestClient, project: Path):
    (project / "documents").chmod(0o555)
    try:
        assert client.put("/api/documents/a.md", content=b"# A\n").status_code == 409
    finally:
        (project / "documents").chmod(0o755)


def test_an_unknown_source_is_told(client: TestClient):
    found = client.put("/api/documents/a.md", content=b"# A\n", params={"source": "documnts"})
    assert found.status_code == 400
    assert "documents" in found.json()["hint"]
