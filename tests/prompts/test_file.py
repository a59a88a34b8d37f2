from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import PromptError
from ragstone.prompts.file import PromptFile, load
from ragstone.prompts.schema import Property
from ragstone.types import Options

SHIPPED = Path(__file__).parents[2] / "prompts"
BODY = "system:\nBe brief.\n\nuser:\n{{ question }}\n"
FRONT = "inputs:\n  - {name: question, kind: string, required: true}"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(front: str = FRONT, body: str = BODY, *, name: str = "answer.prompty") -> Path:
        path = tmp_path / name
        path.write_text(f"---\n{front}\n---\n{body}", encoding="utf-8")
        return path

    return written


def read(path: Path) -> PromptFile:
    return load(path, root=path.parent)


def refused(path: Path) -> str:
    """What is wrong with a file, as its author reads it, without the folder."""
    with pytest.raises(PromptError) as caught:
        read(path)
    assert caught.value.faults == () or caught.value.faults[0] is caught.value
    return str(caught.value).replace(f"{path.parent}{os.sep}", "")


# ── What a file says ────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_key_that_has_an_effect_is_read(write: Write) -> None:
    file = read(
        write(
            """\
name: support
displayName: Support
description: Answers.
model:
  id: gpt-6-luna
  provider: openai
  apiType: chat
  options:
    temperature: 0
    maxOutputTokens: 600
    topP: 0.9
    topK: 40
    frequencyPenalty: 0.5
    presencePenalty: -0.5
    seed: 7
    stopSequences: [END]
inputs:
  - {name: question, kind: string, required: true, description: What, example: "Why?"}
  - {name: tone, kind: string, default: plain, enumValues: [plain, formal]}
outputs: []
template: {format: {kind: jinja2}, parser: prompty}
metadata:
  authors: [ann]
  tags: [docs]
  version: "1.2"
  ragstone:
    spec: 1
    trust: {tone: author, passages: retrieved, history: user}
    abstain: " I do not know. "
    passages: {order: edges, mark: delimit}""",
            "system:\nSay: I do\nnot know.\nuser:\n{{ question }} {{ tone }} {{ passages }}",
        )
    )
    assert (file.name, file.display_name, file.description, file.model) == (
        "support",
        "Support",
        "Answers.",
        "gpt-6-luna",
    )
    assert file.options == Options(
        temperature=0,
        max_tokens=600,
        top_p=0.9,
        top_k=40,
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        seed=7,
        stop=("END",),
    )
    trusts = {"question": "user", "tone": "author", "passages": "retrieved", "history": "user", "canary": "author"}
    assert file.trust == trusts
    assert (file.abstain, file.order, file.mark) == ("I do not know.", "edges", "delimit")
    assert [given.name for given in file.inputs] == ["question", "tone"]


def test_a_file_that_says_little_has_defaults(write: Write) -> None:
    file = read(write("", "user:\nHello.", name="hello.prompty"))
    assert (file.name, file.options, file.inputs) == ("hello", Options(), ())
    assert (file.abstain, file.order, file.mark) == (None, "rank", "none")


def test_front_matter_ends_only_at_a_line_of_its_own(write: Write) -> None:
    file = read(write(f'description: "a --- b"\n{FRONT}\ndisplayName: |\n  ---\n  --- x', BODY + "---\nend\n"))
    assert (file.description, file.display_name) == ("a --- b", "---\n--- x")
    assert file.body.render({"question": "?"})[-1].content == "?\n---\nend"


def test_windows_files_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "answer.prompty"
    path.write_bytes(b"\xef\xbb\xbf" + f"---\n{FRONT}\n---\n{BODY}".replace("\n", "\r\n").encode())
    assert read(path).body.render({"question": "?"})[0].content == "Be brief."


@pytest.mark.parametrize("name", ["answer", "chat"])
def test_the_shipped_prompts_load(name: str) -> None:
    file = load(SHIPPED / f"{name}.prompty", root=SHIPPED)
    assert file.name == name
    assert file.body.uses == {"question", "passages", "canary"}
    assert file.body.includes.keys() == {"parts/canary.md", "parts/citations.md", "parts/delimit.md"}
    assert (file.mark, file.options.temperature) == ("delimit", 0)
    assert file.abstain == "The documents do not answer this question."


def test_the_folders_readme_is_short_and_names_its_twin() -> None:
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    assert len([line for line in readme.splitlines() if not line.startswith("|")]) <= 30
    assert "src/ragstone/prompts" in readme


