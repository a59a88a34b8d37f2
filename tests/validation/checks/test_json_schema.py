import json
from pathlib import Path

import pytest

from ragstone.errors import ConfigError
from ragstone.types import Context
from ragstone.validation.checks.json_schema import JsonSchemaCheck
from ragstone.verdicts import Subject

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "tags": {"type": "array", "uniqueItems": True}},
    "patternProperties": {"^x_": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


async def found(text: str, schema=SCHEMA):
    return await JsonSchemaCheck(schema=schema).check(Subject(text=text, stage="output"), context=Context())


async def test_json_that_obeys_passes_as_it_stands():
    for text in ('{"name": "Ann", "tags": [1, 2], "x_a": 3}', ' {"name":"Ann"}\n'):
        finding = await found(text)
        assert (finding.passed, finding.repaired) == (True, "")
    assert (await found("null", {"type": "null"})).passed
    assert (await found("[1, 2]", {"type": "array"})).passed


async def test_what_can_be_mended_is_a_fix_and_says_what_was_mended():
    finding = await found("Sure:\n```json\n{'name': 'Ann', 'tags': [1, 2,]\n```")
    assert (finding.passed, finding.reason) == (False, "it is no JSON as it stands")
    assert finding.repaired == (
        "a code fence was taken off, and the words around it; repaired: single quotes, a trailing comma, a cut-off end"
    )
    assert finding.fixed is not None
    assert json.loads(finding.fixed) == {"name": "Ann", "tags": [1, 2]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no", "it is no JSON: Expecting value"),
        ('{"name": "ann"}', "name: 'ann' does not match '^[A-Z]'"),
        ('{"name": "A", "tags": [1, 1.0]}', "non-unique"),
        ('{"name": "A", "x_a": "1"}', "x_a: '1' is not of type 'integer'"),
        ('{"name": "A", "y": 1}', "'y' was unexpected"),
        ("[]", "is not of type 'object'"),
        ("{'name': 'ann',}", "does not match"),
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
    ],
)
async def test_what_does_not_obey_says_why(text: str, said: str):
    finding = await found(text)
    assert (finding.passed, finding.fixed) == (False, None)
    assert said in finding.reason


async def test_a_pattern_that_explodes_elsewhere_takes_no_time():
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert not (await found(json.dumps("a" * 100_000 + "b"), schema)).passed


async def test_a_list_that_holds_true_and_one_holds_no_value_twice():
    schema = {"uniqueItems": True}
    assert (await found('[true, 1, "1", false, 0, [1], {"a": 1}]', schema)).passed
    assert not (await found('[{"a": 1}, {"a": 1.0}]', schema)).passed


async def test_the_schema_stands_in_a_file(tmp_path: Path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    check = JsonSchemaCheck(file=path)
    assert (await check.check(Subject(text='{"name": "Ann"}', stage="output"), context=Context())).passed


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "strng"}, "is no JSON Schema"),
        ({"pattern": "a(?=b)"}, "is no pattern: look-around"),
        ({"patternProperties": {"(a)\\1": {}}}, "is no pattern: backreferences"),
        ({"unevaluatedProperties": False}, "'unevaluatedProperties' is not known here"),
        ({"$ref": "https://example.com/schema.json"}, "no such reference"),
        ({"$ref": "#/$defs/a"}, "no such reference"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "leads back"),
    ],
)
def test_a_schema_that_cannot_be_followed_is_refused(schema, said):
    with pytest.raises(ConfigError, match=said):
        JsonSchemaCheck(schema=schema)


def test_one_schema_is_asked_for(tmp_path: Path):
    for settings, said in [({}, "found none"), ({"schema": {}, "file": tmp_path}, "found both")]:
        with pytest.raises(ConfigError, match=said):
            JsonSchemaCheck(**settings)
    (tmp_path / "a.json").write_text("[")
    (tmp_path / "b.json").write_text("[]")
    for name, said in [("a.json", "cannot be read"), ("b.json", "holds no JSON Schema"), ("c.json", "cannot be read")]:
        with pytest.raises(ConfigError, match=said):
            JsonSchemaCheck(file=tmp_path / name)
