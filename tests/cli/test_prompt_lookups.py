"""`ragstone prompt explain` and `ragstone check` with a prompt that looks something up: nothing is fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CONNECTOR = """\
kind: lookup
type: http
base_url: http://127.0.0.1:9
paths: ["/orders/{id}"]
headers: {X-Key: "${env:SHOP_KEY}"}
"""
PROMPT = """\
---
name: status
inputs:
  - {name: question, kind: string, required: true, example: Where is it}
  - {name: order_id, kind: string, required: true, example: "7"}
metadata:
  ragstone:
    lookup:
      order: {from: orders, path: "/orders/{order_id}"}
---
user:
{{ order }}

{{ question }}
"""


@pytest.fixture
def shop(project: Path) -> Path:
    (project / "connectors" / "orders.yaml").write_text(CONNECTOR)
    (project / "prompts" / "status.prompty").write_text(PROMPT)
    return project


def test_explain_fetches_nothing_and_says_so(shop: Path, run) -> None:
    shown = run("prompt", "explain", "status")
    assert shown.exit_code == 0, shown.output
    assert "order: not fetched here. It comes from orders, at /orders/{order_id}." in " ".join(shown.output.split())
    found = json.loads(run("prompt", "explain", "status", "--json").stdout)
    assert {"name": "order", "trust": "tool", "tokens": 0, "fetched": False} in found["slots"]


def test_explain_puts_in_what_is_given_in_its_place(shop: Path, run) -> None:
    found = json.loads(run("prompt", "explain", "status", "--set", "order=sent", "--json").stdout)
    assert "\nsent\n" in found["messages"][-1]["content"]
    (slot,) = [slot for slot in found["slots"] if slot["name"] == "order"]
    assert "fetched" not in slot


def test_check_and_explain_name_the_line_of_a_path_that_is_not_allowed(shop: Path, run) -> None:
    checked = run("check")
    assert checked.exit_code == 0
    assert "SHOP_KEY is not set" in checked.output
    path = shop / "prompts" / "status.prompty"
    path.write_text(PROMPT.replace("/orders/{order_id}", "/admin/{order_id}"))
    for words in (("check",), ("prompt", "explain", "status")):
        shown = run(*words)
        assert shown.exit_code != 0
        assert "status.prompty:9:29: orders does not allow the path" in " ".join(shown.output.split())


def test_list_and_show_tell_what_is_looked_up(shop: Path, run) -> None:
    (one,) = [one for one in json.loads(run("prompt", "list", "--json").stdout) if one["name"] == "status"]
    assert [given["name"] for given in one["inputs"]] == ["question", "order_id"]
    told = "lookup order: from orders, path /orders/{order_id}, mark delimit, on_fail error"
    assert told in run("prompt", "show", "status").stdout
    assert "input order " not in run("prompt", "show", "status").stdout


def test_diff_names_what_is_looked_up_in_another_way(shop: Path, run) -> None:
    other = shop / "prompts" / "other.prompty"
    other.write_text(PROMPT.replace('"/orders/{order_id}"', '"/orders/7", pick: state'))
    found = json.loads(run("prompt", "diff", "status", "other", "--json").stdout)
    changed = {one["key"]: (one["before"], one["after"]) for one in found["settings"]}
    assert changed["lookup.order.path"] == ("/orders/{order_id}", "/orders/7")
    assert changed["lookup.order.pick"] == (None, "state")
