"""What a prompt file may look up, and what it is told when it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragstone.errors import PromptError
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.lint.run import lint
from ragstone.prompts.reading import read_prompt

FILE = """\
---
name: status
description: Says what became of an order.
model: {options: {maxOutputTokens: 100}}
inputs:
  - {name: question, kind: string, required: true, description: What, example: Where is it}
  - {name: order_id, kind: string, required: true, description: Its number, example: "7"}
  - {name: tags, kind: array, description: Words}
metadata:
  ragstone:
    lookup:
      LOOKUP
---
system:
Be brief.

user:
{{ tags }}{{ order }}

{{ question }}
"""
ORDER = 'order: {from: orders, path: "/orders/{order_id}"}'


def read(folder: Path, lookup: str = ORDER, *, old: str = "", new: str = "") -> PromptFile:
    path = folder / "status.prompty"
    text = FILE.replace("LOOKUP", lookup)
    assert old in text
    path.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return load(path, root=folder)


def test_a_lookup_is_a_slot_of_trust_tool_that_no_caller_gives(tmp_path: Path) -> None:
    file = read(tmp_path)
    assert file.trust["order"] == "tool"
    (slot,) = file.lookups
    assert (slot.name, slot.connector, slot.address.text) == ("order", "orders", "/orders/{order_id}")
    assert (slot.mark, slot.on_fail) == ("delimit", "error")
    assert slot.path_at.endswith("status.prompty:12:29")
    assert [given.name for given in file.given] == ["question", "order_id", "tags"]


def test_another_lookup_is_another_version(tmp_path: Path) -> None:
    assert read(tmp_path).version != read(tmp_path, ORDER.replace("/orders/", "/order/")).version


def test_lint_finds_nothing_wrong_and_knows_where_the_slot_stands(tmp_path: Path) -> None:
    file = read(tmp_path)
    assert [f"{one.code} {one.message}" for one in lint([file.path])] == []
    assert [piece.names for piece in read_prompt(file.path, root=tmp_path).slots("tool")] == [("order",)]


def test_lint_tells_of_a_lookup_in_single_braces(tmp_path: Path) -> None:
    file = read(tmp_path, old="Be brief.", new="Be brief. The order is {order}.")
    assert "single-braces" in [one.code for one in lint([file.path])]


@pytest.mark.parametrize(
    ("lookup", "said"),
    [
        ('order: {from: orders, path: "/orders/{order}"}', r"12:29: there is no input 'order'.*one of question"),
        ('order: {from: orders, path: "/o/{ordr_id}"}', r"12:29: there is no input .*Did you mean 'order_id'"),
        ('order: {from: orders, path: "/orders/{tags}"}', r"12:29: the input 'tags' is a list"),
        ('order: {from: orders, path: "orders"}', r"12:29: a path begins with a slash"),
        ('order: {from: orders, path: "/orders/../x"}', r"12:29: a path has no empty parts"),
        ('order: {from: orders, path: "http://x/"}', r"12:29: a path begins with a slash"),
        ('order: {from: orders, path: "/x", pick: a..b}', r"12:41: pick is no path"),
        ('order: {from: orders, path: "/x", pik: a}', r"12:41: unknown key .*one of from, .*Did you mean 'pick'"),
        ("order: {from: orders}", r"12:7: the key 'metadata.ragstone.lookup.order.path' is missing"),
        ('order: {from: orders, path: "/x", on_fail: skip}', r"12:41: .*input should be 'error' or 'empty'"),
        ("order: orders", r"12:7: .*should hold keys and values"),
        ('question: {from: orders, path: "/x"}', r"12:7: the input 'question' stands here twice"),
        ('passages: {from: orders, path: "/x"}', r"12:7: 'passages' is given by Ragstone"),
        ('"or-der": {from: orders, path: "/x"}', r"12:7: 'or-der' cannot name an input"),
        ('ordr: {from: orders, path: "/x"}', r"18:\d+: unknown variable 'order'.*Did you mean 'ordr'"),
        (f'{ORDER}\n      last: {{from: orders, path: "/x"}}', r"13:7: what is looked up as 'last' is used nowhere"),
        ('order: {from: orders, path: "/${env:KEY}"}', r"12:3\d: \$\{env:…\} cannot be used"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, lookup: str, said: str) -> None:
    with pytest.raises(PromptError, match=r"status\.prompty:" + said):
        read(tmp_path, lookup)


def test_what_is_looked_up_cannot_be_trusted_more(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"always a tool's: expected 'tool', found 'author'"):
        read(tmp_path, old="    lookup:\n", new="    trust: {order: author}\n    lookup:\n")
    assert read(tmp_path, old="    lookup:\n", new="    trust: {order: tool}\n    lookup:\n").trust["order"] == "tool"
