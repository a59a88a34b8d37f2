from __future__ import annotations

import pytest

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.rst import RstParser
from ragstone.types import Parsed

SOURCE = """\
====
Fish
====

All of :doc:`them <x>`.

Cod
---

It swims::

    Not a title
    -----------

In *short*
~~~~~~~~~~

Fast.

Eel
---

----

===== =====
a     b
===== =====
"""


def parsed(text: str) -> Parsed:
    return RstParser().parse(text.encode(), uri="a/all_fish.rst")


def test_titles_are_sections_as_deep_as_their_rules_say() -> None:
    found = parsed(SOURCE)
    assert [(span.label, span.level) for span in found.spans] == [("Fish", 1), ("Cod", 2), ("In short", 3), ("Eel", 2)]
    assert found.text[found.spans[1].start :].startswith("Cod\n---")
    assert found.text[found.spans[2].start : found.spans[2].end] == "In *short*\n~~~~~~~~~~\n\nFast.\n\n"
    assert (found.text, found.title, found.verbatim) == (SOURCE, "Fish", True)


def test_a_rule_above_makes_another_kind_of_title() -> None:
    found = parsed("==\nA1\n==\n\nBb\n==\n\nCc\n==\n")
    assert [(span.label, span.level) for span in found.spans] == [("A1", 1), ("Bb", 2), ("Cc", 2)]


def test_line_ends_of_windows_are_read() -> None:
    assert [span.label for span in parsed(SOURCE.replace("\n", "\r\n")).spans] == ["Fish", "Cod", "In short", "Eel"]


def test_without_titles_the_name_is_the_title() -> None:
    assert parsed("It swims.\n").title == "All fish"


def test_a_blank_file_is_refused() -> None:
    with pytest.raises(ParseError, match="is empty"):
        parsed("\n")
