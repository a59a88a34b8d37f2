"""Rows of a CSV file or a workbook, a document each, put into words by a template.

    kind: source
    type: table
    path: data/products.csv
    template: "{name} costs {price} euros. {description}"
    key: sku
    title: "{name}"
    metadata: [price]
    acl: {column: readers}

The first row names the columns. Without `key` a row is known by its number.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from ragstone.errors import MissingExtra, SourceUnavailable, nearest
from ragstone.protocols import NO_VERSIONS, Source, Versions
from ragstone.types import PUBLIC, Context, Item

__all__ = ["Column", "TableSource"]

_SLOT = re.compile(r"\{([^{}]+)\}")
_WORKBOOKS = (".xlsx", ".xls", ".xlsb", ".ods")


class Column(BaseModel):
    """`acl: {column: readers}`: who may see a row stands in the row, names with commas between them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str


class TableSource(Source):
    """A document for each row, by `template`; each `{column}` in it is replaced by the row's own words."""

    def __init__(
        self,
        path: Path,
        root: Path | None = None,
        *,
        template: str,
        key: str = "",
        title: str = "",
        metadata: list[str] = [],  # noqa: B006 - only read, and shown as this key's default
        sheet: str = "",
        delimiter: str = "",
        encoding: str = "utf-8-sig",
        acl: Literal["public", "private"] | Column = "public",
    ) -> None:
        self.path, self.root = path, root
        self.protected = acl != "public"
        self._template, self._key, self._title, self._keep = template, key, title, tuple(metadata)
        self._sheet, self._delimiter, self._encoding, self._acl = sheet, delimiter, encoding, acl

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        """Lists every row. Raises SourceUnavailable for a missing file, an unknown column or a key that comes twice."""
        for item in await asyncio.to_thread(lambda: list(self._items())):
            yield item

    def _items(self) -> Iterator[Item]:
        header, *rows = self._rows() or [[]]
        self._require(header)
        base = self._base()
        seen: set[str] = set()
        for number, row in enumerate(rows, 2):
            if not any(row):
                continue
            values = dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=False))
            name = values[self._key] if self._key else str(number)
            if name in seen:
                raise self._error(f"the key {name!r} stands in two rows, the second time in row {number}")
            seen.add(name)
            yield self._item(f"{base}/{name}", values)

    def _item(self, uri: str, values: Mapping[str, str]) -> Item:
        data = _filled(self._template, values).encode()
        shape = repr((sorted(values.items()), self._template, self._title))
        return Item(
            uri=uri,
            version=hashlib.blake2b(shape.encode("utf-8", "replace"), digest_size=16).hexdigest(),
            size=len(data),
            read=partial(bytes, data),
            acl=self._readers(values),
            metadata={name: values[name] for name in self._keep if values[name]},
            media_type="text/plain",
            title=_filled(self._title, values),
        )

    def _readers(self, values: Mapping[str, str]) -> tuple[str, ...]:
        if isinstance(self._acl, Column):
            return tuple(name for part in values[self._acl.column].split(",") if (name := part.strip()))
        return PUBLIC if self._acl == "public" else ()

    def _rows(self) -> list[list[str]]:
        try:
            data = Path(self.path).read_bytes()
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror}") from error
        if Path(self.path).suffix.lower() in _WORKBOOKS:
            return self._workbook(data)
        try:
            text = data.decode(self._encoding)
        except (UnicodeDecodeError, LookupError) as error:
            raise self._error(f"is not {self._encoding}", hint="Set `encoding`.") from error
        dialect = self._delimiter or _delimiter(text)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=dialect)
        try:
            return [[cell.strip() for cell in row] for row in rows]
        except csv.Error as error:  # a cell of more than 128 KB, which is a quotation mark that is never closed
            raise self._error(f"cannot be read at line {rows.line_num}: {error}") from error

    def _workbook(self, data: bytes) -> list[list[str]]:
        try:
            from python_calamine import CalamineError, CalamineWorkbook
        except ModuleNotFoundError as error:
            hint = "Run: pip install 'ragstone[documents]'"
            raise MissingExtra("reading a workbook needs the package 'python-calamine'", hint=hint) from error
        try:
            book = CalamineWorkbook.from_filelike(io.BytesIO(data))
            names = list(book.sheet_names)
            if self._sheet and self._sheet not in names:
                raise self._error(f"has no sheet {self._sheet!r}", expected="one of " + ", ".join(names))
            rows: list[list[Any]] = book.get_sheet_by_name(self._sheet or names[0]).to_python()
        except (CalamineError, ValueError, OSError, IndexError) as error:
            raise self._error(f"is a damaged workbook: {error}") from error
        return [[_shown(value) for value in row] for row in rows]

    def _require(self, header: Sequence[str]) -> None:
        wanted = [*_SLOT.findall(self._template), *_SLOT.findall(self._title), *self._keep, *filter(None, [self._key])]
        wanted += [self._acl.column] if isinstance(self._acl, Column) else []
        for name in wanted:
            if name not in header:
                raise self._error(
                    f"has no column {name!r}", expected="one of " + ", ".join(header), hint=nearest(name, header)
                )

    def _base(self) -> str:
        if self.root is None:
            return self.path.as_posix()
        return Path(os.path.relpath(self.path, self.root)).as_posix()

    def _error(self, message: str, *, expected: str | None = None, hint: str | None = None) -> SourceUnavailable:
        return SourceUnavailable(message, where=self._base(), expected=expected, hint=hint)


def _filled(template: str, values: Mapping[str, str]) -> str:
    """The template with a row's words; what a row says is never read as a template again."""
    return _SLOT.sub(lambda slot: values[slot[1]], template)


def _delimiter(text: str) -> str:
    head = text.split("\n", 1)[0]
    return max(",;\t|", key=head.count)


def _shown(value: Any) -> str:
    return (
        str(int(value))
        if isinstance(value, float) and value.is_integer()
        else ""
        if value is None
        else str(value).strip()
    )