# ── What is refused, and how it is said ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("nane: x", "answer.prompty:2:1: unknown key 'nane': expected one of description, displayName,"),
        ("nane: x", "Did you mean 'name'?"),
        ("model: {options: {temprature: 0}}", "answer.prompty:2:19: unknown key 'model.options.temprature'"),
        ("model: {options: {max_output_tokens: 9}}", "Did you mean 'maxOutputTokens'?"),
        ("inputs:\n  - {name: a, knd: string}", "answer.prompty:3:15: unknown key 'inputs.0.knd'"),
        ("inputs:\n  - {name: a, knd: string}", "Did you mean 'kind'?"),
        (
            "inputs:\n  - {name: a, kind: strng}",
            "answer.prompty:3:15: inputs.0.kind: input should be 'string', 'integer',",
        ),
        ("inputs:\n  - {kind: string}", "answer.prompty:3:5: the key 'inputs.0.name' is missing"),
        (
            "metadata:\n  ragstone:\n    layers: {cto: {on: auto}}",
            "answer.prompty:4:14: unknown key 'metadata.ragstone.layers.cto'",
        ),
        ("metadata: {ragston: {}}", "Did you mean 'ragstone'?"),
        ("metadata: {ragstone: {spec: 2}}", "metadata.ragstone.spec"),
        ("metadata: {ragstone: {passages: {mark: delimited}}}", "'none', 'delimit', 'datamark' or 'encode'"),
        ("metadata: {ragstone: {trust: {question: reader}}}", "'author', 'user', 'retrieved' or 'tool'"),
        ("metadata: {ragstone: {abstain: ' '}}", "metadata.ragstone.abstain"),
        ("model: {options: {temperature: '0'}}", "model.options.temperature: should be a number"),
        ("model: {options: {temperature: -1}}", "greater than or equal to 0"),
        ("model: {options: {maxOutputTokens: true}}", "model.options.maxOutputTokens"),
        ("model: {options: {stopSequences: ['']}}", "model.options.stopSequences.0"),
        ("model: gpt-6-luna", "answer.prompty:2:1: model: should hold keys and values: found 'gpt-6-luna'"),
        ("inputs: [question]", "answer.prompty:2:10: inputs.0: should hold keys and values: found 'question'"),
        ("model: {apiType: image}", "model.apiType: input should be 'chat'"),
        (
            "model: {connection: {endpoint: http://x}}",
            "answer.prompty:2:9: model.connection is not supported by this version",
        ),
        (
            "outputs: {answer: string}",
            "answer.prompty:2:1: an answer is an object: expected type: object, found nothing",
        ),
        ("tools: [search]", "tools is not supported by this version"),
        ("template: {format: mustache}", "template.format: input should be 'jinja2'"),
        ("template: {parser: {kind: xml}}", "template.parser: input should be 'prompty'"),
        ("- name", "answer.prompty:2:1: the front matter holds no keys"),
        ("name: [", "is not valid YAML"),
        ("name: a\nname: b", "answer.prompty:3:1: the key 'name' stands here twice"),
        (
            "description: ${env:HOME}",
            "answer.prompty:2:14: ${env:…} cannot be used in a prompt file. Variables are read",
        ),
        ("x:\n  # ${env:HOME:x}", "answer.prompty:3:5: ${env:…}"),
        ("description: ${file:../key.txt}", "${file:…} cannot be used in a prompt file. Use {% include %}."),
        ("x: " + "[" * 3000, "nested too deeply"),
    ],
)
def test_front_matter_that_is_wrong_is_refused_with_its_place(write: Write, front: str, words: str) -> None:
    assert words in refused(write(front, "user:\nhi"))


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("{name: passages}", "answer.prompty:3:6: 'passages' is given by Ragstone itself"),
        ("{name: history}", "'history' is given by Ragstone itself"),
        ("{name: loop}", "'loop' cannot name an input"),
        ("{name: 'two words'}", "'two words' cannot name an input"),
        ("{name: ''}", "'' cannot name an input"),
        ("{name: a}\n  - {name: a}", "answer.prompty:4:6: the input 'a' stands here twice"),
        ("{name: a, kind: integer, default: '3'}", "the default is of another kind: expected integer, found '3'"),
        ("{name: a, kind: integer, default: true}", "the default is of another kind"),
        ("{name: a, kind: boolean, example: 1}", "the example is of another kind"),
        ("{name: a, kind: float, default: x}", "expected float, found 'x'"),
        ("{name: a, kind: array, default: [{b: c}]}", "expected array"),
        ("{name: a, default: c, enumValues: [b]}", "the default is none of enumValues: found 'c'"),
        ("{name: a, enumValues: [b, 3]}", "the value is of another kind: expected string, found 3"),
    ],
)
def test_inputs_that_are_wrong_are_refused(write: Write, inputs: str, words: str) -> None:
    assert words in refused(write(f"inputs:\n  - {inputs}", "user:\nhi"))


def test_every_fault_of_a_front_matter_is_found_at_once(write: Write) -> None:
    with pytest.raises(PromptError) as caught:
        read(write("nane: x\ninputs:\n  - {name: a, kind: strng}\nmodel: {options: {topP: 2}}"))
    assert sorted(str(fault.where).rsplit(":", 2)[1] for fault in caught.value.faults) == ["2", "4", "5"]
    assert all(isinstance(fault, PromptError) for fault in caught.value.faults)


