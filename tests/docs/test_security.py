"""The page about security names tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"^- `(tests/[^`]+)`$", re.MULTILINE)
RISKS = [f"LLM{number:02}" for number in range(1, 11)]


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test"))


def sections() -> dict[str, str]:
    """The text of the page below each heading of the second level."""
    parts = re.split(r"^## (.+)$", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_risk_has_its_section_in_order() -> None:
    assert [name[:5] for name in sections() if name.startswith("LLM")] == RISKS


@pytest.mark.parametrize("risk", RISKS)
def test_a_section_says_what_is_done_what_is_not_and_which_test_shows_it(risk: str) -> None:
    (text,) = (text for name, text in sections().items() if name.startswith(risk))
    assert re.findall(r"^(What Ragstone does|What Ragstone does not do|Tests):$", text, re.MULTILINE) == [
        "What Ragstone does",
        "What Ragstone does not do",
        "Tests",
    ]
    assert NAMED.findall(text)


@pytest.mark.parametrize("name", sorted(set(NAMED.findall(PAGE))))
def test_a_test_that_is_named_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    assert test in names_in(ROOT / path)


def test_nothing_else_is_listed_among_the_tests() -> None:
    listed = [line for part in PAGE.split("\nTests:\n")[1:] for line in part.split("\n## ")[0].splitlines() if line]
    assert [line for line in listed if not NAMED.fullmatch(line)] == []
