"""`ragstone guard pii`: the personal data in a file, and the file without it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.text import Text

from ragstone.cli import show
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


@command
def find_personal(
    file: Annotated[Path, typer.Argument(metavar="[FILE|-]", help="A text, or - for what is piped in.")] = Path("-"),
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Each line is a JSON object with a text of its own.")] = False,
    field: Annotated[str, typer.Option("--field", help="The key of that text in each line.")] = "text",
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
    """Show the personal data in a text: its place and type. Exit code 0 whatever is found; nothing is sent anywhere."""
    if mask and pseudonyms:
        raise UsageError("--mask and --pseudonyms exclude each other")
    finder = _finder(types, names, presidio=presidio)
    counted = Counter[str]()
    known = Pseudonyms()  # one for the whole file, so that a value has one name in it
    for place, text in _texts(file, field if jsonl else None):
        spans = finder(text)
        counted.update(span.type for span in spans)
        said = masked(text, spans) if mask else None
        if pseudonyms:
            said = masked(text, spans, lambda span, own=text: known.of(own[span.start : span.end], span.type))
        if as_json:
            show.as_json_line(_told(spans, text, said))
        elif said is not None:
            sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n" if jsonl else said)
        else:
            _listed(place, text, spans)
    if as_json:
        return
    total = ", ".join(f"{number} {name}" for name, number in sorted(counted.items())) or "no personal data"
    show.remarks([f"Found: {total}.", *([] if names is not None else [UNNAMED])])


def _finder(types: list[str] | None, names: str | None, *, presidio: bool) -> Finder:
    """Our patterns, or Presidio with them. Raises ConfigError for an unknown type, MissingExtra and NotConfigured."""
    if names is None and not presidio:
        from ragstone.text.personal.finding import find
        from ragstone.validation.personal.check import PersonalCheck

        wanted = PersonalCheck(types=types).types if types else TYPES
        return lambda text: find(text, wanted)
    made = cast("type[PresidioCheck]", registered("check", "presidio"))
    return made(names=names, types=types or "all").spans


def _texts(file: Path, field: str | None) -> Iterator[tuple[str, str]]:
    """Each text with its place. Raises UsageError for a line that is none."""
    data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    text = data.decode("utf-8-sig", errors="replace")
    if field is None:
        yield "", text
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{'standard input' if str(file) == '-' else file}:{number}"
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(found := cast("dict[str, Any]", row).get(field), str):
            raise UsageError("is no line of --jsonl", where=where, expected=f'an object with a text "{field}"')
        yield str(number), found


def _told(spans: Sequence[Span], text: str, said: str | None) -> dict[str, Any]:
    found = [{"type": one.type, "start": one.start, "end": one.end, "score": round(one.score, 2)} for one in spans]
    return {"found": bool(spans), "spans": found} | ({} if said is None else {"text": said})


def _listed(place: str, text: str, spans: Sequence[Span]) -> None:
    for span in spans:
        line = text.count("\n", 0, span.start) + 1
        where = f"{place or line}:{span.start}-{span.end}"
        value = " ".join(text[span.start : span.end].split())
        show.out.print(Text.assemble((f"{where:>16}  ", "dim"), (f"{span.type:18}", "cyan"), value), soft_wrap=True)
