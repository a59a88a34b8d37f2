from __future__ import annotations

import pytest

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.org import OrgParser
from ragstone.types import Parsed

SOURCE = """\
#+TITLE: All fish
#+TODO: TODO WAIT(w) | DONE

* TODO [#A] Cod :fish:food:
It *swims*.
** WAIT for [[https://example.org][the sea]]
 * a list item
*bold* words
#+BEGIN_SRC org
,* no headline
#+END_SRC
* Eel
"""


def parsed(text: str) -> Parsed:
    return OrgParser().parse(text.encode(), uri="notes/fish.org")


def test_headlines_are_sections_without_state_priority_and_tags() -> None:
    found = parsed(SOURCE)
    assert [(span.label, span.level) for span in found.spans] == [("Cod", 1), ("for the sea", 2), ("Eel", 1)]
    assert found.text[found.spans[0].start :].startswith("* TODO [#A] Cod")
    assert found.spans[0].end == found.spans[2].start
    assert (found.text, found.title, found.verbatim) == (SOURCE, "All fish", True)


def test_the_first_headline_or_the_name_is_the_title() -> None:
    assert parsed("* Cod\n").title == "Cod"
    assert parsed("cod\n").title == "Fish"


def test_a_blank_file_is_refused() -> None:
    with pytest.raises(ParseError, match="is empty"):
        parsed("\n")
