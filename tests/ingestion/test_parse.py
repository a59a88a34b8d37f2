from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from ragstone import registry
from ragstone.errors import ParseError
from ragstone.ingestion import read as module
from ragstone.ingestion.parse import Family, document_id, parse
from ragstone.ingestion.workers import Here
from ragstone.protocols import Connector, Parser
from ragstone.types import Context, Document, Item, Parsed

MakePdf = Callable[..., bytes]


def item(data: bytes | Callable[[], bytes], uri: str = "documents/cod.md", **facts: object) -> Item:
    read = data if callable(data) else lambda: data
    return Item(uri=uri, version="1", size=0, read=read, **facts)  # pyright: ignore[reportArgumentType]


async def family(found: Item, context: Context | None = None) -> Family:
    return await parse(found, source="papers", tenant="default", workers=Here(), context=context or Context())


async def parsed(found: Item, context: Context | None = None) -> Document:
    return (await family(found, context)).document


class Plugin(Parser):
    """A parser from elsewhere, for the name of its outcome."""

    media_types: ClassVar[tuple[str, ...]] = ("application/x-elf",)
    outcome: ClassVar[str | Exception] = ""

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return Parsed(text=self.outcome, media_type="application/x-elf", metadata={"width": 3, "trust": "author"})


ELF = b"\x7fELF\0\0"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Plugin]]:
    """`Plugin` among the installed parsers."""
    found, names = registry.find, registry.names

    def find(kind: str, name: str) -> type[Connector]:
        return Plugin if name == "plugin" else found(kind, name)

    monkeypatch.setattr(registry, "names", lambda kind: [*names(kind), "plugin"])  # pyright: ignore[reportUnknownLambdaType]
    monkeypatch.setattr(registry, "find", find)
    module.media_types.cache_clear()
    yield Plugin
    module.media_types.cache_clear()


# ── What a document is ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_document_carries_what_its_item_and_its_text_say() -> None:
    found = await parsed(item(b"# Cod\n\nIt swims.", acl=("anna",), metadata={"trust": "author"}))
    assert found.text == "# Cod\n\nIt swims."
    assert (found.source, found.uri, found.title, found.media_type) == (
        "papers",
        "documents/cod.md",
        "Cod",
        "text/markdown",
    )
    assert [span.label for span in found.spans] == ["Cod"]
    assert (found.acl, found.metadata) == (("anna",), {"trust": "author"})


async def test_the_id_is_of_the_place_and_the_hash_of_the_content() -> None:
    first, edited = await parsed(item(b"cod")), await parsed(item(b"eel"))
    moved = await parsed(item(b"cod", uri="documents/eel.md"))
    assert first.id == edited.id != moved.id
    assert first.content_hash == moved.content_hash != edited.content_hash


def test_ids_of_different_places_differ_however_their_names_run_together() -> None:
    places = [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("", "ab", "c"), ("a", "b", "c\udcff")]
    assert len({document_id(*place) for place in places}) == len(places)


async def test_warnings_travel_on() -> None:
    assert (await parsed(item("Köder".encode("cp1252")))).warnings == ("decoded as cp1252: not valid UTF-8",)


async def test_reading_and_parsing_happen_in_another_thread() -> None:
    threads: list[int] = []

    def read() -> bytes:
        threads.append(threading.get_ident())
        return b"cod"

    await parsed(item(read))
    assert threads
    assert threads[0] != threading.get_ident()


# ── What goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "uri", "reason"),
    [
        (b"", "a.pdf", "a.pdf: is empty"),
        (b" \n", "a.txt", "a.txt: is empty"),
        (b"ID3\0", "a.md", r"a.md: is an MP3 recording: not supported: expected .*markdown"),
        (bytes(range(256)), "a.md", "a.md: is a binary file of an unknown kind: not supported"),
        (b"%PDF-1.4\n", "a.md", "a.md: is damaged"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_a_reason(data: bytes, uri: str, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        await parsed(item(data, uri))


async def test_what_the_source_says_of_its_failure_passes_through() -> None:
    def read() -> bytes:
        raise ParseError("permission denied", where="documents/cod.md")

    with pytest.raises(ParseError, match=r"^documents/cod\.md: permission denied$"):
        await parsed(item(read))


async def test_any_other_failure_to_read_becomes_a_parse_error() -> None:
    def read() -> bytes:
        raise TimeoutError("no answer")

    with pytest.raises(ParseError, match=r"documents/cod\.md: cannot be read: TimeoutError: no answer"):
        await parsed(item(read))


@pytest.mark.parametrize("failure", [ZeroDivisionError("by zero"), RecursionError("too deep")])
async def test_a_parser_that_fails_stops_only_its_file(
    plugin: type[Plugin], monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(plugin, "outcome", failure)
    with pytest.raises(ParseError, match=f"cod.o: the application/x-elf parser failed: {type(failure).__name__}"):
        await parsed(item(ELF, "cod.o"))


async def test_a_parser_from_elsewhere_is_found_by_its_media_type(
    plugin: type[Plugin], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "outcome", "a cod")
    found = await parsed(item(ELF, "big_cod.o", metadata={"trust": "retrieved"}))
    assert (found.text, found.title) == ("a cod", "Big cod")
    assert found.metadata == {"width": 3}, "a file cannot raise its own trust"
    assert found.warnings == ("says itself how far it is trusted, which does not count: its source's `trust` does",)


@pytest.mark.parametrize(("outcome", "reason"), [(" \n", "holds no text"), ("x" * 11, "its text is too long")])
async def test_no_parser_may_give_a_blank_or_endless_text(
    plugin: type[Plugin], monkeypatch: pytest.MonkeyPatch, outcome: str, reason: str
) -> None:
    monkeypatch.setattr("ragstone.ingestion.parsers.MAX_CHARACTERS", 10)
    monkeypatch.setattr(plugin, "outcome", outcome)
    with pytest.raises(ParseError, match=f"cod.o: {reason}"):
        await parsed(item(ELF, "cod.o"))


async def test_the_trace_notes_what_failed_and_nothing_else() -> None:
    context = Context()
    await parsed(item(b"cod"), context)
    with pytest.raises(ParseError):
        await parsed(item(b""), context)
    (step,) = context.trace.steps
    assert (step.name, step.facts) == ("ingest.parse", {"uri": "documents/cod.md"})
    assert step.error == "ParseError: documents/cod.md: is empty"


async def test_every_format_has_its_parser(make_pdf: MakePdf) -> None:
    files = {"a.txt": b"cod", "a.md": b"# cod", "a.html": b"<p>cod", "a.pdf": make_pdf(["cod"])}
    found = [(await parsed(item(data, uri))).media_type for uri, data in files.items()]
    assert found == ["text/plain", "text/markdown", "text/html", "application/pdf"]
