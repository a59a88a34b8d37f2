"""GitHub's files, telling the formats apart, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotpromptz_handlebars import EscapeFunction, Handlebars
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone.errors import PromptError, RagstoneError
from ragstone.prompts.builder import build
from ragstone.prompts.file import load
from ragstone.prompts.importing.conversion import convert

TEXT = st.text(max_size=15).filter(lambda text: "{" not in text and "\\" not in text)
CONTENT = st.lists(st.one_of(TEXT, st.sampled_from(["{{input}}", "{{ topic }}", "{% x %}{#", "\nuser:\n"])), max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    system=CONTENT,
    user=CONTENT,
    values=st.fixed_dictionaries({"input": st.text(max_size=9), "topic": st.text(max_size=9)}),
)
def test_what_github_would_send_is_said(
    system: list[str], user: list[str], values: dict[str, str], tmp_path: Path
) -> None:
    import yaml

    said = [
        ("system", "".join(system)),
        ("user", "".join(user)),
        ("assistant", "Well."),
        ("user", "{{input}} {{topic}}!"),
    ]
    file = {"messages": [{"role": role, "content": content} for role, content in said], "model": "openai/gpt-4o"}
    path = tmp_path / "greet.prompt.yml"
    path.write_text(yaml.safe_dump(file), encoding="utf-8")  # as it is, PyYAML writes U+0085 so that it is lost
    made = convert(path)
    assert made.losses == ()
    target = tmp_path / "greet.prompty"
    target.write_bytes(made.text.encode())
    sent = build(load(target, root=tmp_path), values, hits=()).messages
    engine = Handlebars(escape_fn=EscapeFunction.NO_ESCAPE)
    wanted = [(role, engine.compile(content)(values).strip()) for role, content in said]
    assert [(message.role, message.content.strip()) for message in sent] == [one for one in wanted if one[1]]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.prompt.yml", "messages: [{role: user, content: Hi}]", "GitHub .prompt.yml"),
        ("a.txt", '{"messages": [{"role": "user", "content": "Hi"}]}', "GitHub .prompt.yml"),
        ("a.txt", '{{role "system"}}Hi', "dotprompt"),
        ("a.prompt", "Only words.", "dotprompt"),
        ("a.prompty", "---\nmodel: x/y\ninput: {schema: {q: string}}\n---\n{{q}}", "dotprompt"),
        ("a.prompt", "---\nname: a\ninputs: [{name: q, kind: string}]\n---\nuser:\n{{q}}", "Prompty v2"),
        ("a.prompty", "---\nname: a\nsample: {q: x}\n---\nuser:\n{{q}}", "Prompty v1"),
        ("a.prompty", "---\nname: a\n---\nsystem:\n{{q}}", "Prompty v2"),
    ],
)
def test_the_content_tells_the_format(name: str, text: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert convert(tmp_path / name).kind == kind


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"just words\n", "is no prompt file: expected Prompty, dotprompt"),
        (b"\x89PNG\r\n\x1a\n\x00", "is no text in UTF-8"),
        (b"a\0b", "is no text"),
        (b"x" * 1_000_001, "is longer than 1,000,000 bytes"),
        (b"---\nname: [a\n---\nuser:\nHi", "x:2:9: is not valid YAML"),
        (b"---\nname: a\n", "has no end of its front matter"),
        (b"---\n- a\n---\nuser:\nHi", "the front matter holds no keys"),
        (b"---\nname: a\n---\nuser:\n{% if x %}", "x:5:1: is no template"),
        (b"---\nname: a\n---\n", "has no messages"),
        (b"messages:\n- content: Hi\n", "x:2:3: a message has no role"),
        (b"---\nmetadata: {ragstone: {}}\n---\nuser:\nHi", "is a prompt file of Ragstone already"),
        (
            b"---\ntemplate: erb\n---\nuser:\nHi",
            "the language of the template is not known: expected jinja2 or mustache",
        ),
    ],
)
def test_what_is_no_prompt_file_gets_one_clear_line(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(RagstoneError) as caught:
        convert(tmp_path / "x")
    assert words in str(caught.value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    front=st.text(alphabet="namdel:inputs \n-{}[]$\"'", max_size=40),
    body=st.text(alphabet='user:{}%#/~x \n"|=.', max_size=40),
)
def test_any_file_is_imported_or_refused_in_words(front: str, body: str, tmp_path: Path) -> None:
    for name in ("x.prompt", "x.prompty"):
        (tmp_path / name).write_text(f"---\n{front}\n---\n{body}")
        try:
            made = convert(tmp_path / name)
        except PromptError:
            continue  # in words; anything else fails this test
        else:
            (tmp_path / "made.prompty").write_bytes(made.text.encode())
            load(tmp_path / "made.prompty", root=tmp_path)
