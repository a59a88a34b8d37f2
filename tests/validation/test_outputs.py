"""An answer of a form: out of its wrapping, cited, and checked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from ragstone.output import Output
from ragstone.types import Chunk, Hit
from ragstone.validation.outputs import Read, closed, opened, read_output

RULES = ("First class is allowed on long journeys.", "A long journey takes more than four hours.")


def hits() -> list[Hit]:
    def chunk(number: int, text: str) -> Chunk:
        return Chunk(
            id=str(number),
            document_id=str(number),
            uri=f"{number}.md",
            title="",
            text=text,
            start=0,
            end=len(text),
            line=1,
        )

    return [Hit(chunk(number, text), number, {}) for number, text in enumerate(RULES, 1)]


def an_object(model: type[BaseModel] | None = None, *, needed: tuple[str, ...] = (), **properties: Any) -> Output:
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(needed),
        "additionalProperties": False,
    }
    return Output(name="rule", schema=schema, strict=schema, words="", model=model)


TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def read(value: Any, output: Output) -> Read:
    return read_output(value if isinstance(value, str) else json.dumps(value), output, hits())


# ── Its form ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_that_fits_is_parsed() -> None:
    found = read({"answer": "Yes, on long journeys [1].", "hours": 4}, an_object(answer=TEXT, hours=NUMBER))
    assert found.parsed == {"answer": "Yes, on long journeys [1].", "hours": 4}
    assert (found.formed.passed, found.formed.reason) == (True, "")
    assert json.loads(found.text) == found.parsed


def test_what_does_not_fit_is_named_with_its_place_and_its_citations_are_kept() -> None:
    item = {"type": "object", "properties": {"hours": NUMBER}, "additionalProperties": False}
    output = an_object(answer=TEXT, rules={"type": "array", "items": item}, needed=("answer", "kind"), kind=TEXT)
    found = read({"answer": "Yes [1].", "rules": [{"hours": 1}, {"hours": "4"}], "more": 1}, output)
    assert found.parsed is None
    assert not found.formed.passed
    assert "rules.1.hours: '4' is not of type 'integer'" in found.formed.reason
    assert "the answer: 'kind' is a required property" in found.formed.reason
    assert "('more' was unexpected)" in found.formed.reason
    assert [citation.uri for citation in found.citations] == ["1.md"]


def test_many_faults_are_counted() -> None:
    names = [f"n{number}" for number in range(9)]
    found = read(dict.fromkeys(names, "x"), an_object(**dict.fromkeys(names, NUMBER)))
    assert found.formed.reason.count(" is not of type") == 3
    assert found.formed.reason.endswith("; and 6 more")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It is allowed.", "the answer is no JSON: Expecting value in line 1, column 1"),
        ('{"a": 1', "the answer is no JSON: Expecting ',' delimiter in line 1, column 8"),
        ('{"a": NaN}', "the answer is no JSON: it holds NaN"),
        ("[1]", "the answer is no JSON object"),
        ("[" * 100_000, "the answer is nested too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", "the answer is no JSON: "),
        ("```json\n{\n```", "the answer is no JSON: "),
    ],
)
def test_what_is_no_object_is_said_to_be_none(text: str, reason: str) -> None:
    found = read(text, an_object(a=NUMBER))
    assert found.parsed is None
    assert found.formed.reason.startswith(reason)


def test_words_instead_of_an_object_are_cited_as_words() -> None:
    found = read("First class is allowed on long journeys [1].", an_object(a=NUMBER))
    assert [citation.quote for citation in found.citations] == [RULES[0]]
    assert (found.cited.passed, found.formed.passed) == (True, False)


@pytest.mark.parametrize("text", ['```json\n{"a": 1}\n```', '~~~\n{"a": 1}\n~~~\n', '\n```\n{\n"a": 1\n}```\n```'])
def test_a_code_fence_is_taken_off_and_that_is_recorded(text: str) -> None:
    found = read(text, an_object(a=NUMBER))
    assert found.parsed == {"a": 1}
    assert (found.formed.passed, found.formed.reason) == (True, "a code fence was taken off")


def test_words_around_the_one_fence_are_left_out_and_two_fences_are_none() -> None:
    fenced = '```json\n{"a": 1}\n```'
    found = read(f"Here it is:\n\n{fenced}\nAnything else?", an_object(a=NUMBER))
    assert found.parsed == {"a": 1}
    assert found.formed.reason == "a code fence was taken off, and the words around it"
    assert read(f"{fenced}\n{fenced}", an_object(a=NUMBER)).parsed is None


def test_null_for_a_property_that_may_be_missing_is_taken_out() -> None:
    either = {"anyOf": [NUMBER, {"type": "null"}]}
    inner = {"type": "object", "properties": {"x": NUMBER}, "required": []}
    output = an_object(may=NUMBER, null=either, must=NUMBER, inner={"type": "array", "items": inner}, needed=("must",))
    found = read({"may": None, "null": None, "must": 1, "inner": [{"x": None}]}, output)
    assert found.parsed == {"null": None, "must": 1, "inner": [{}]}
    assert read({"must": None}, output).formed.reason.startswith("must: None is not of type 'integer'")
    assert "'strange' was unexpected" in read({"must": 1, "strange": None}, output).formed.reason


@pytest.mark.parametrize(
    ("format_", "good", "bad"),
    [
        ("date", "2031-05-03", "3 May 2031"),
        ("date-time", "2031-05-03T10:00:00Z", "2031-05-03T10:00:00"),
        ("date-time", "2031-05-03T10:00:00+02:00", "soon"),
        ("email", "ana@example.org", "ana"),
        ("uuid", "12345678-1234-5678-1234-567812345678", "7"),
    ],
)
def test_formats_are_checked(format_: str, good: str, bad: str) -> None:
    output = an_object(a={"type": "string", "format": format_})
    assert read({"a": good}, output).parsed == {"a": good}
    assert f"is not a '{format_}'" in read({"a": bad}, output).formed.reason


class Rule(BaseModel):
    answer: str
    hours: int = Field(default=3, le=10)


def of_rule() -> Output:
    return an_object(Rule, answer=TEXT, hours=NUMBER, needed=("answer",))


def test_a_class_gets_an_instance_with_its_own_defaults() -> None:
    assert read({"answer": "Yes [2].", "hours": None}, of_rule()).parsed == Rule(answer="Yes [1].", hours=3)


def test_a_class_says_what_does_not_fit() -> None:
    found = read({"hours": 11}, of_rule())
    assert found.parsed is None
    assert found.formed.reason == "answer: field required; hours: input should be less than or equal to 10"


# ── Its citations ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_texts_are_numbered_together_and_the_answer_comes_first() -> None:
    output = an_object(why={"type": "array", "items": TEXT}, answer=TEXT)
    found = read({"why": ["Long is four hours [2].", "See above [1]."], "answer": "Yes, on long journeys [1]."}, output)
    assert found.parsed == {
        "why": ["Long is four hours [2].", "See above [1]."],
        "answer": "Yes, on long journeys [1].",
    }
    assert [(citation.number, citation.uri) for citation in found.citations] == [(1, "1.md"), (2, "2.md")]
    swapped = read({"why": ["Allowed [1]."], "answer": "Long is four hours [2]."}, output)
    assert swapped.parsed == {"why": ["Allowed [2]."], "answer": "Long is four hours [1]."}
    assert list(swapped.parsed) == ["why", "answer"]


def test_a_marker_without_a_passage_is_taken_out_of_its_text() -> None:
    found = read({"answer": "Yes [7]."}, an_object(answer=TEXT))
    assert found.parsed == {"answer": "Yes."}
    assert not found.cited.passed
    assert "cites [7]" in found.cited.reason


def test_values_are_no_words_and_keep_what_looks_like_a_marker() -> None:
    output = an_object(
        answer=TEXT,
        code={"type": "string", "pattern": ".*"},
        kind={"anyOf": [{"enum": ["rule [2]"], "type": "string"}, {"type": "null"}]},
        list={"type": "array", "items": NUMBER},
    )
    given = {"code": "x[2]", "kind": "rule [2]", "list": [2], "answer": "Yes [1]."}
    assert read(given, output).parsed == given


@pytest.mark.parametrize("other", [{"enum": ["none"]}, {"const": "none"}, {"type": "string", "format": "date"}])
@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_a_text_is_words_where_one_branch_of_its_schema_lets_a_model_write_freely(other: Any, word: str) -> None:
    output = an_object(link={word: [other, TEXT]})
    assert opened('{"link": "![x](https://evil.example/)"}', output).texts == ("![x](https://evil.example/)",)
    if "format" not in other:
        assert (found := opened('{"link": "none"}', output)).texts == found.values == ()


def test_a_text_has_a_form_only_where_every_branch_asks_for_one() -> None:
    shaped: Any = {
        "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "pattern": "x"}, {"type": "null"}]
    }
    assert opened('{"link": "now"}', an_object(link=shaped)).values == ("now",)
    chosen: Any = {"anyOf": [{"enum": ["none"]}, {"type": "string", "pattern": "x"}]}
    assert opened('{"link": "now"}', an_object(link=chosen)).values == ("now",)
    assert opened('{"link": "now"}', an_object(link={"enum": ["none"]})).texts == ("now",)
    assert opened('{"link": "now"}', an_object(link=NUMBER)).texts == ("now",)


def test_each_text_is_named_by_the_path_of_its_field() -> None:
    steps: Any = {"type": "array", "items": {"type": "object", "properties": {"text": TEXT, "day": {"format": "date"}}}}
    value = {"steps": [{"text": "a", "day": "x"}, {"text": "b"}], "answer": "c"}
    found = opened(json.dumps(value), an_object(answer=TEXT, steps=steps))
    assert dict(zip(found.paths, found.texts, strict=True)) == {
        "answer": "c",
        "steps[0].text": "a",
        "steps[1].text": "b",
    }
    assert (found.value_paths, found.values) == (("steps[0].day",), ("x",))


def test_a_name_that_a_model_has_made_up_is_checked_like_a_value() -> None:
    output = an_object(answer=TEXT)
    found = opened('{"![x](https://evil.example/)": {"it": "b"}, "answer": "c"}', output)
    assert (found.texts, found.values) == (("c", "b"), ("![x](https://evil.example/)", "it"))
    assert found.value_paths == ("*", "*.*")
    assert json.loads(closed(found, found.texts, ("gone", "it"), output, ()).text) == {
        "gone": {"it": "b"},
        "answer": "c",
    }


def test_an_answer_without_texts_has_nothing_to_cite() -> None:
    found = read({"hours": 4}, an_object(hours=NUMBER))
    assert (found.cited.passed, found.citations) == (True, ())


def test_a_text_without_a_marker_fails_the_check() -> None:
    assert not read({"answer": "Yes."}, an_object(answer=TEXT)).cited.passed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
NODE = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/n"}, "b": TEXT},
    "$defs": {"n": {"anyOf": [{"$ref": "#"}, TEXT, {"type": "array", "items": {"$ref": "#/$defs/n"}}]}},
}


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON) | JSON | st.text())
def test_nothing_that_a_model_says_breaks_it(value: Any) -> None:
    found = read(value, Output(name="n", schema=NODE, strict=NODE, words=""))
    assert found.formed.passed == (found.parsed is not None)
    if found.parsed is not None:
        assert json.loads(found.text) == found.parsed
