"""`ragstone guard pii`: the personal data in a file, and the file without it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.text import Text

from ragstone.cli import show
from ragstone.cli.guards.lines import Line, field_of, printing, texts_of, unread
from ragstone.cli.options import Debug, Json, command
from ragstone.errors import UsageError
from ragstone.registry import find as registered
from ragstone.text.personal.masks import masked
from ragstone.text.personal.spans import TYPES, Span
from ragstone.validation.personal.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from ragstone.connectors.presidio import PresidioCheck

__all__ = ["find_personal"]

UNNAMED = (
    "Names of people, places and companies were not looked for: that takes a language model (--names en_core_web_sm, "
    "with ragstone[personal])."
)

Finder = Callable[[str], Sequence[Span]]
Naming = Callable[[str, Sequence[Span]], str]
"""A text with something in the place of each span."""


@command
def find_personal(
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="A text, or - for what is piped in.")] = "-",
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Each line is a JSON object with a text of its own.")] = False,
    field: Annotated[
        str | None, typer.Option("--field", metavar="NAME", help="The key of that text, if not `text`.")
    ] = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Look for this type alone; may be given several times.")
    ] = None,
    names: Annotated[
        str | None, typer.Option("--names", help="A spaCy pipeline that finds names, by its name or folder.")
    ] = None,
    presidio: Annotated[bool, typer.Option("--presidio", help="Ask Presidio's patterns beside ours.")] = False,
    mask: Annotated[bool, typer.Option("--mask", help="Print the text with <EMAIL_ADDRESS> for an address.")] = False,
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="Print it with <EMAIL_ADDRESS_1>: the same name for the same value.")
    ] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show the personal data in a text: its place and type. Nothing is sent anywhere.

    Ends with 0 whatever is found, also where a line holds no text: its answer then has an `error`. A file that cannot
    be opened is a mistake in the command, and ends with 2.
    """
    if mask and pseudonyms:
        raise UsageError("--mask and --pseudonyms exclude each other")
    key = field_of(field, jsonl=jsonl)
    finder = _finder(types, names, presidio=presidio)
    naming = _masks if mask else _pseudonyms() if pseudonyms else None
    printed = _Printed(finder, naming, as_json=as_json, jsonl=jsonl)
    with printing():
        for line in texts_of(file, key):
            printed.line(line)
        printed.end([] if names is not None else [UNNAMED])


def _finder(types: list[str] | None, names: str | None, *, presidio: bool) -> Finder:
    """Our patterns, or Presidio with them. Raises ConfigError for an unknown type, MissingExtra and NotConfigured."""
    if names is None and not presidio:
        from ragstone.text.personal.finding import find
        from ragstone.validation.personal.check import PersonalCheck

        wanted = PersonalCheck(types=types).types if types else TYPES
        return lambda text: find(text, wanted)
    made = cast("type[PresidioCheck]", registered("check", "presidio"))
    return made(names=names, types=types or "all").spans


def _masks(text: str, spans: Sequence[Span]) -> str:
    return masked(text, spans)


def _pseudonyms() -> Naming:
    """One for a whole file, so that a value has one name in it."""
    known = Pseudonyms()
    return lambda text, spans: masked(text, spans, lambda span: known.of(text[span.start : span.end], span.type))


class _Printed:
    """What is found, line by line, as it was asked for; and how much it is in all."""

    def __init__(self, finder: Finder, naming: Naming | None, *, as_json: bool, jsonl: bool) -> None:
        self._finder, self._naming = finder, naming
        self._as_json, self._jsonl = as_json, jsonl
        self._counted = Counter[str]()
        self._unread = 0

    def line(self, line: Line) -> None:
        """Prints what there is to say of one text, also where it could not be read."""
        if line.text is None:
            self._unread += 1
            self._without(line)
            return
        spans = self._finder(line.text)
        self._counted.update(span.type for span in spans)
        said = self._naming(line.text, spans) if self._naming is not None else None
        if self._as_json:
            show.as_json_line(_told(spans, said))
        elif said is not None:
            sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n" if self._jsonl else said)
        else:
            _listed(str(line.number) if self._jsonl else "", line.text, spans)

    def _without(self, line: Line) -> None:
        if self._as_json:
            show.as_json_line({"found": None, "spans": [], "error": line.error})
            return
        where = f"line {line.number}: not read: {line.error}"
        if self._naming is None:
            show.out.print(Text(where), soft_wrap=True)
        else:
            sys.stdout.write("null\n")  # so that each line still stands in its place
            show.remarks([where])

    def end(self, remarks: Sequence[str]) -> None:
        """Says what was found in all."""
        if self._as_json:
            unread(self._unread)
            return
        total = ", ".join(f"{number} {name}" for name, number in sorted(self._counted.items())) or "no personal data"
        show.remarks([f"Found: {total}.", *remarks])


def _told(spans: Sequence[Span], said: str | None) -> dict[str, Any]:
    found = [{"type": one.type, "start": one.start, "end": one.end, "score": round(one.score, 2)} for one in spans]
    return {"found": bool(spans), "spans": found} | ({} if said is None else {"text": said})


def _listed(place: str, text: str, spans: Sequence[Span]) -> None:
    for span in spans:
        line = text.count("\n", 0, span.start) + 1
        where = f"{place or line}:{span.start}-{span.end}"
        value = " ".join(text[span.start : span.end].split())
        show.out.print(Text.assemble((f"{where:>16}  ", "dim"), (f"{span.type:18}", "cyan"), value), soft_wrap=True)
