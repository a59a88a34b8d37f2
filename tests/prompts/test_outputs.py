"""The form of an answer: from properties, a JSON Schema or a class to what servers take; what is refused at load."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, RootModel

from ragstone.errors import PromptError, UsageError
from ragstone.output import Output
from ragstone.prompts.classes import with_class
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.json_schema import canonical, faults, strict
from ragstone.prompts.outputs import PART

SHIPPED = Path(__file__).parents[2] / "prompts"
BODY = "system:\nBe brief.\n\nuser:\n{{ question }}\n"
RULE = """\
  - {name: answer, description: One sentence., example: Yes.}
  - {name: hours, kind: integer, required: false}
  - {name: tags, kind: array, items: {kind: string, enumValues: [rail, air]}}
  - {name: by, kind: object, properties: [{name: who}, {name: share, kind: float, required: false}]}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(outputs: str) -> Path:
        path = tmp_path / "rule.prompty"
        head = "inputs:\n  - {name: question, kind: string}\noutputs:\n"
        path.write_text(f"---\n{head}{outputs}\n---\n{BODY}", encoding="utf-8")
        return path

    return written


def read(path: Path) -> PromptFile:
    return load(path, root=path.parent)


def output(path: Path) -> Output:
    found = read(path).output
    assert found is not None
    return found


def refused(path: Path) -> list[str]:
    with pytest.raises(PromptError) as caught:
        read(path)
    return [str(fault).replace(f"{path.parent}/", "") for fault in caught.value.faults]


# ── From a file ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_properties_become_a_closed_schema(write: Write) -> None:
    assert output(write(RULE)).schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "required": ["answer", "tags", "by"],
        "properties": {
            "answer": {"type": "string", "description": "One sentence.", "examples": ["Yes."]},
            "hours": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string", "enum": ["rail", "air"]}},
            "by": {
                "type": "object",
                "additionalProperties": False,
                "required": ["who"],
                "properties": {"who": {"type": "string"}, "share": {"type": "number"}},
            },
        },
    }


def test_what_a_server_gets_requires_every_property_and_knows_null_for_a_missing_one(write: Write) -> None:
    sent: Any = output(write(RULE)).strict
    assert sent["required"] == ["answer", "hours", "tags", "by"]
    assert sent["properties"]["hours"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert sent["properties"]["by"]["required"] == ["who", "share"]
    assert sent["properties"]["answer"] == {"type": "string", "description": "One sentence."}
    assert "$schema" not in sent


def test_a_json_schema_is_taken_as_it_stands(write: Write) -> None:
    found = output(
        write(
            """\
  type: object
  properties:
    tree: {$ref: '#/$defs/node'}
    size: {type: integer, minimum: 1, description: How many}
    code: {type: string, maxLength: 3, pattern: '^[a-z]+$'}
    kind: {const: tree}
  required: [tree, kind]
  $defs:
    node:
      type: object
      properties:
        name: {type: string}
        below: {type: array, items: {$ref: '#/$defs/node'}}
      required: [name]
"""
        )
    )
    assert found.schema["properties"]["kind"] == {"const": "tree", "type": "string"}
    sent: Any = found.strict
    assert sent["properties"]["kind"] == {"enum": ["tree"], "type": "string"}
    assert sent["properties"]["size"] == {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}],
        "description": "How many",
    }
    # Strict servers know no length of a text, so that is checked here alone.
    assert sent["properties"]["code"]["anyOf"][0] == {"type": "string", "pattern": "^[a-z]+$"}
    assert sent["$defs"]["node"]["required"] == ["name", "below"]


