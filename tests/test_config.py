"""Reading YAML: values of YAML 1.2, places of faults, variables, and constructors as schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from ragstone.config import Located, bind, expand, parse_yaml, read_yaml, validate
from ragstone.errors import ConfigError, NotConfigured
from ragstone.protocols import Embedder, Splitter

HERE = Path("pipelines/answer.yaml")


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    weight: float = 0.5


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: Inner = Inner()


def test_on_and_no_stay_words_as_in_yaml_1_2():
    assert parse_yaml("on: yes\nno: off\nt: true\nn: ~", HERE).value == {
        "on": "yes",
        "no": "off",
        "t": True,
        "n": None,
    }


@given(st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_scalars_come_back(value: object):
    import json

    assert parse_yaml(f"value: {json.dumps(value)}", HERE).value["value"] == value


def test_a_fault_in_yaml_names_line_and_column():
    with pytest.raises(ConfigError, match=r"answer\.yaml:2:\d+: is not valid YAML"):
        parse_yaml("a: 1\nb: [1", HERE)


def test_a_key_that_stands_twice_is_refused_at_its_line():
    with pytest.raises(ConfigError, match=r"answer\.yaml:3:1: the key 'a' stands here twice"):
        parse_yaml("a: 1\nb: 2\na: 3", HERE)


@pytest.mark.parametrize("text", ["[" * 500_000, "[" * 101 + "]" * 101, "- " * 200 + "a", "&a [*a]", "&a {b: *a}"])
def test_what_is_nested_without_end_is_refused(text: str):
    with pytest.raises(ConfigError, match="nested too deeply"):
        parse_yaml(text, HERE)


def test_a_key_is_a_word():
    with pytest.raises(ConfigError, match=r"answer\.yaml:2:3: a key is no word"):
        parse_yaml("a: 1\n? [b, c]\n: 2", HERE)


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\t\x85\u2028\u2029 "),
    max_size=12,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.sampled_from([True, False, None]))
def test_the_fast_reader_reads_what_pyyaml_reads(value: object, flow: bool | None):
    text = yaml.safe_dump({"value": value, "again": [value, value]}, default_flow_style=flow, allow_unicode=True)
    quick = parse_yaml(text, HERE)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader")
        assert parse_yaml(text, HERE) == quick


def test_aliases_that_expand_without_end_are_refused():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
    )
    with pytest.raises(ConfigError, match="more than"):
        parse_yaml(bomb, HERE)


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_known_one():
    located = parse_yaml("name: x\ninner:\n  wieght: 1", HERE)
    with pytest.raises(ConfigError) as caught:
        validate(Outer, located)
    assert str(caught.value) == (
        "pipelines/answer.yaml:3:3: unknown key 'inner.wieght': expected one of weight. Did you mean 'weight'?"
    )


def test_every_fault_of_a_file_is_kept():
    with pytest.raises(ConfigError) as caught:
        validate(Outer, parse_yaml("inner: {weight: heavy}\nother: 1", HERE))
    messages = [fault.message for fault in caught.value.faults]
    assert len(messages) == 3
    assert any("'name' is missing" in message for message in messages)


def test_variables_are_filled_and_those_not_set_are_named():
    located = parse_yaml("url: http://${env:HOST}:${env:PORT:80}/\nkeys: ['${env:KEY:}']", HERE)
    filled = expand(located, {"HOST": "box"})
    assert filled.value == {"url": "http://box:80/", "keys": [""]}
    assert filled.unset == ("PORT", "KEY")
    with pytest.raises(NotConfigured, match=r"answer\.yaml:1:1: HOST is not set\. Run: export HOST="):
        expand(located, {})


def test_a_missing_file_and_one_that_is_not_utf8_are_config_errors(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such file"):
        read_yaml(tmp_path / "no.yaml")
    (tmp_path / "x.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / "x.yaml")


class Sample(Splitter):
    fingerprint = "sample"

    def __init__(
        self,
        *,
        embedder: Embedder | None = None,
        path: Path | None = None,
        mode: Literal["a", "b"] = "a",
        size: int = 10,
    ) -> None:
        self.given = (embedder, path, mode, size)

    def split(self, document: object) -> list[object]:  # type: ignore[override]
        return []


def no_connector(kind: str, name: str) -> Sample:
    return Sample(size=len(kind + name))


def test_a_constructor_is_the_schema_of_its_connector():
    located = Located({"embedder": "minilm", "path": "data", "size": "7"}, HERE, {})
    arguments = bind(Sample, located, folder=Path("/project"), connector=no_connector)
    assert arguments["path"] == Path("/project/data")
    assert arguments["size"] == 7
    assert isinstance(arguments["embedder"], Sample)
    assert arguments["mode"] == "a"


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"sise": 3}, "Did you mean 'size'"), ({"mode": "c"}, "mode"), ({"size": "many"}, "size")],
)
def test_a_wrong_setting_of_a_connector_is_explained(settings: dict[str, object], words: str):
    with pytest.raises(ConfigError, match=words):
        bind(Sample, Located(settings, HERE, {}), folder=Path(), connector=no_connector)


class Shelf(Splitter):
    """Has a parameter that pydantic has a method for."""

    def __init__(self, *, schema: str = "ours") -> None:
        self.schema = schema

    def split(self, document):
        return []


@pytest.mark.parametrize(("settings", "found"), [({}, "ours"), ({"schema": "theirs"}, "theirs")])
def test_a_key_may_have_any_name(settings: dict[str, object], found: str):
    located = Located(settings, HERE, {})
    assert bind(Shelf, located, folder=Path(), connector=no_connector) == {"schema": found}
    with pytest.raises(ConfigError, match="schema"):
        bind(Shelf, Located({"schem": "x"}, HERE, {}), folder=Path(), connector=no_connector)