@pytest.mark.parametrize(
    ("trust", "words"),
    [
        (
            "{qestion: user}",
            "there is no input 'qestion': expected one of question, passages, history. Did you mean 'question'?",
        ),
        ("{passages: author}", "passages are always retrieved text: expected 'retrieved', found 'author'"),
    ],
)
def test_trust_of_what_is_not_there_is_refused(write: Write, trust: str, words: str) -> None:
    assert words in refused(write(f"{FRONT}\nmetadata:\n  ragstone:\n    trust: {trust}"))


def test_words_that_mean_no_answer_must_stand_in_the_prompt(write: Write, tmp_path: Path) -> None:
    front = f"{FRONT}\nmetadata: {{ragstone: {{abstain: I do not know.}}}}"
    assert "answer.prompty:4:23: the prompt never tells the model to say these words" in refused(write(front))
    (tmp_path / "part.md").write_text("Else say: I do\nnot know.", encoding="utf-8")
    assert read(write(front, "user:\n{% include 'part.md' %}")).abstain == "I do not know."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "answer.prompty:1:1: has no front matter: expected a first line '---'"),
        ("user:\nhi", "has no front matter"),
        ("--- \nuser:", "has no front matter"),
        ("---\nname: a\n", "answer.prompty:1:1: has no end of its front matter"),
        ("---\nname: a\n----\nuser:\nhi", "has no end of its front matter"),
    ],
)
def test_a_file_without_front_matter_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "answer.prompty"
    path.write_text(text, encoding="utf-8")
    assert words in refused(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, write: Write) -> None:
    write(name="answer.prompty")
    assert refused(tmp_path / "anser.prompty") == "anser.prompty: there is no such file. Did you mean 'answer.prompty'?"
    (tmp_path / "binary.prompty").write_bytes(b"---\n\xff\xfe")
    assert "binary.prompty: cannot be read" in refused(tmp_path / "binary.prompty")
    (tmp_path / "long.prompty").write_bytes(b"-" * 1_000_001)
    assert "long.prompty: is longer than 1,000,000 bytes" in refused(tmp_path / "long.prompty")
    (tmp_path / "loop.prompty").symlink_to(tmp_path / "loop.prompty")
    assert refused(tmp_path / "loop.prompty").startswith("loop.prompty: ")


def test_a_prompt_outside_its_folder_is_refused(tmp_path: Path, write: Write) -> None:
    inside = tmp_path / "prompts"
    inside.mkdir()
    (inside / "link.prompty").symlink_to(write())
    with pytest.raises(PromptError, match="lies outside the folder of prompts"):
        load(inside / "link.prompty", root=inside)


@given(front=st.text(max_size=80), body=st.text(max_size=80))
def test_any_text_loads_or_is_refused_with_a_prompt_error(
    tmp_path_factory: pytest.TempPathFactory, front: str, body: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.prompty"
    path.write_text(f"---\n{front}\n---\n{body}", encoding="utf-8", errors="replace")
    with suppress(PromptError):
        assert read(path).body.messages


# ── Its version ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_version_is_that_of_all_that_is_sent(write: Write, tmp_path: Path) -> None:
    part = tmp_path / "part.md"
    part.write_text("Cite.", encoding="utf-8")
    body = "user:\n{% include 'part.md' %} {{ question }}"
    first = read(write(FRONT, body)).version
    assert len(first) == 16
    assert read(write(FRONT, body)).version == first
    assert read(write(FRONT, body, name="copy.prompty")).version == first
    versions = {
        first,
        read(write(f"{FRONT}\nmodel: {{options: {{seed: 1}}}}", body)).version,
        read(write(FRONT, body + ".")).version,
    }
    part.write_text("Cite all.", encoding="utf-8")
    assert len({*versions, read(write(FRONT, body)).version}) == 4


def test_files_that_are_not_included_change_no_version(write: Write, tmp_path: Path) -> None:
    first = read(write()).version
    (tmp_path / "other.md").write_text("x", encoding="utf-8")
    assert read(write()).version == first


def any_value() -> Any:
    return st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())


@given(value=any_value())
def test_a_value_fits_one_kind_at_most_but_for_whole_numbers(value: Any) -> None:
    kinds = [
        kind
        for kind in ("string", "integer", "float", "boolean", "array")
        if Property.model_validate({"name": "a", "kind": kind}).fits(value)
    ]
    expected = {
        "str": ["string"],
        "bool": ["boolean"],
        "int": ["integer", "float"],
        "float": ["float"],
        "list": ["array"],
        "NoneType": [],
    }
    assert kinds == expected[type(value).__name__]
