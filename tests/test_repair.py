"""JSON as models break it: what is mended, what is refused, and that nothing is made up."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage import FAULTS, begins, broken, contradict, right, value
from ragstone.output import read_value
from ragstone.repair import repaired

NAMES = st.text(max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=20)
OBJECTS = st.dictionaries(NAMES, VALUES, min_size=1)
SIGNS = "{}[]:,'\"“”‘’«»`\\/#*-+.0123456789 \n\t\0"
PIECES = st.sampled_from([*SIGNS, "true", "None", "NaN", "a", "b", "\\u", "//", "```"])


@given(OBJECTS | st.lists(VALUES), st.sampled_from([None, 2]), st.booleans())
@settings(max_examples=60)
def test_valid_json_is_what_it_was(made: Any, indent: int | None, ascii_: bool) -> None:
    text = json.dumps(made, indent=indent, ensure_ascii=ascii_)
    assert read_value(text) == (json.loads(text), "", "")
    found = repaired(text)
    assert found is not None
    assert (found.value, found.repairs, found.cut) == (json.loads(text), (), False)
    assert text[found.start : found.end] == text


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "cut"])
def test_each_fault_is_mended(fault: str) -> None:
    wrong = []
    for seed in range(60):
        chance = random.Random(f"{fault} {seed}")
        made = value(chance, quotes=fault == "quotes inside", breaks=fault == "line breaks")
        text = broken(made, {fault}, chance)
        found, remark, _ = read_value(text)
        assert (remark == "") == (text == json.dumps(made) or json_reads(text))
        wrong += [text] if not right(found, made, {fault}) else []
    assert len(wrong) <= (2 if fault == "quotes inside" else 0), wrong[0]  # a quote before a comma is a riddle


def json_reads(text: str) -> bool:
    try:
        return json.loads(text) is not None
    except ValueError:
        return False


@given(st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_of_what_was_cut_off_the_beginning_is_read(chance: random.Random) -> None:
    made = value(chance)
    text = broken(made, {"cut"}, chance)
    found, remark, fault = read_value(text, cut=True)
    assert begins(found, made) if not fault else found is None
    assert fault or "a cut-off end" in remark
    assert read_value(text)[0] is None  # who does not ask for a beginning gets none


@given(st.randoms(use_true_random=False), st.sets(st.sampled_from(FAULTS), min_size=2, max_size=4))
@settings(max_examples=200)
def test_nothing_is_made_up(chance: random.Random, faults: set[str]) -> None:
    if contradict(faults) or {"quotes inside", "cut"} & faults:
        return
    made = value(chance, breaks="line breaks" in faults)
    found = read_value(broken(made, faults, chance))[0]
    assert found is None or right(found, made, faults)


@given(st.lists(PIECES, max_size=40).map("".join))
@settings(max_examples=500)
def test_no_text_is_too_odd(text: str) -> None:
    for tried in (text, "{" + text, '{"a": ' + text, '["' + text):
        found = repaired(tried)
        if found is not None:
            assert isinstance(found.value, dict | list)
            assert 0 <= found.start < found.end <= len(tried)


MORE = "an ellipsis (what it stands for is missing)"
MENDED = [
    ('{"a": [1, 2,], }', {"a": [1, 2]}, "a trailing comma"),
    ('{"a": 1 "b": 2}', {"a": 1, "b": 2}, "a missing comma"),
    ('{"a": "x"\n  b: 1}', {"a": "x", "b": 1}, "a missing comma, names without quotes"),
    ("{'a': 'it's \"fine\"'}", {"a": 'it\'s "fine"'}, "single quotes, quotes in a text"),
    ("{“a”: “x”, ‘b’: «y»}", {"a": "x", "b": "y"}, "typographic quotes"),
    ('{"a": True, "b": None}', {"a": True, "b": None}, "Python's words for true, false and null"),
    ('{"a": 1, // one\n /* two */ "b": 2}', {"a": 1, "b": 2}, "comments"),
    ('{"a": "x\ny"}', {"a": "x\ny"}, "a line break in a text"),
    ('{"a": "She said "no", then left", "b": 1}', {"a": 'She said "no", then left', "b": 1}, "quotes in a text"),
    ('{"a": "C:\\dir"}', {"a": "C:\\dir"}, "an escape that JSON does not know"),
    ('{"a": +1, "b": .5}', {"a": 1, "b": 0.5}, "a number as JSON writes none"),
    ('{"a": [1, 2}', {"a": [1, 2]}, "a missing bracket"),
    ('{"a": [1,, 2]}', {"a": [1, 2]}, "a comma too many"),
    ('{"a":\xa01,\x1f"b": 2}', {"a": 1, "b": 2}, "spaces that JSON does not know"),
    ('{"a": {"b": 1}', {"a": {"b": 1}}, "a cut-off end"),
    ('{"a": "x", "b": "half a te', {"a": "x", "b": "half a te"}, "a cut-off end (its last text was closed)"),
    ('{"a": "x", "b": 12', {"a": "x"}, "a cut-off end (its last member was left out)"),
    ('{"a": "x", "b": tru', {"a": "x"}, "a cut-off end (its last member was left out)"),
    ('{"a": "x", "b": {"c": [', {"a": "x"}, "a cut-off end (its last member was left out)"),
    ('{"a": "x", "b', {"a": "x"}, "a cut-off end (its last member was left out)"),
    ('{"a": "x\\', {"a": "x"}, "a cut-off end (its last text was closed)"),
    ('{"a": "x\\ud83d\\ude0', {"a": "x"}, "a cut-off end (its last text was closed)"),
    ('{"a": "x", "b": "\\ud83d', {"a": "x"}, "a cut-off end (its last member was left out)"),
    ('{{"a": 1,}}', {"a": 1}, "a trailing comma"),
    ('{"a": 1,}}', {"a": 1}, "a trailing comma"),
    ('{"a": "x", "b": "y", ...}', {"a": "x", "b": "y"}, MORE),
    ('{"a": "x",\n  …\n}', {"a": "x"}, MORE),
    ('{"a": ["x", "y", ...], "b": [1, ..., 9]}', {"a": ["x", "y"], "b": [1, 9]}, MORE),
    ('{"a": ["x" ...', {"a": ["x"]}, f"{MORE}, a cut-off end"),
    ('{"a": "I said "wait", ... and left"}', {"a": 'I said "wait", ... and left'}, "quotes in a text"),
    ('{"a": "the 5" pipe", "b": 1}', {"a": 'the 5" pipe', "b": 1}, "quotes in a text"),
    (
        '{"a": ["the "big" (or "old"), "wet" one", "x"]}',
        {"a": ['the "big" (or "old"), "wet" one', "x"]},
        "quotes in a text",
    ),
    ("{'a': 'the ships' crews'}", {"a": "the ships' crews"}, "single quotes, quotes in a text"),
    ("{“a”: „er sagt „ja“, dann“}", {"a": "er sagt „ja“, dann"}, "typographic quotes, quotes in a text"),
    ('{"a": "x", "b": "At six [1]', {"a": "x", "b": "At six [1]"}, "a cut-off end (its last text was closed)"),
]


@pytest.mark.parametrize(("text", "made", "repairs"), MENDED)
def test_every_repair_is_said(text: str, made: Any, repairs: str) -> None:
    found = repaired(text)
    assert found is not None
    assert (found.value, ", ".join(found.repairs)) == (made, repairs)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no braces at all",
        '{"a": 1} {"b": 2}',  # which of them?
        '{"a": "x, "b": 2}',  # a text that was never closed
        '{"a": oops, "b": {"c": 1}}',  # what lies inside of something broken is no answer
        '{"a": NaN}',
        '{"a": 007}',
        '{"color": #ff0000, "b": 1}',
        '{"a": 12',  # perhaps 123
        '{"a": {"b": [',
        '{"a": [1, 2}, "b": 3]',
        "{" * 1000,
        "see {this} and {}",
        '{"a": "x", "b" "y"}',  # a member without a colon, or a text with quotes?
        '{"a": "x", "b", "c": 1}',
        '{"a": "x", b}',
        '{"a": "x" b: 1}',
        '{"a": "x"| }',
        '{"a": ["x"[}',
        '{"a": "At six." + " Or nine.", "b": 2}',
        '{"a": "he said "yes", "no": 1"}',  # "no" may be the name of a member, or what he said
        '{"a": ["he said "yes", "no" and left"]}',
        '{"a": "he said "yes"}',
        '{"a": "x}',  # a text that was never closed, or one with a bracket that breaks off
        '{"a": [1"]}',
        '{"a": ...}',
        '{"a": [...]}',
        'a": 1, "b": {"c": 1}}',  # the value of a member is not the object
        '{"a" {"c": 1}}',
        '{"a" (see b): [{"c": 1}]}',
        '{\n  a": 1,\n  "b": [{"c": true}]\n}',
    ],
)
def test_a_riddle_has_no_answer(text: str) -> None:
    assert repaired(text) is None


def test_it_goes_down_to_any_depth() -> None:
    found = repaired('{"a":' * 10_000 + "[1,]" + "}" * 9_999)
    assert found is not None
    inner = found.value
    for _ in range(10_000):
        inner = inner["a"]
    assert inner == [1]


@pytest.mark.parametrize(
    "text",
    [
        "{" * 1_000_000,
        '{"a' * 300_000,
        '{"a":"' + '" ' * 500_000,
        "{/*" * 300_000,
        '{"a": [' + '"x, ' * 250_000,
        '{"a":"' + '"/' * 500_000,
        "{a:" * 300_000,
        '[["x"}' * 150_000,
        '{"a":"\\' * 150_000,
        '{"a": "x"' + " " * 1_000_000,
        '{"a": "' + 'x" y ' * 200_000,
        '{"a": "' + ' "x' * 300_000,
        '{"a": „' + "„ “x " * 200_000,
        '{"a": 1' + ", ..." * 200_000,
        '{"a": "x"' + ", ..." * 200_000,
    ],
)
@pytest.mark.slow
def test_a_megabyte_is_read_once(text: str) -> None:
    repaired(text)  # with the square of it, this test would never end