def test_free_text_has_no_output(write: Write) -> None:
    assert read(SHIPPED / "answer.prompty").output is None
    assert read(write("  []")).output is None


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ("  - {name: a, kind: strng}", "rule.prompty:5:15: outputs.0.kind: input should be 'string', 'integer'"),
        ("  - {name: a, knd: string}", "rule.prompty:5:15: unknown key 'outputs.0.knd': expected one of description"),
        ("  - {kind: string}", "rule.prompty:5:5: the key 'name' is missing"),
        ("  - {name: a}\n  - {name: a}", "rule.prompty:6:6: the output 'a' stands here twice"),
        ("  - {name: a, kind: array}", "rule.prompty:5:5: the key 'items' is missing: found kind: array"),
        ("  - {name: a, kind: object}", "rule.prompty:5:5: the key 'properties' is missing: found kind: object"),
        ("  - {name: a, items: {kind: string}}", "rule.prompty:5:15: 'items' does nothing here: expected kind: array"),
        ("  - {name: a, enumValues: [3]}", "rule.prompty:5:28: the value is of another kind: expected string, found 3"),
        ("  - {name: a, kind: integer, example: x}", "rule.prompty:5:30: the example does not fit"),
        ("  - {name: a, kind: array, items: {enumValues: [1]}}", "rule.prompty:5:49: the value is of another kind"),
        (
            "  {answer: string}",
            "rule.prompty:4:1: an answer is an object: expected type: object, found nothing. Or list",
        ),
        ("  yes", "rule.prompty:4:1: a schema holds keys and values: found str"),
        ("  type: array\n  items: {type: string}", "rule.prompty:5:3: an answer is an object: expected type: object"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(write: Write, outputs: str, words: str) -> None:
    assert refused(write(outputs))[0].startswith(words)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("{type: strng}", ":22: unknown type 'strng': expected one of string, integer, "),
        ("{type: float}", ":22: unknown type 'float': expected one of string"),
        ("{typ: string}", ":22: unknown word 'typ'. Did you mean 'type'?"),
        (
            "{$ref: '#/$defs/who'}",
            ":22: there is no '#/$defs/who' in this schema: expected one of #, #/$defs/whom. Did",
        ),
        ("{$ref: 'https://example.org/x.json'}", ":22: there is no 'https://example.org/x.json' in this schema"),
        ("{allOf: [{type: string}]}", ":22: no server honours 'allOf'. Write all that must hold in one place."),
        ("{type: integer, minLength: 3}", ":37: 'minLength' does nothing for integer"),
        ("{type: string, minLength: -1}", ":36: is no JSON Schema: -1 is less than the minimum of 0"),
        ("{type: string, format: dat}", ":36: unknown format 'dat': expected one of date, date-time"),
        ("{type: string, pattern: '('}", ":36: is no pattern: unclosed group"),
        ("{type: string, enum: [1]}", ":43: the value is of another type: expected string, found 1"),
        ("{type: array}", ":17: a list says nothing of what it holds: expected items"),
        ("{type: object}", ":17: an object names no properties"),
        (
            "{properties: {b: {type: string}}}",
            ":17: says nothing of the value: expected such as type: string. Write type",
        ),
        ("{}", ":17: says nothing of the value"),
        ("true", ":17: says nothing of the value"),
        (
            "{type: object, additionalProperties: {type: string}}",
            ":36: an answer cannot have properties without a name",
        ),
        ("{type: object, properties: {b: {type: string}}, required: [c]}", ":80: there is no property 'c'"),
        ("{$ref: '#/$defs/whom', type: string}", ":44: 'type' cannot stand beside '$ref'. Move it inside."),
    ],
)
def test_a_schema_that_no_server_can_honour_is_refused(write: Write, schema: str, words: str) -> None:
    head = "  $defs: {whom: {type: string}}\n  type: object\n"
    found = refused(write(f"{head}  properties: {{ ab: {schema} }}"))
    assert any(fault.startswith("rule.prompty:7") and words in fault for fault in found), found


@pytest.mark.parametrize(
    ("schema", "ends"),
    [
        ("  type: object\n  properties: {a: {$ref: '#'}}\n  required: [a]", False),
        ("  type: object\n  properties: {a: {$ref: '#'}}", True),
        ("  type: object\n  properties: {a: {type: array, minItems: 1, items: {$ref: '#'}}}\n  required: [a]", False),
        ("  type: object\n  properties: {a: {type: array, items: {$ref: '#'}}}\n  required: [a]", True),
        ("  type: object\n  properties: {a: {anyOf: [{$ref: '#'}, {type: 'null'}]}}\n  required: [a]", True),
        (
            "  {type: object, properties: {a: {$ref: '#/$defs/b'}}, $defs: {b: {$ref: '#/$defs/b'}}, required: [a]}",
            False,
        ),
    ],
)
def test_a_schema_that_no_answer_can_end_is_refused(write: Write, schema: str, ends: bool) -> None:
    if ends:
        assert output(write(schema)).name == "rule"
    else:
        assert "no answer ever ends" in refused(write(schema))[0]


def test_a_schema_deeper_than_servers_take_is_refused(write: Write) -> None:
    def deep(levels: int) -> str:
        return "{type: object, properties: {a: " * levels + "{type: string}" + "}}" * levels

    assert output(write(f"  {deep(10)}")).name == "rule"
    assert "more than 10 deep" in refused(write(f"  {deep(11)}"))[0]


def test_a_kind_that_is_nearly_right_is_guessed(write: Write) -> None:
    assert refused(write("  - {name: a, kind: strng}"))[0].endswith("Did you mean 'string'?")


def test_many_references_to_references_are_checked_at_once(write: Write) -> None:
    """Each part names the next one twice: who walks every path walks 2^40 of them."""
    pair = "type: object, properties: {{x: {{$ref: '#/$defs/{0}'}}, y: {{$ref: '#/$defs/{0}'}}}}, required: [x, y]"
    parts = "".join(f"    n{each}: {{{pair.format(f'n{each + 1}')}}}\n" for each in range(40))
    schema = f"  type: object\n  properties: {{a: {{$ref: '#/$defs/n0'}}}}\n  required: [a]\n  $defs:\n{parts}"
    assert output(write(f"{schema}    n40: {{type: string}}")).strict["required"] == ["a"]


