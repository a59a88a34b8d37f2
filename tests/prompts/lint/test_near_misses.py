"""What looks like a fault and is none; and that lint says something of any file without failing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.prompts.lint.rules import CODES
from ragstone.prompts.lint.run import lint

PAGE = (Path(__file__).parents[3] / "docs" / "prompt-lint.md").read_text(encoding="utf-8")
BASE = re.findall(r"^```jinja\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0].replace(
    '{% include "parts/citations.md" %}\n\n', ""
)
FIRST = "You answer from the numbered passages, and from nothing else.\n"


def codes(folder: Path, text: str) -> list[str]:
    path = folder / "short.prompty"
    path.write_text(text, encoding="utf-8")
    return [one.code for one in lint([path])]


@pytest.mark.parametrize(
    "words",
    [
        "Write dates as 2031-05-03.",
        "Write JSON such as {answer: 1} or {passage}.",
        "Use HTML, JSON, CSV, PDF and DOCX.",
        "Antworte in der Sprache der Frage.",
        "Write the name as می\u200cخواهم, and the family as 👩\u200d👩\u200d👧.",
        "Use an arrow: a <- b, and a | b for a choice.",
        "The question may be about today's rules.",
        "{# a note to ourselves: TODO #}",
        "Say it warmly!",
    ],
)
def test_words_that_are_no_fault(words: str, tmp_path: Path) -> None:
    assert codes(tmp_path, BASE.replace(FIRST, FIRST + words + "\n")) == []


def test_a_short_reminder_of_the_form_may_come_last(tmp_path: Path) -> None:
    assert codes(tmp_path, BASE + "\nAnswer in one sentence, with the number of the passage.\n") == []


def test_two_arms_of_a_condition_are_no_repetition(tmp_path: Path) -> None:
    both = "{% if today %}\n{{ passages }}\n{% else %}\n{{ passages }}\n{% endif %}\n"
    assert codes(tmp_path, BASE.replace("{{ passages }}\n", both)) == []
    assert "repeated-slot" in codes(tmp_path, BASE.replace("{{ passages }}\n", both + "{{ passages }}\n"))


def test_a_mark_of_what_a_tool_gives_is_not_idle(tmp_path: Path) -> None:
    words = BASE.replace("{{ passages }}", "{{ question }}").replace(FIRST, FIRST + "It is marked: {{ mark }}.\n")
    marked = words.replace("mark: delimit", "mark: datamark")
    assert codes(tmp_path, words.replace("It is marked: {{ mark }}.\n", "")) == ["idle-passages"]
    assert codes(tmp_path, marked) == ["idle-passages"]
    assert "idle-passages" not in codes(
        tmp_path, marked.replace("ragstone:\n", "ragstone:\n    trust: {question: tool}\n")
    )


def test_a_question_on_both_sides_of_the_passages_is_fine(tmp_path: Path) -> None:
    assert codes(tmp_path, BASE.replace("{{ passages }}", "{{ question }}\n\n{{ passages }}")) == []


def test_a_seed_counts_at_a_temperature(tmp_path: Path) -> None:
    options = "temperature: 0, maxOutputTokens: 200"
    assert codes(tmp_path, BASE.replace(options, "temperature: 0.7, maxOutputTokens: 200, seed: 7, topK: 40")) == []


def test_a_fault_of_an_included_file_is_shown_there_once(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    part = tmp_path / "parts" / "tone.md"
    part.write_text("Be kind.\nTODO: say to whom.\n", encoding="utf-8")
    text = BASE.replace(FIRST, FIRST + '{% include "parts/tone.md" %}\n')
    paths = [tmp_path / "short.prompty", tmp_path / "other.prompty"]
    for path in paths:
        path.write_text(text.replace("name: short", f"name: {path.stem}"), encoding="utf-8")
    assert [(one.code, one.where) for one in lint(paths)] == [("left-over", f"{part}:2:1")]


def test_a_comment_allows_one_kind_of_fault_in_one_file(tmp_path: Path) -> None:
    faulty = BASE.replace(FIRST, FIRST + "TODO: say how long!!!\n")
    assert codes(tmp_path, faulty) == ["left-over", "shouting"]
    assert codes(tmp_path, faulty.replace("name: short", "name: short  # lint: allow left-over")) == ["shouting"]
    assert codes(tmp_path, faulty.replace("name: short", "# lint: allow left-over, shouting\nname: short")) == []


def test_an_allowance_in_an_included_file_holds_there_alone(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "tone.md").write_text("{# lint: allow left-over #}\nTODO: be kind.\n", encoding="utf-8")
    text = BASE.replace(FIRST, FIRST + '{% include "parts/tone.md" %}\n')
    assert codes(tmp_path, text) == []
    assert codes(tmp_path, text.replace(FIRST, FIRST + "TODO: more.\n")) == ["left-over"]


def test_an_allowance_that_names_no_fault_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "short.prompty"
    path.write_text(BASE.replace("name: short", "name: short  # lint: allow near-duplicate, shoting"), encoding="utf-8")
    (found,) = lint([path])  # near-duplicate is looked for in a whole folder alone
    assert (found.code, found.fix) == ("idle-allowance", "Did you mean 'shouting'?")
    assert [one.code for one in lint([path], folder=tmp_path)] == ["idle-allowance", "idle-allowance", "missing-tests"]


def test_every_fault_of_a_file_that_does_not_load_is_told(tmp_path: Path) -> None:
    text = BASE.replace("{{ passages }}", "{{ pasages }}").replace("{{ today }}", "{{ tody }}")
    path = tmp_path / "short.prompty"
    path.write_text(text, encoding="utf-8")
    found = lint([path])
    assert [one.code for one in found] == ["undefined-variable", "undefined-variable"]
    assert "Did you mean 'passages'?" in found[0].fix
    assert text.split("\n")[found[0].line - 1][found[0].column - 1 :].startswith("pasages")


@given(words=st.text(max_size=300))
def test_any_words_are_judged_without_a_failure(words: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever stands in a file, lint names known faults at places that are there."""
    folder = tmp_path_factory.mktemp("any")
    path = folder / "short.prompty"
    path.write_bytes(BASE.replace(FIRST, FIRST + words + "\n").encode(errors="surrogatepass"))
    for one in lint([path]):
        assert one.code in CODES
        assert one.line >= 1
        assert one.column >= 1
