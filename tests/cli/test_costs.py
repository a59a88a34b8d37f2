"""`ragstone costs`."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone.connectors.sqlite_ledger import SqliteLedger
from ragstone.evaluation.plots.costs import drawn
from ragstone.spending import Claim
from ragstone.terms import Account
from ragstone.types import Context
from ragstone.usage import NANO, Price, Usage

TODAY = datetime.now(UTC).date().isoformat()
USED = Usage(input_tokens=1_000, cached_tokens=600, output_tokens=100)
PRICE = Price(input=1, output=4, cached_input=0.5)


def claim(day: str = TODAY, tenant: str = "acme", model: str = "large", **given: Any) -> Claim:
    account = Account(tenant=tenant, key="app", model=model)
    usage = Usage(input_tokens=2_000, output_tokens=500)
    return Claim(account=account, day=day, usage=usage, nano=4_000_000, price=PRICE, **given)


def spend(project: Path, *claims: tuple[Claim, str]) -> None:
    async def write() -> None:
        ledger, context = SqliteLedger(project / ".ragstone/ledger.db"), Context()
        for one, how in claims:
            await ledger.reserve(one, context=context)
            if how != "open":
                reported = how != "estimated"
                nano = 0 if how == "free" else PRICE.nano(USED)
                await ledger.settle(one, USED, nano=nano, reported=reported, context=context)
        await ledger.close()

    asyncio.run(write())


@pytest.fixture
def spent(project: Path) -> Path:
    spend(
        project,
        (claim("2026-11-20"), "reported"),
        (claim("2026-11-21"), "reported"),
        (claim("2026-11-21", tenant="other", model="a model whose name is longer than any table is wide"), "reported"),
        (claim("2026-11-21", model="small\x1b[31m"), "estimated"),
        (claim("2026-11-22"), "open"),
    )
    return project


DAYS = ("--since", "2026-11-20", "--until", "2026-11-22")


def test_nothing_is_told_where_nothing_was_spent(project: Path, run):
    shown = run("costs")
    assert shown.exit_code == 0
    assert shown.stdout == ""
    assert "Nothing was spent." in shown.stderr


def test_a_table_by_day_and_model_fits_into_eighty_columns(spent: Path, run):
    shown = run("costs", *DAYS)
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["day", "model", "calls", "input", "cached", "output", "USD"]
    assert lines[1].split() == ["2026-11-20", "large", "1", "1,000", "600", "100", "0.0011"]
    assert lines[-1].split() == ["total", "4", "4,000", "2,400", "400", "0.0044"]
    assert all(len(line) <= 80 for line in lines)
    assert "\x1b" not in shown.stdout
    assert "1 calls broke off: their 0.0011 USD are estimated." in shown.stderr
    assert "1 calls are open, 0.0040 USD at most" in shown.stderr


def test_columns_days_and_a_tenant_are_chosen(spent: Path, run):
    lines = run("costs", *DAYS, "--by", "tenant,key").stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:3]] == [["acme", "app", "3"], ["other", "app", "1"]]
    assert run("costs", "--since", "2026-11-20", "--until", "2026-11-20", "--by", "day").stdout.count("2026") == 1
    assert "other" not in run("costs", *DAYS, "--by", "tenant", "--tenant", "acme").stdout


def test_as_json_all_is_exact(spent: Path, run):
    found = json.loads(run("costs", *DAYS, "--json").stdout)
    assert (found["usd"], found["estimated"], found["claimed"]) == (0.0044, 0.0011, 0.004)
    assert len(found["spent"]) == 4
    assert found["spent"][0] == {
        "day": "2026-11-20",
        "tenant": "acme",
        "key": "app",
        "model": "large",
        "reported": True,
        "requests": 1,
        "input_tokens": 1_000,
        "cached_tokens": 600,
        "written_tokens": 0,
        "output_tokens": 100,
        "usd": 0.0011,
    }
    (left,) = found["open"]
    assert left["day"] == "2026-11-22"
    assert left["input_tokens"] == 2_000


def test_the_sdk_tells_the_same(spent: Path):
    with ragstone.open(spent) as rag:
        costs = rag.costs(since="2026-11-20", until="2026-11-22", tenant="acme")
        assert costs.usd == 0.0033
        assert rag.costs(since="2000-01-01", until="2000-01-31").spent == ()


@pytest.mark.parametrize("name", ["costs.svg", "costs.png"])
def test_a_picture_is_drawn(spent: Path, run, name: str):
    assert run("costs", *DAYS, "--plot", name).exit_code == 0
    picture = (spent / name).read_bytes()
    assert picture.startswith((b"<svg", b"\x89PNG"))
    if name.endswith("svg"):
        assert b"costs by model" in picture
        assert b">large</text>" in picture


def test_what_costs_nothing_has_no_piece_in_the_picture():
    picture = drawn([(TODAY, "large", 1.0), (TODAY, "free", 0.0)], title="t", kind=".svg").decode()
    assert ">large</text>" in picture
    assert ">free</text>" not in picture
    alone = drawn([(TODAY, "large", 1.0)], title="t", kind=".svg").decode()
    assert picture == alone


def test_a_model_of_others_without_a_price_is_named(project: Path, run):
    (project / "connectors" / "hosted.yaml").write_text("kind: model\ntype: openai\nbase_url: http://127.0.0.1:9/v1\n")
    free = Price(input=0, output=0)
    of_hosted, of_local = (replace(claim(model=name), nano=0, price=free) for name in ("hosted", "local"))
    spend(project, (of_hosted, "free"), (of_local, "free"))
    told = " ".join(run("costs").stderr.split())
    assert "Without a price, tokens count as 0 USD: hosted. Write `price` in the connector's file." in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "modle"], "--by: that is no column: expected one of day, tenant, key, model, found modle"),
        (["--since", "yesterday"], "that is no day: expected such as 2026-11-21, found 'yesterday'"),
        (["--since", "2026-11-21", "--until", "2026-11-20"], "the days are the wrong way round"),
        (["--plot", "costs.gif"], "costs.gif: that is no place for a picture"),
        (["--whole"], "--whole says something of a log"),
    ],
)
def test_a_wrong_option_is_said(project: Path, run, arguments: list[str], said: str):
    shown = run("costs", *arguments)
    assert shown.exit_code == 2
    assert said in shown.stderr


# ── A server's log ──────────────────────────────────────────────────────────────────────────────────────────────────


def logged(one: Claim, tokens: int = 700, output: int = 70) -> str:
    return json.dumps({"id": one.id, "input_tokens": tokens, "output_tokens": output, "model": "ignored"})


def test_a_log_settles_what_is_open_and_corrects_what_was_estimated(project: Path, run):
    old = time.time() - 7_200
    left, guessed, under_way, unknown = claim(), claim(), claim(), claim(begun=old)
    settled = claim()
    spend(
        project,
        (left, "open"),
        (guessed, "estimated"),
        (under_way, "open"),
        (unknown, "open"),
        (settled, "reported"),
    )
    lines = [
        logged(left),
        logged(guessed, 500, 20),
        logged(guessed, 500, 20),
        "",
        logged(settled, 9, 9),
        logged(claim()),
    ]
    Path("usage.jsonl").write_text("\n".join(lines))
    shown = run("costs", "--reconcile", "usage.jsonl")
    assert "Reconciled: 1 open calls settled, 1 estimates corrected, 0 released; 2 stay open" in shown.stderr
    assert "estimated" not in shown.stderr
    total = PRICE.nano(Usage(input_tokens=700, output_tokens=70)) + PRICE.nano(USED)
    total += PRICE.nano(Usage(input_tokens=1_000, output_tokens=40))
    found = json.loads(run("costs", "--reconcile", "usage.jsonl", "--whole", "--json").stdout)
    assert found["usd"] == pytest.approx(total / NANO)
    assert found["reconciled"] == {"settled": 0, "corrected": 0, "released": 1, "left": 1, "usd": -0.004}
    assert [one["id"] for one in found["open"]] == [under_way.id]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "usage.jsonl:2:2: is no JSON"),
        ("[]", "usage.jsonl:2:1: the line: input should be"),
        (
            '{"id": "x", "input_tokens": -1, "output_tokens": 2}',
            "2:1: input_tokens: input should be greater",
        ),
        ('{"input_tokens": 1, "output_tokens": 2}', "usage.jsonl:2:1: id: field required"),
    ],
)
def test_a_line_that_is_none_is_said_and_nothing_is_settled(project: Path, run, line: str, said: str):
    left = claim()
    spend(project, (left, "open"))
    Path("usage.jsonl").write_text(f"{logged(left)}\n{line}\n")
    shown = run("costs", "--reconcile", "usage.jsonl")
    assert shown.exit_code == 2
    assert said in shown.stderr
    assert len(json.loads(run("costs", "--json").stdout)["open"]) == 1


def test_a_log_that_is_not_there_is_said(project: Path, run):
    shown = run("costs", "--reconcile", "nothing.jsonl")
    assert shown.exit_code == 1
    assert "nothing.jsonl: No such file" in shown.stderr