# ── In words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_words_show_the_schema_and_come_from_the_projects_own_file(write: Write, tmp_path: Path) -> None:
    path = write("  - {name: answer}")
    shipped = output(path)
    assert (SHIPPED / PART).read_text(encoding="utf-8").split("\n")[0] in shipped.words
    assert '"answer"' in shipped.words
    version = read(path).version
    (tmp_path / "parts").mkdir()
    (tmp_path / PART).write_text("Only this: {{ schema }}", encoding="utf-8")
    own = read(path)
    assert own.output is not None
    assert own.output.words.startswith("Only this: {")
    assert own.version != version


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("No slot.", "outputs.md: never shows the schema"),
        ("A\n{{ shema }}", "outputs.md:2:4: unknown variable 'shema'"),
    ],
)
def test_a_broken_file_of_words_is_reported_with_its_line(write: Write, tmp_path: Path, text: str, words: str) -> None:
    path = write("  - {name: answer}")
    (tmp_path / "parts").mkdir()
    (tmp_path / PART).write_text(text, encoding="utf-8")
    with pytest.raises(PromptError) as caught:
        read(path)
    assert words in str(caught.value)


# ── From a class ────────────────────────────────────────────────────────────────────────────────────────────────────


class Step(BaseModel):
    what: str = Field(max_length=200, description="One step")
    below: list[Step] = []


class Plan(BaseModel):
    kind: Literal["plan"]
    title: str | None = None
    due: date
    steps: list[Step]
    cost: float = Field(default=0.0, ge=0)


def of_class(model: object) -> PromptFile:
    return with_class(read(SHIPPED / "answer.prompty"), model)


def test_a_class_becomes_an_output_of_its_name() -> None:
    file = of_class(Plan)
    assert file.output is not None
    sent: Any = file.output.strict
    assert (file.output.name, file.output.model) == ("Plan", Plan)
    assert sent["required"] == ["kind", "title", "due", "steps", "cost"]
    assert sent["properties"]["title"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert sent["properties"]["cost"] == {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}
    assert sent["properties"]["due"] == {"type": "string", "format": "date"}
    assert sent["$defs"]["Step"]["properties"]["what"] == {"type": "string", "description": "One step"}
    assert file.version != read(SHIPPED / "answer.prompty").version
    assert of_class(Plan).version == file.version


def test_a_class_that_holds_itself_is_an_object() -> None:
    file = of_class(Step)
    assert file.output is not None
    assert file.output.strict["type"] == "object"
    assert file.output.strict["properties"]["below"]["anyOf"][0]["items"] == {"$ref": "#/$defs/Step"}


class Loose(BaseModel):
    facts: dict[str, str]


class Pair(BaseModel):
    ends: tuple[int, int]


class Anything(BaseModel):
    value: Any


class Called(BaseModel):
    call: Callable[[], None]


class Several(RootModel[list[int]]):
    pass


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Loose, "output Loose.facts.additionalProperties: an answer cannot have properties without a name"),
        (Pair, "output Pair.ends.prefixItems: no server honours 'prefixItems'"),
        (Anything, "output Anything.value: says nothing of the value"),
        (Called, "output Called: no schema can be made of it"),
        (Several, "output Several.type: an answer is an object: expected type: object, found array"),
        (Plan(kind="plan", due=date(2031, 5, 3), steps=[]), "output: the output is no class of pydantic: found Plan("),
        ({"type": "object"}, "output: the output is no class of pydantic"),
    ],
)
def test_a_class_that_no_server_can_honour_is_refused(model: object, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        of_class(model)
    assert str(caught.value).startswith(words)


# ── The two forms agree ─────────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"enum": ["x", 1]}])


def _object(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(NAMES, children, min_size=1, max_size=3)
    return properties.flatmap(
        lambda named: st.lists(st.sampled_from(sorted(named)), unique=True).map(
            lambda needed: {"type": "object", "properties": named, "required": needed}
        )
    )


SCHEMAS = _object(
    st.recursive(
        LEAVES,
        lambda inner: (
            _object(inner)
            | inner.map(lambda items: {"type": "array", "items": items})
            | st.lists(inner, min_size=1, max_size=2).map(lambda several: {"anyOf": several})
        ),
        max_leaves=8,
    )
)
VALUES = st.recursive(
    st.sampled_from(["x", 1, True]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(SCHEMAS, VALUES)
def test_a_full_answer_that_a_server_may_give_is_one_that_is_accepted(schema: dict[str, Any], value: Any) -> None:
    assert list(faults(schema, str)) == []
    whole = canonical(schema)
    sent = strict(whole)
    assert list(faults(sent, str)) == []
    assert json.loads(json.dumps(sent)) == sent
    if Draft202012Validator(sent).is_valid(value) and "null" not in json.dumps(value):
        assert Draft202012Validator(whole).is_valid(value)


def test_what_checks_answers_comes_with_a_core_dependency() -> None:
    assert any(requirement.startswith("jsonschema") for requirement in metadata.requires("chromadb") or [])
