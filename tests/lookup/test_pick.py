from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import ConfigError
from ragstone.lookup.pick import parse_pick, picked

REPLY = json.dumps({"items": [{"status": "sent", "sum": 12.5}, None], "naïve key": {"ok": True}})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", REPLY),
        ("items[0].status", "sent"),
        ("items[0].sum", "12.5"),
        ("items[-2].status", "sent"),
        ("items[1]", ""),
        ("items[0]", '{"status": "sent", "sum": 12.5}'),
    ],
)
def test_a_path_leads_to_a_part(path: str, text: str) -> None:
    assert picked(REPLY, parse_pick(path)) == text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("items[0].state", r"has no 'state' at items\[0\], only status, sum. Did you mean 'status'\?"),
        ("order", "has no 'order' at its top"),
        ("items[2]", r"has 2 items at items, and no \[2\]"),
        ("items.status", "has no names at items"),
        ("items[0].status[0]", r"has no list at items\[0\].status"),
    ],
)
def test_what_is_missing_is_named_with_what_is_there(path: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        picked(REPLY, parse_pick(path))


@pytest.mark.parametrize("text", ["", "<html>", "[" * 100_000])
def test_what_is_no_json_has_no_parts(text: str) -> None:
    with pytest.raises(ValueError, match="is no JSON"):
        picked(text, ("a",))


@pytest.mark.parametrize("path", [".", "a.", ".a", "a..b", "a[x]", "a[", "a b", "[0]a", "a[0]b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="pick is no path"):
        parse_pick(path)


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, min_size=1, max_size=3), max_leaves=5))
def test_the_steps_into_a_value_lead_to_it(value: object) -> None:
    steps: list[int] = []
    inner = value
    while isinstance(inner, list):
        steps.append(0)
        inner = inner[0]
    path = "value" + "".join(f"[{step}]" for step in steps)
    assert picked(json.dumps({"value": value}), parse_pick(path)) == str(inner)
