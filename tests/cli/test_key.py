"""`ragstone key`: told once, listed without secrets, revoked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import ragstone
from ragstone.cli.app import app
from ragstone.cli.init import Default, write
from ragstone.errors import AccessDenied


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    return tmp_path


def run(project: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["key", *words, "--project", str(project)])


def test_what_is_printed_opens_the_service(project: Path):
    made = run(project, "create", "intranet", "--tenant", "acme", "--principals", "group:staff")
    with ragstone.open(project) as rag:
        key = rag.keys().admit(made.stdout.strip())
    assert (key.name, key.tenant, key.principals) == ("intranet", "acme", ("group:staff",))
    assert "first key" in made.stderr
    assert "Keep it now" in made.stderr


def test_the_list_holds_no_secret(project: Path):
    token = run(project, "create", "a", "--requests", "60", "--budget", "5/day").stdout.strip()
    out = run(project, "list").stdout
    assert token.split("_", 2)[2] not in out
    assert "60 requests a minute" in " ".join(out.split())
    (listed,) = json.loads(run(project, "list", "--json").stdout)
    assert "digest" not in listed
    assert (listed["usd"], listed["period"]) == (5.0, "day")


def test_a_revoked_key_is_listed_and_opens_nothing(project: Path):
    token = run(project, "create", "a").stdout.strip()
    run(project, "revoke", "a")
    assert "revoked" in run(project, "list").stdout
    with ragstone.open(project) as rag, pytest.raises(AccessDenied):
        rag.keys().admit(token)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--budget", "5"), "5/day"),
        (("--budget", "5/week"), "5/day"),
        (("--expires", "soon"), "90d"),
        (("--expires", "0d"), "expired already"),
        (("--requests", "0"), "limit of requests"),
        (("--principals", "group:a,group:b"), "--principals group:a --principals group:b"),
        (("--tenant", ""), "tenant is wrong"),
    ],
)
def test_bad_input_says_what_was_expected(project: Path, words: tuple[str, ...], said: str):
    refused = run(project, "create", "a", *words)
    assert refused.exit_code == 2
    assert said in " ".join(refused.stderr.split())
    assert run(project, "list", "--json").stdout.strip() == "[]"


def test_revoking_what_is_not_there_is_said(project: Path):
    refused = run(project, "revoke", "nothing")
    assert refused.exit_code == 2
    assert "no key 'nothing' in use" in " ".join(refused.stderr.split())
