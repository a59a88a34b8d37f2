"""Objects as models write them: whatever stands around them, and however broken they are."""

from __future__ import annotations

import json

import pytest

from ragstone.output import first_json, read_json


def nested(levels: int) -> str:
    return '{"a": ' + "[" * levels + "]" * levels + "}"


@pytest.mark.parametrize(
    ("said", "remark"),
    [
        ('{"a": 1}', ""),
        ('```json\n{"a": 1}\n```', "a code fence was taken off"),
        ('```\r\n{"a": 1}\r\n```\r\n', "a code fence was taken off"),
        ('Here:\n~~~\n{"a": 1}\n~~~  \nDone.', "a code fence was taken off, and the words around it"),
        ('````\n{"a": 1}\n````', "a code fence was taken off"),
    ],
)
def test_one_fence_is_taken_off(said: str, remark: str) -> None:
    assert read_json(said) == ({"a": 1}, remark, "")


@pytest.mark.parametrize("said", ['```\n{"a": 1}\n', '````\n{"a": 1}\n```', 'Here:\n```json\n{"a": 1}'])
def test_a_fence_that_stays_open_is_taken_off(said: str) -> None:
    value, remark, fault = read_json(said)
    assert (value, fault) == ({"a": 1}, "")
    assert remark.startswith("a code fence was taken off")


def test_of_several_objects_none_is_chosen() -> None:
    for said in ('```\n{"a": 1}\n```\n```\n{"a": 2}\n```', '{"a": 1}\n{"a": 2}', 'Either {"a": 1} or {"a": 2}.'):
        assert read_json(said)[0] is None


def test_many_fences_that_are_never_closed_are_read_in_one_pass() -> None:
    assert read_json("```a\n" * 100_000)[0] is None  # 500 kB: with its square this test would never end
    assert read_json("```\n```\n" * 50_000)[0] is None


@pytest.mark.parametrize(
    ("escape", "character"), [("\\ud800", "�"), ("\\udc00\\ud800", "��"), ("\\ud83e\\udd80", "🦀")]
)
def test_half_a_character_is_replaced_and_both_halves_are_one(escape: str, character: str) -> None:
    said = f'{{"a{escape}": ["{escape}", {{"b": "x{escape}\\u0000"}}]}}'
    whole = {f"a{character}": [character, {"b": f"x{character}\0"}]}
    assert read_json(said)[0] == whole
    assert first_json(f"{said} and more") == whole
    json.dumps(read_json(said)[0], ensure_ascii=False).encode()


@pytest.mark.parametrize("levels", [100, 900, 100_000])
def test_what_is_nested_too_deeply_is_refused(levels: int) -> None:
    assert read_json(nested(levels)) == (None, "", "the answer is nested too deeply")
    assert first_json(nested(levels)) is None
    assert read_json(nested(90))[0] == json.loads(nested(90)) == first_json(nested(90))


@pytest.mark.parametrize("said", ["", "[1]", "no", '{"a": NaN}', "{" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_what_is_no_object_is_none(said: str) -> None:
    assert read_json(said)[0] is None
    assert first_json(said) is None


def test_the_first_object_counts_whatever_follows() -> None:
    assert first_json('Well, {"a": {"b": 1}} {"c": 2}') == {"a": {"b": 1}}


@pytest.mark.parametrize("text", ['{"a": 1e999}', '{"a": -1e999}', '{"a": [1e999,]}', "{'a': 1e999}"])
def test_a_number_that_is_too_large_is_no_json(text: str) -> None:
    assert read_json(text)[0] is None
    assert first_json(text) is None
    assert read_json(text.replace("1e999", "1e99"))[0] is not None


def test_a_whole_number_may_be_as_long_as_python_reads_one() -> None:
    assert read_json('{"a": 1' + 400 * "0" + ",}")[0] == {"a": 10**400}
