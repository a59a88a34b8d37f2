from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ragstone.errors import PromptError
from ragstone.prompts.syntax import Source
from ragstone.prompts.template import compile_body, plain
from ragstone.prompts.wire import broken_up
from ragstone.types import Message

NAMES = ("question", "items", "count", "passages")
VALUES: Mapping[str, object] = {"question": "Why?", "items": ["a", "b"], "count": 2, "passages": "[1] x"}

Include = Callable[[str, str], None]


@pytest.fixture
def include(tmp_path: Path) -> Include:
    def written(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return written


def rendered(text: str, root: Path, values: Mapping[str, object] = VALUES) -> list[Message]:
    return compile_body(Source(root / "a.prompty", text, 11), root=root, names=NAMES).render(values)


def said(text: str, root: Path) -> str:
    """What a user message of this text says."""
    return rendered(f"user:\n{text}", root)[0].content


def faults(text: str, root: Path) -> list[str]:
    with pytest.raises(PromptError) as caught:
        compile_body(Source(root / "a.prompty", text, 11), root=root, names=NAMES)
    return [str(fault).replace(f"{root}{os.sep}", "") for fault in caught.value.faults]


# ── Messages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_body_is_cut_at_its_role_markers(tmp_path: Path) -> None:
    text = "\nsystem:\nBe brief.\n\nuser:\n\n  One.\nassistant: \t\nTwo.\nuser:\nThree.\n\n"
    assert rendered(text, tmp_path) == [
        Message("system", "Be brief."),
        Message("user", "  One."),
        Message("assistant", "Two."),
        Message("user", "Three."),
    ]


@pytest.mark.parametrize("line", [" user:", "user: hello", "the user:", "- user:", "users:", "`user:`", "user"])
def test_a_role_marker_is_a_line_of_its_own_at_the_margin(tmp_path: Path, line: str) -> None:
    assert said(f"One.\n{line}\nTwo.", tmp_path) == f"One.\n{line}\nTwo."


def test_a_message_of_whitespace_is_left_out(tmp_path: Path) -> None:
    text = "system:\n\n{% if question == 'x' %}Never.{% endif %}\nassistant:\n \nuser:\nYes."
    assert rendered(text, tmp_path) == [Message("user", "Yes.")]


def test_single_braces_and_html_stay_as_they_are(tmp_path: Path) -> None:
    text = '{"a": {b}} <b>&amp;</b> 100% # $x ${file:y} {count}'
    assert said(text, tmp_path) == text


def test_a_literal_tag_can_be_written(tmp_path: Path) -> None:
    assert said("{{ 'user:' }}\n{% raw %}{{ x }}{% endraw %}{# a note #}", tmp_path) == "user:\n{{ x }}"


# ── The language ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ question }}", "Why?"),
        ("{{ question | upper | lower | trim }}", "why?"),
        ("{{ items }}", "a\nb"),
        ("{{ items | join(', ') }}: {{ items | length }}, {{ items | first }}, {{ items | last }}", "a, b: 2, a, b"),
        ("{{ question | replace('?', '!') }}", "Why!"),
        ("{{ 2.345 | round(1) }}", "2.3"),
        (
            "{% for item in items %}{{ loop.index }}. {{ item }}{% if not loop.last %}; {% endif %}{% endfor %}",
            "1. a; 2. b",
        ),
        ("{% for item in items if item != 'a' %}{{ item }}{% else %}none{% endfor %}", "b"),
        (
            "{% if count > 1 and 'a' in items or not question %}many{% elif count == 1 %}one{% else %}none{% endif %}",
            "many",
        ),
        ("{{ 'yes' if count else 'no' }}{{ true }}{{ none }}", "yestrue"),
        ("{% if question in ['Why?', 'How?'] %}asked{% endif %}", "asked"),
        ("{%- if count -%} x {%- endif -%}", "x"),
    ],
)
def test_what_the_language_can_say(tmp_path: Path, text: str, result: str) -> None:
    assert said(text, tmp_path) == result


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{ qestion }}", "a.prompty:12:4: unknown variable 'qestion'. Did you mean 'question'?"),
        ("ab {{ x }} and {{ y }}", "a.prompty:12:7: unknown variable 'x'. Declare it under inputs."),
        (
            "{{ history }}",
            "a.prompty:12:4: unknown variable 'history'. Earlier turns are sent as messages of their own",
        ),
        ("{{ loop }}", "unknown variable 'loop'"),
        ("{{ loop.index }}", "an attribute cannot be used"),
        ("{{ self }}", "unknown variable 'self'"),
        ("{{ range }}", "unknown variable 'range'"),
        ("{{ question | uper }}", "a.prompty:12:15: unknown filter 'uper': expected one of first, join, "),
        ("{{ question | uper }}", "Did you mean 'upper'?"),
        ("{{ items | map(attribute='x') }}", "unknown filter 'map'"),
        (
            "{{ items | join(attribute='x') }}",
            "the filter 'join' has other arguments: expected at most 1, without names",
        ),
        ("{{ items | join('', 'x') }}", "the filter 'join' has other arguments"),
        ("{{ items | join(*items) }}", "the filter 'join' has other arguments"),
        (
            "{{ question.__class__ }}",
            "a.prompty:12:1: an attribute cannot be used in a prompt: expected variables, if, for,",
        ),
        ("{{ items[0] }}", "an index cannot be used"),
        ("{{ question() }}", "a call cannot be used"),
        ("{{ 'x' * 9 }}", "mul cannot be used"),
        ("{{ 'a' ~ 'b' }}", "concat cannot be used"),
        ("{{ question is defined }}", "a test with 'is' cannot be used"),
        ("{{ {'a': 1} }}", "dict cannot be used"),
        ("{% set a = 1 %}", "set cannot be used"),
        ("{% macro m() %}{% endmacro %}", "macro cannot be used"),
        ("{% import 'a' as a %}", "import cannot be used"),
        ("{% from 'a' import b %}", "import cannot be used"),
        ("{% extends 'a' %}", "extends cannot be used"),
        ("{% block a %}{% endblock %}", "block cannot be used"),
        ("{% filter upper %}x{% endfilter %}", "a filter block cannot be used"),
        ("{% with %}{% endwith %}", "with cannot be used"),
        ("{% for a, b in items %}{% endfor %}", "a.prompty:12:1: is no plain loop: expected {% for item in items %}"),
        ("{% for a in items recursive %}{% endfor %}", "is no plain loop"),
        ("{% for a in items %}{% endfor %}{{ a }}", "unknown variable 'a'"),
        ("{% for a in items %}{% else %}{{ a }}{% endfor %}", "unknown variable 'a'"),
        ("{% for a in a %}{% endfor %}", "unknown variable 'a'"),
        ("{% for a in items %}{{ loop.previtem }}{% endfor %}", "an attribute cannot be used"),
        ("{{ 'a' if count }}", "an 'if' inside {{ }} has no 'else'"),
        ("one\n{% if %}", "a.prompty:13:1: is no template: Expected an expression, got 'end of statement block'"),
        ("{{ question ", "a.prompty:12:1: is no template"),
        ("{% for a in items %}", "is no template"),
        ("{# open", "is no template"),
        ("{{ " + "1" * 5000 + " }}", "a.prompty:12:1: is no template"),
        ("{{ " + "(" * 3000 + " }}", "is no template"),
        ("{{ '\\N{x}' }}", "is no template"),
    ],
)
def test_what_the_language_cannot_say_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    found = faults(f"user:\n{text}", tmp_path)
    assert any(fault in each for each in found), found


