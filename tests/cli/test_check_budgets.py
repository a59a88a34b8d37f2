"""A budget needs a price: known before anything is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragstone
from ragstone.errors import NotConfigured

MODEL = "kind: model\ntype: openai\nbase_url: http://127.0.0.1:9/v1\nmodel: m\n"


def write(project: Path, *, route: str = "", model: str = MODEL) -> None:
    (project / "connectors/paid.yaml").write_text(model)
    (project / "pipelines/answer.yaml").write_text(f"route:\n  models: [paid]\n{route}")


def test_a_price_that_is_missing_under_a_budget_is_refused(ingested: Path, run):
    write(ingested, route="  budget: {day: 5}\n")
    shown = run("check")
    assert shown.exit_code == 2
    assert "answer.yaml:2:12: the price of 'paid' is not known, and the route has a budget" in shown.stdout
    with ragstone.open(ingested) as rag, pytest.raises(NotConfigured, match="paid: its price is not known"):
        rag.ask("When does the halibut project ship?")


@pytest.mark.parametrize("more", ["price: {input: 1, output: 2}\n", "local: true\n"])
def test_with_a_price_or_on_a_machine_of_your_own_a_model_may_have_a_budget(project: Path, run, more: str):
    write(project, route="  budget: {day: 5, month: 50, request: 0.1, per: key}\n", model=MODEL + more)
    assert run("check").exit_code == 0


def test_a_ledger_that_is_not_there_is_said(project: Path, run):
    write(project, route="  ledger: leger\n")
    (project / "connectors/ledger.yaml").write_text("kind: ledger\ntype: redis\nurl: ${env:RAGSTONE_LEDGER_URL:}\n")
    shown = run("check")
    assert shown.exit_code == 2
    assert "there is no connector 'leger'" in shown.stdout
    assert "Did you mean 'ledger'?" in shown.stdout
