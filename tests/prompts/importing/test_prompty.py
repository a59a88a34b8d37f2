"""What Prompty itself renders of a file is what our loader renders of the imported one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import prompty
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.prompts.builder import build
from ragstone.prompts.file import load
from ragstone.prompts.importing.conversion import Imported, convert

FRONT = """\
---
name: greet
model: {id: gpt-4o, provider: openai, options: {temperature: 0.5}}
template: {format: {kind: %s}, parser: {kind: prompty}}
inputs:
  - {name: name, kind: string, required: true}
  - {name: count, kind: integer}
  - {name: flag, kind: boolean}
  - {name: tags, kind: array, items: {kind: string}}
---
"""
OLD = """\
---
name: greet
authors: [ana]
model: {api: chat, configuration: {type: openai, api_key: "${env:KEY}"}, parameters: {max_tokens: 9}}
inputs:
  name: {type: string}
  count: {type: integer}
  flag: {type: boolean}
  tags: {type: array}
sample: {name: Ana}
---
"""
Said = list[tuple[str, str]]


def imported(source: str) -> Imported:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "greet.prompty"
        path.write_bytes(source.encode())
        return convert(path)


def ours(made: Imported, values: Mapping[str, Any]) -> Said:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "greet.prompty"
        path.write_bytes(made.text.encode())
        file = load(path, root=Path(folder))
    return [(message.role, message.content.strip()) for message in build(file, values, hits=()).messages]


def theirs(source: str, values: Mapping[str, Any]) -> Said:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "greet.prompty"
        path.write_bytes(source.encode())
        said = [(message.role, message.text) for message in prompty.prepare(prompty.load(path), dict(values))]
    return [(role, text.strip()) for role, text in said if text.strip()]


WORD = st.text(alphabet="ab c&<é–'\"", max_size=5)
VALUES = st.fixed_dictionaries(
    {"name": WORD},
    optional={"count": st.integers(0, 3), "flag": st.booleans(), "tags": st.lists(WORD.filter(bool), max_size=3)},
)
TEXT = st.one_of(
    st.text(alphabet="ab }<&'\"\\\n:é–", min_size=1, max_size=12),
    st.sampled_from([' {"a": 1} ', "{% raw %}{{ x }} {% y %}{% endraw %}", "\n", "a user: b", "\ntool:\n"]),
)
JINJA = st.sampled_from(
    [
        "{{ name }}", "{{name|upper}}", "x {{- name -}} y", "{{ name | trim }}", "{{ flag }}", "{{ count }}",
        "{{ tags | join(', ') }}", "{{ tags|count }}", "{{ 'A' if flag else name }}", "{{ name ~ '-' ~ count }}",
        "{% if flag %}\nyes {{ name }}\n{% elif count %}\nsome\n{% else %}no{% endif %}",
        "x {%- if name == 'a' and not flag -%} x {%- endif %}", "{% if name in ['a', 'b'] %}in{% endif %}",
        "{% for tag in tags %}\n{{ loop.index }}. {{ tag }}{% if not loop.last %},{% endif %}\n{% else %}-{% endfor %}",
        "{% for tag in tags if tag != 'a' %}{{ tag }};{% endfor %}", "{{ name.upper() }}", "{{ name | safe }}",
        "{{ flag == true }}", "{{ undeclared }}", "{% if flag %}\nassistant:\n{{ name }}\n{% endif %}\nuser:\n",
    ]
)  # fmt: skip
MUSTACHE = st.sampled_from(
    ["{{{name}}}", "{{&name}}", "{{count}}", "{{#flag}}\nyes {{{name}}}\n{{/flag}}\n", "{{^flag}}no{{/flag}}",
     "{{#tags}}\n- {{{.}}}\n{{/tags}}\n", "{{^tags}}none{{/tags}}"]
)  # fmt: skip


def bodies(tags: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.lists(st.one_of(TEXT, tags), min_size=1, max_size=5).map("".join)
    turns = st.lists(
        st.builds("{}\n{}\n".format, st.sampled_from(["user:", "# Assistant:", " user :"]), words), max_size=2
    )
    return st.builds(lambda first, rest: f"system:\n{first}\n{''.join(rest)}\nuser:\nAsk.\n", words, turns)


@settings(max_examples=150, deadline=None)
@given(body=bodies(JINJA), values=VALUES)
def test_the_same_is_said_in_jinja(body: str, values: dict[str, Any]) -> None:
    source = FRONT % "jinja2" + body
    made = imported(source)
    assert made.losses == ()
    assert ours(made, values) == theirs(source, values)


@settings(max_examples=60, deadline=None)
@given(body=bodies(JINJA), values=VALUES)
def test_version_1_says_the_same(body: str, values: dict[str, Any]) -> None:
    body = body.replace("tool:", "tools:")  # a role of version 1 alone
    made = imported(OLD + body)
    assert made.kind == "Prompty v1"
    assert [loss.what for loss in made.losses] == ["model.configuration"]
    assert ours(made, values) == theirs(FRONT % "jinja2" + body, values)


@settings(max_examples=100, deadline=None)
@given(body=bodies(MUSTACHE), values=VALUES)
def test_the_same_is_said_in_mustache(body: str, values: dict[str, Any]) -> None:
    body = body.replace("{% raw %}{{ x }} {% y %}{% endraw %}", "{% raw %}")
    source = FRONT % "mustache" + body
    made = imported(source)
    assert made.losses == ()
    assert ours(made, values) == theirs(source, values)


@pytest.mark.parametrize(
    "lost",
    ["{{ name | capitalize }}", "{{ name[0] }}", "{{ count + 1 }}", "{{ f(name) }}", "{% set x = 1 %}", "{# why #}",
     "{% for m in chat_history %}{{ m.role }}{% endfor %}", "{% include 'x' %}", "{% if count is odd %}x{% endif %}"],
)  # fmt: skip
def test_what_cannot_be_said_is_named_with_its_line_and_nothing_else_changes(lost: str) -> None:
    made = imported(FRONT % "jinja2" + f"system:\nA {lost} B\nuser:\nAsk.\n")
    assert [(loss.fate, loss.where.rsplit("greet.prompty", 1)[1].split(":")[1]) for loss in made.losses] == [
        ("left out", "12")
    ]
    assert ours(made, {"name": "n"}) == [("system", "A  B"), ("user", "Ask.")]


def test_no_reference_to_a_variable_is_carried_over() -> None:
    made = imported(
        OLD.replace("name: greet", "name: ${env:USER}").replace("name: Ana", "name: '${env:HOME}'") + "user:\nHi"
    )
    assert "${" not in made.text
    assert [loss.what for loss in made.losses] == ["name", "model.configuration", "the example of 'name'"]