def test_every_fault_of_a_body_is_found_at_once(tmp_path: Path) -> None:
    found = faults("system:\n{{ a }}\nuser:\n{{ b }}\n{{ items.c }}\n{% include 'd.md' %}", tmp_path)
    assert [each.split(":")[1] for each in found] == ["12", "14", "15", "16"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "a.prompty: has no user message. Write a line 'user:'"),
        ("system:\nBe brief.", "has no user message"),
        ("\nHello.\nuser:\nhi", "a.prompty:12:1: text stands before the first role: expected a line such as 'system:'"),
        ("user:\nhi\nsystem:\nBe brief.", "a.prompty:14:1: a system message stands after another role"),
        ("User:\nhi", "a.prompty:11:1: 'User:' is no role: expected system:, user: or assistant:. To have the words"),
        ("user:\nhi\ndeveloper:\nx", "a.prompty:13:1: 'developer:' is no role"),
        ("user:\nhi\nuser :\nx", "'user :' is no role"),
    ],
)
def test_messages_out_of_order_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in "\n".join(faults(text, tmp_path))


def test_what_cannot_be_rendered_is_an_error_of_the_prompt(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"a\.prompty: cannot be rendered with these values"):
        rendered("user:\n{% if question > 3 %}{% endif %}", tmp_path)


@pytest.mark.slow
def test_a_message_that_grows_without_end_is_stopped(tmp_path: Path) -> None:
    text = "user:\n" + "{% for a in items %}" * 4 + "{{ question }}" + "{% endfor %}" * 4
    with pytest.raises(PromptError, match="a message of more than 10,000,000 characters"):
        rendered(text, tmp_path, {**VALUES, "items": ["x"] * 200})


