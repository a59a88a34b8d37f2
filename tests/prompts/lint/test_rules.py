"""Each fault that the handbook shows is found, by its code alone; and each fix mends it."""

from __future__ import annotations

import re
import shutil
from itertools import zip_longest
from pathlib import Path

import pytest

from ragstone.prompts.lint.allowing import IDLE
from ragstone.prompts.lint.finding import Finding
from ragstone.prompts.lint.loading import REFUSED
from ragstone.prompts.lint.rules import CODES, FOLDER_RULES, IDLE_WHY, RULES
from ragstone.prompts.lint.run import lint

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "prompt-lint.md").read_text(encoding="utf-8")
BASE = re.findall(r"^```jinja\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]
SECTIONS = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE))

ENCODINGS = {"unreadable": "cp1252"}

ELSEWHERE = {
    "abstain-not-said": "abstain:",
    "idle-passages": "passages:",
    "mark-not-said": "passages:",
    "long-instruction": "You answer",
    "mixed-languages": "Date:",
    "no-abstain": "ragstone:",
    "no-description": "name: short",
    "no-example": "name: question",
    "undescribed-input": "name: today",
    "unused-input": "name: today",
}
"""Faults that are shown at a line which asks for another one that is not there."""


def blocks(code: str) -> list[str]:
    return re.findall(r"^```text\n(.*?)\n```", SECTIONS[code], re.DOTALL | re.MULTILINE)


def spelled_out(text: str) -> str:
    """What a page shows in short: characters by their numbers, and a sentence that is said many times."""
    text = re.sub(r"^(.*) \((\d+) times\)$", lambda found: f"{found[1]} " * (int(found[2]) - 1) + found[1], text)
    return re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)


def broken(code: str) -> dict[str, str]:
    """The files with the fault that a section shows."""
    wrong, *right = blocks(code)
    if wrong.startswith("# prompts/"):
        named = (block.removeprefix("# prompts/").split("\n", 1) for block in (wrong, *right))
        return {"short.prompty": BASE} | {name: f"{text}\n" for name, text in named}
    text = BASE
    for before, after in zip(right[0].split("\n…\n"), wrong.split("\n…\n"), strict=True):
        assert text.count(before) == 1, f"the prompt at the top of the page holds this once: {before}"
        text = text.replace(before, spelled_out(after))
    return {"short.prompty": text}


def with_tests(folder: Path, text: str) -> str:
    """The prompt with a tests file."""
    (folder / "tests").mkdir(exist_ok=True)
    case = "cases: [{name: asks, inputs: {question: Why?}, sent: [contains: Why?]}]\n"
    (folder / "tests" / "short.yaml").write_text(case, encoding="utf-8")
    return text.replace("  ragstone:\n", "  ragstone:\n    tests: tests/short.yaml\n", 1)


def found(folder: Path, files: dict[str, str], *, encoding: str = "utf-8", untested: bool = False) -> list[Finding]:
    """What lint says of these files; several are looked at together."""
    shutil.copytree(ROOT / "prompts" / "parts", folder / "parts")
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        bare = "tests:" not in text and not (untested and name != "short.prompty")
        whole = with_tests(folder, text) if len(files) > 1 and bare else text
        (folder / name).write_text(whole, encoding=encoding)
    return lint(sorted(folder.glob("*.prompty")), folder=folder if len(files) > 1 else None)


def test_the_page_shows_every_rule_in_the_order_of_the_code() -> None:
    assert list(SECTIONS) == list(CODES)
    assert len(set(CODES)) == len(CODES) >= 15


@pytest.mark.parametrize("code", CODES)
def test_the_page_says_how_bad_it_is_and_why(code: str) -> None:
    told = {rule.code: (rule.severity, rule.why) for rule in (*RULES, *FOLDER_RULES)} | {IDLE: ("warning", IDLE_WHY)}
    severity, why = told.get(code) or ("error", REFUSED[code])
    assert why in SECTIONS[code]
    assert {"error": "An error.", "warning": "A warning."}[severity] in SECTIONS[code]
    assert "The fix: " in SECTIONS[code]


def test_the_prompt_at_the_top_of_the_page_is_clean(tmp_path: Path) -> None:
    assert found(tmp_path, {"short.prompty": BASE}) == []


@pytest.mark.parametrize("code", CODES)
def test_each_fault_of_the_page_is_found_by_its_code_alone(code: str, tmp_path: Path) -> None:
    findings = found(tmp_path, broken(code), encoding=ENCODINGS.get(code, "utf-8"), untested=code == "missing-tests")
    assert {one.code for one in findings} == {code}, findings
    for one in findings:
        assert one.line >= 1
        assert one.column >= 1
        assert one.message
        assert one.why
        assert one.fix.endswith((".", "?")) or ": " in one.fix


@pytest.mark.parametrize(
    "code",
    [
        code
        for code in CODES
        if code not in ("unreadable", "examples-leak-tests", *(rule.code for rule in FOLDER_RULES))
    ],
)
def test_a_fault_is_shown_where_it_stands(code: str, tmp_path: Path) -> None:
    text = broken(code)["short.prompty"]
    lines = text.split("\n")
    pairs = enumerate(zip_longest(lines, BASE.split("\n")), 1)
    changed = next(number for number, (new, old) in pairs if new != old)
    for one in found(tmp_path, {"short.prompty": text}):
        if code in ELSEWHERE:
            assert ELSEWHERE[code] in lines[one.line - 1]
        else:
            assert changed <= one.line <= len(lines)
        assert one.column <= len(lines[one.line - 1]) + 1


def test_the_prompts_that_ship_are_clean() -> None:
    prompts = ROOT / "prompts"
    assert [str(one) for one in lint(sorted(prompts.rglob("*.prompty"))) if "starters" not in one.path] == []
    assert lint(sorted(prompts.glob("*.prompty")), folder=prompts) == []
