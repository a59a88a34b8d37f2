"""Includes of a prompt begin at the folder of prompts, wherever in it the prompt stands."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ragstone.errors import PromptError
from ragstone.prompts.builder import build
from ragstone.prompts.file import load
from ragstone.prompts.home import home
from ragstone.prompts.library import Library
from ragstone.prompts.lint.run import lint
from ragstone.prompts.reading import read_prompt

TEXT = "---\ninputs: [{name: question}]\n---\nsystem:\n{%% include '%s' %%}\n\nuser:\n{{ question }}\n"


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    folder = tmp_path / "mydocs" / "prompts"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "rules.md").write_text("Be brief. {% include 'parts/more.md' %}\n")
    (folder / "parts" / "more.md").write_text("Be kind.\n")
    return folder


def written(path: Path, included: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT % included)
    return path


@pytest.mark.parametrize("name", ["answer", "craft/answer", "a/b/answer"])
def test_a_prompt_in_a_subfolder_includes_what_one_above_it_does(prompts: Path, name: str) -> None:
    path = written(prompts / f"{name}.prompty", "parts/rules.md")
    file = load(path)
    assert file.root == prompts
    assert build(file, {"question": "Why?"}, hits=()).messages[0].content == "Be brief. Be kind."
    assert read_prompt(path).messages[0].text == "Be brief. Be kind."
    assert not [one for one in lint([path]) if one.severity == "error"]
    assert Library(lambda _: path).get("answer").version == file.version


def test_an_edit_of_what_a_prompt_in_a_subfolder_includes_counts(prompts: Path) -> None:
    path = written(prompts / "craft" / "answer.prompty", "parts/rules.md")
    library = Library(lambda _: path)
    before = library.get("answer").version
    part = prompts / "parts" / "more.md"
    stamp = part.stat().st_mtime_ns
    while part.stat().st_mtime_ns == stamp:
        time.sleep(0.001)
        part.write_text("Be very kind.\n")
    assert library.get("answer").version != before


def test_a_name_seen_from_the_file_itself_is_told_how_to_be_written(prompts: Path) -> None:
    (prompts / "craft").mkdir()
    (prompts / "craft" / "tone.md").write_text("Be kind.\n")
    path = written(prompts / "craft" / "answer.prompty", "tone.md")
    with pytest.raises(PromptError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}:5:1: 'tone.md' cannot be included: there is no such file. "
        'Names begin at the folder prompts/: write {% include "craft/tone.md" %}.'
    )


def test_what_lies_above_the_folder_of_prompts_is_no_part_of_a_prompt(prompts: Path) -> None:
    (prompts.parent / "secret.md").write_text("secret\n")
    path = written(prompts / "craft" / "answer.prompty", "../secret.md")
    with pytest.raises(PromptError, match="lies outside the folder of prompts"):
        load(path)


def test_a_file_outside_any_folder_of_prompts_has_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("Be brief.\n")
    path = written(tmp_path / "answer.prompty", "rules.md")
    assert home(path) == tmp_path
    assert load(path).body.includes == {"rules.md": "Be brief."}


def test_the_nearest_folder_of_prompts_counts_and_a_path_from_inside_it_finds_it(
    prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = written(prompts / "old" / "prompts" / "craft" / "answer.prompty", "rules.md")
    assert home(inner) == prompts / "old" / "prompts"
    written(prompts / "craft" / "answer.prompty", "parts/rules.md")
    monkeypatch.chdir(prompts / "craft")
    assert home(Path("answer.prompty")) == prompts
    assert set(load(Path("answer.prompty")).body.includes) == {"parts/rules.md", "parts/more.md"}