def test_loops_deeper_than_python_allows_are_refused(tmp_path: Path) -> None:
    text = "user:\n" + "{% for a in items %}" * 30 + "{% endfor %}" * 30
    with pytest.raises(PromptError, match="is no template"):
        rendered(text, tmp_path)


# ── Includes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_included_file_stands_in_the_place_of_its_tag(tmp_path: Path, include: Include) -> None:
    include("parts/one.md", "One {{ question }}\n{% include 'parts/two.md' %}\n")
    include("parts/two.md", "Two.\n\n")
    assert said('a\n{% include "parts/one.md" %}\nb', tmp_path) == "a\nOne Why?\nTwo.\n\nb"


def test_an_included_file_knows_the_variables_of_its_place(tmp_path: Path, include: Include) -> None:
    include("item.md", "<{{ item }}>")
    assert said("{% for item in items %}{% include 'item.md' %}{% endfor %}", tmp_path) == "<a><b>"
    assert faults("user:\n{% include 'item.md' %}", tmp_path) == [
        "item.md:1:5: unknown variable 'item'. Did you mean 'items'?"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("One.\n{{ pasages }}", "part.md:2:4: unknown variable 'pasages'. Did you mean 'passages'?"),
        ("One.\nuser:\nTwo.", "part.md:2:1: an included file holds a role"),
        ("System :", "part.md:1:1: an included file holds a role"),
        ("{% if %}", "part.md:1:1: is no template"),
        ("{{ question.x }}", "part.md:1:1: an attribute cannot be used"),
        ("a\n{% include 'part.md' %}", "part.md:2:1: 'part.md' includes itself"),
        ("{% include 'b.md' %}", "b.md:1:1: 'part.md' includes itself"),
        ("{{ loop.index }}", "an attribute cannot be used"),
    ],
)
def test_a_fault_in_an_included_file_is_told_with_its_own_line(
    tmp_path: Path, include: Include, text: str, fault: str
) -> None:
    include("part.md", text)
    include("b.md", "{% include 'part.md' %}")
    assert fault in "\n".join(faults("user:\n{% for x in items %}{% include 'part.md' %}{% endfor %}", tmp_path))


def test_only_files_of_the_folder_are_included(tmp_path: Path) -> None:
    root = tmp_path / "prompts"
    (root / "parts").mkdir(parents=True)
    (tmp_path / "secret.md").write_text("secret", encoding="utf-8")
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "folder").symlink_to(tmp_path)
    (root / "citations.md").write_text("x", encoding="utf-8")
    for name in ("../secret.md", str(tmp_path / "secret.md"), "link.md", "folder/secret.md", "parts/../../secret.md"):
        assert (
            f"{name!r} cannot be included: lies outside the folder of prompts"
            in faults(f"user:\n{{% include '{name}' %}}", root)[0]
        )
    assert "Did you mean 'citations.md'?" in faults("user:\n{% include 'citation.md' %}", root)[0]
    assert "there is no such file" in faults("user:\n{% include 'parts' %}", root)[0]
    assert "cannot be read" in faults("user:\n{% include 'a\0b' %}", root)[0]


@pytest.mark.parametrize(
    "tag",
    [
        "{% include question %}",
        "{% include ['citations.md', 'x.md'] %}",
        "{% include 'x.md' ignore missing %}",
        "{% include 'x.md' without context %}",
        "{% include 3 %}",
    ],
)
def test_an_include_names_one_file(tmp_path: Path, tag: str) -> None:
    assert "include takes the name of one file" in faults(f"user:\n{tag}", tmp_path)[0]


def test_a_link_inside_the_folder_is_followed(tmp_path: Path, include: Include) -> None:
    include("real.md", "Real.")
    (tmp_path / "link.md").symlink_to(tmp_path / "real.md")
    assert said("{% include 'link.md' %}", tmp_path) == "Real."


# ── Values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, ""),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (0.5, "0.5"),
        ((), ""),
        (["a", 1, None], "a\n1\n"),
    ],
)
def test_a_value_stands_as_it_is(value: object, text: str) -> None:
    assert plain(value) == text


@given(value=st.text())
def test_any_text_comes_out_as_it_went_in(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    root = tmp_path_factory.getbasetemp()
    assume(not broken_up(value)[1])
    body = "user:\n({{ question }}){% for item in items %}({{ item }}){% endfor %}({{ items | join(' / ') }})"
    messages = rendered(body, root, {"question": value, "items": [value, value]})
    assert messages == [Message("user", f"({value})({value})({value})({value} / {value})")]


@given(text=st.text(alphabet="{}%#'|. auqestion\nforiden:([)]-", max_size=60))
def test_any_body_is_rendered_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = tmp_path_factory.getbasetemp()
    with suppress(PromptError):
        assert len(rendered(f"user:\n{text}", root)) <= 1
