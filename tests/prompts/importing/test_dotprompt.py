"""What dotprompt itself renders of a file is what our loader renders of the imported one."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from dotpromptz import Dotprompt
from dotpromptz.typing import DataArgument
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ragstone.errors import PromptError
from ragstone.prompts.builder import build
from ragstone.prompts.file import load
from ragstone.prompts.importing.conversion import Imported, convert
from ragstone.prompts.wire import broken_up

FRONT = """\
---
model: googleai/gemini-2.5-flash
config: {temperature: 0.5, topK: 3}
input:
  schema:
    name: string, Who asks
    note?: string
    count: integer
    flag: boolean
    maybe?: boolean
    tags(array): string
    numbers?(array): integer
    tone(enum): [plain, formal]
    user:
      city: string
      old?: boolean
  default: {note: none}
---
"""
RENAMED = {"user_city": ("user", "city"), "user_old": ("user", "old")}
Said = list[tuple[str, str]]


def imported(source: str, *, beside: Mapping[str, str] | None = None) -> Imported:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"greet.prompt": source, **(beside or {})}.items():
            (Path(folder) / name).write_bytes(text.encode())
        return convert(Path(folder) / "greet.prompt")


def ours(made: Imported, values: Mapping[str, Any]) -> Said:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "greet.prompty"
        path.write_bytes(made.text.encode())
        file = load(path, root=Path(folder))
    flat = {key: value for key, value in values.items() if key != "user"}
    for name, (group, part) in RENAMED.items():
        if part in values.get(group, {}):
            flat[name] = values[group][part]
    return [(message.role, message.content.strip()) for message in build(file, flat, hits=()).messages]


def theirs(source: str, values: Mapping[str, Any], *, partials: Mapping[str, str] | None = None) -> Said:
    prompt = Dotprompt(partials=dict(partials or {}))
    rendered = asyncio.run(prompt.render(source, DataArgument(input=dict(values))))
    said = [(message.role.value, "".join(part.text for part in message.content)) for message in rendered.messages]
    return [("assistant" if role == "model" else role, text.strip()) for role, text in said if text.strip()]


def whole(said: Said) -> bool:
    """Whether no special token stands there, such as `<0|>` made of words and a value: ours breaks it up."""
    return not any(broken_up(text)[1] for _, text in said)


def unexpected(made: Imported) -> list[str]:
    """Losses that a generated file should not have: its object becomes two inputs, and nothing else changes."""
    return [loss.what for loss in made.losses if not loss.what.startswith("the input 'user")]


# ── Generated files ─────────────────────────────────────────────────────────────────────────────────────────────────

TEXT = st.one_of(
    st.text(alphabet="ab {}%#<>&'\"\\\n\t:=é–", min_size=1, max_size=12),
    st.sampled_from(["\nuser:\n", "\nAssistant :\n", "{% if x %}", "{# no comment #}", '{"a": 1}', "\n", " x\n"]),
).filter(lambda text: "{{" not in text and not text.endswith(("{", "\\")) and (bool(text.strip()) or "\n" in text))
VALUES = st.fixed_dictionaries(
    {
        "name": st.text(max_size=6),
        "count": st.integers(-3, 3),
        "flag": st.booleans(),
        "tags": st.lists(st.text(max_size=4), max_size=3),
        "tone": st.sampled_from(["plain", "formal"]),
        "user": st.fixed_dictionaries({"city": st.text(max_size=4)}, optional={"old": st.booleans()}),
    },
    optional={
        "note": st.text(max_size=4),
        "maybe": st.booleans(),
        "numbers": st.lists(st.integers(0, 9), max_size=3),
    },
)
PRINTED = ["name", "note", "count", "flag", "maybe", "tags", "numbers", "tone", "user.city", "user.old", "@root.name"]
ASKED = ["name", "note", "count", "flag", "maybe", "tags", "numbers", "user.old", "true", "0"]


def tag(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    shapes = ["{{%s}}", "{{ %s }}", "{{{%s}}}", "{{&%s}}", "{{~%s}}", "{{%s~}}", "{{~{%s}~}}", "\\\\{{%s}}"]
    return st.builds(lambda shape, word: shape % word, st.sampled_from(shapes), words)


def block(
    opening: Callable[[str], str],
    name: str,
    conditions: list[str],
    inner: st.SearchStrategy[str],
    rest: st.SearchStrategy[str] | None = None,
):
    opener = st.sampled_from(conditions).map(opening)
    lines = st.sampled_from([("", ""), ("\n", ""), ("", "\n"), ("\n", "\n")])
    other = st.one_of(st.just(""), st.builds("{{{{else}}}}{}".format, inner if rest is None else rest))
    return st.builds(
        lambda head, body, rest, line: f"{line[1]}{head}{line[0]}{body}{rest}{{{{/{name}}}}}{line[0]}",
        opener, inner, other, lines,
    )  # fmt: skip


def template(names: list[str], asked: list[str], *, depth: int) -> st.SearchStrategy[str]:
    """Templates in which these names may be printed and asked for."""
    leaf = st.one_of(
        TEXT,
        tag(st.sampled_from(names)),
        st.sampled_from(["\\{{name}}", "{{{{raw}}}}{{x}} {% {{{{/raw}}}}"]),
    )
    if depth == 0:
        return st.lists(leaf, min_size=1, max_size=4).map("".join)
    inner = template(names, asked, depth=depth - 1)
    up = [f"../{name}" for name in names if not name.startswith(("@", ".", "this"))]
    looped = template(
        [*up, "this", ".", "@root.count"],
        [*(f"../{name}" for name in ["flag", "tags"]), "this", "@first", "@last"],
        depth=0,
    )
    kinds = [
        block(lambda name: f"{{{{#if {name}}}}}", "if", asked, inner),
        block(lambda name: f"{{{{#unless {name}}}}}", "unless", asked, inner),
        block(lambda name: f"{{{{#ifEquals {name}}}}}", "ifEquals", ['tone "plain"', "count 2", "name 'a'"], inner),
        block(lambda name: f"{{{{#unlessEquals {name}}}}}", "unlessEquals", ['tone "plain"', "count 2"], inner),
        block(lambda name: f"{{{{#{name}}}}}", "flag", ["flag"], inner),
        st.builds("{{{{#if flag}}}}{}{{{{else if maybe}}}}{}{{{{else}}}}{}{{{{/if}}}}".format, inner, inner, inner),
        block(lambda name: f"{{{{#each {name}}}}}", "each", ["tags", "numbers"], looped, inner),
        st.builds("{{{{#each tags as |tag|}}}}{}<{{{{tag}}}}>{{{{/each}}}}".format, looped),
    ]
    return st.lists(st.one_of(leaf, leaf, *kinds), min_size=1, max_size=4).map("".join)


BODY = template(PRINTED, ASKED, depth=2)
SOURCES = st.builds(
    lambda system, turns, question: FRONT + system + "".join(turns) + '{{role "user"}}Ask. ' + question,
    st.one_of(st.just(""), BODY.map('{{{{role "system"}}}}{}'.format)),
    st.lists(st.builds('{{{{role "{}"}}}}{}'.format, st.sampled_from(["user", "model"]), BODY), max_size=2),
    BODY,
)


@settings(max_examples=100, deadline=None)
@given(source=SOURCES, values=VALUES)
@example(
    source=FRONT + "{{#if flag}}\n{{#if maybe}}\nx\n{{/if}}\n{{/if}}\n",
    values={
        **dict.fromkeys(["name", "tone"], "plain"),
        "count": 0,
        "flag": True,
        "maybe": True,
        "tags": [],
        "user": {"city": ""},
    },
)
def test_the_same_is_said(source: str, values: dict[str, Any]) -> None:
    made = imported(source)
    assert unexpected(made) == []
    said = theirs(source, values)
    assume(whole(said))
    assert ours(made, values) == said


ROLES = st.lists(
    st.builds(
        '{{{{#if {}}}}}{{{{role "{}"}}}}{}{{{{else}}}}{{{{role "model"}}}}{}{{{{/if}}}}\n'.format,
        st.sampled_from(["flag", "maybe"]),
        st.sampled_from(["user", "model"]),
        template(PRINTED, ASKED, depth=0),
        template(PRINTED, ASKED, depth=0),
    ),
    max_size=1,
)


@settings(max_examples=30, deadline=None)
@given(before=template(PRINTED, ASKED, depth=0), roles=ROLES, values=VALUES)
def test_a_message_under_a_condition_stays_one(before: str, roles: list[str], values: dict[str, Any]) -> None:
    source = FRONT + before + "".join(roles) + '{{role "user"}}Ask.'
    made = imported(source)
    assert unexpected(made) == []
    said = theirs(source, values)
    assume(whole(said))
    assert ours(made, values) == said


LOST = [
    "{{json tags}}",
    "{{media url=name}}",
    '{{section "x"}}',
    "{{lookup user 'city'}}",
    "{{>nowhere}}",
    "{{! a comment }}",
    "{{!-- {{name}} --}}",
    "{{#each people}}{{name}}{{/each}}",
    "{{#custom name}}x{{/custom}}",
    "{{#each tags}}{{@index}}{{/each}}",
    "{{@secret}}",
    "{{user}}",
]


@settings(max_examples=30, deadline=None)
@given(before=template(PRINTED, ASKED, depth=1), lost=st.sampled_from(LOST), values=VALUES)
def test_what_cannot_be_said_is_named_with_its_place_and_nothing_else_changes(
    before: str, lost: str, values: dict[str, Any]
) -> None:
    before = f"A{before}.\nx "  # so that neither a sign nor a line of its own reaches beyond the tag
    made = imported(f"{FRONT}{before}{lost}.")
    without = f"{FRONT}{before}."
    line = (FRONT + before).count("\n") + 1
    named = [loss for loss in made.losses if not loss.what.startswith("the input 'user")]
    if "{{@index}}" in lost:
        assert "@index" in named[-1].what
        without = f"{FRONT}{before}{{{{#each tags}}}}{{{{/each}}}}."
    assert [loss.fate for loss in named] == ["left out"]
    assert f"greet.prompt:{line}:" in named[0].where
    said = theirs(without, values)
    assume(whole(said))
    assert ours(made, values) == said


def test_a_partial_beside_the_file_is_put_in_its_place() -> None:
    source = FRONT + "Hello {{name}}.\n{{>rules}}\nBye {{> rules }}"
    partials = {"rules": "Be {{tone}}{{#if flag}}!{{/if}}\n"}
    values = {"name": "n", "count": 1, "flag": True, "tags": [], "tone": "plain", "user": {"city": "c"}}
    made = imported(source, beside={"_rules.prompt": partials["rules"]})
    assert ours(made, values) == theirs(source, values, partials=partials)


def test_earlier_turns_elsewhere_than_before_the_question_are_a_change() -> None:
    told = imported('{{role "user"}}One {{x}}\n{{history}}\nWell.\n{{role "user"}}Two')
    assert [loss.what for loss in told.losses] == ["the place of the earlier turns"]
    assert imported('{{role "system"}}S\n{{history}}\n{{role "user"}}Two').losses == ()


def test_what_no_schema_declares_gets_its_kind_from_its_use() -> None:
    made = imported("{{#if polite}}Please: {{/if}}{{#each items}}{{this}}{{/each}}{{question}}")
    assert "name: polite\n    kind: boolean" in made.text
    assert "name: items\n    kind: array" in made.text
    assert "name: question\n    kind: string" in made.text
    assert made.losses == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{#if x}}\nA", "greet.prompt:1:1: {{#if x}} has no end"),
        ("a\nb {{/if}}", "greet.prompt:2:3: {{/if}} closes or divides no block"),
        ("{{#if x}}{{/each}}", "greet.prompt:1:10: {{/each}} does not close {{#if x}}: expected {{/if}}"),
        ('{{role "user"}}a {{x', "greet.prompt:1:18: a tag has no end: expected '}}'"),
        ("a {{ }}", "greet.prompt:1:3: a tag is empty"),
        ("{{#if x}}" * 30, "more than 20 blocks stand in one another"),
        ("{{#if x}}a{{else}}b{{else}}c{{/if}}", "a block has two else"),
    ],
)
def test_a_broken_template_is_said_with_its_place(body: str, words: str) -> None:
    with pytest.raises(PromptError) as caught:
        imported(body)
    assert words in str(caught.value)
