"""Rows of a database, a document each, through SQLAlchemy.

    kind: source
    type: sql
    url: ${env:SHOP_DATABASE_URL:}
    query: SELECT id, name, description, changed, readers FROM products
    key: id
    text: [name, description]
    title: name
    metadata: [name]
    updated_at: changed
    acl: {column: readers}

The query runs as it stands, in a transaction that is rolled back; it must be one SELECT. With `updated_at` a row is
read again when that column changes, without it when any column does. A column of readers holds names with commas
between them, or a JSON list; an empty one means nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict

from ragstone.errors import ConfigError, MissingExtra, NotConfigured, SourceUnavailable, nearest
from ragstone.protocols import NO_VERSIONS, Source, Versions
from ragstone.types import PUBLIC, Context, Item, Scalar

__all__ = ["Column", "SqlSource"]

BATCH = 500  # rows read in one turn of the thread

_READS = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:select|with|values|table)\b", re.IGNORECASE | re.DOTALL)


class Column(BaseModel):
    """`acl: {column: readers}`: who may see a row stands in the row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str


class SqlSource(Source):
    """A document for each row: its text is that of the `text` columns, a line each, its uri the source's name and key.

    The words of a row are held from its listing until it is read, so that a row is asked for once.
    """

    def __init__(
        self,
        *,
        url: str = "",
        query: str,
        key: str,
        text: list[str],
        title: str = "",
        metadata: list[str] = [],  # noqa: B006 - only read, and shown as this key's default
        updated_at: str = "",
        acl: Literal["public", "private"] | Column = "public",
        root: Path | None = None,
    ) -> None:
        if not url:
            raise NotConfigured("no url is set", expected="a SQLAlchemy URL, such as postgresql+psycopg://host/shop")
        if not _READS.match(query) or ";" in query.rstrip().rstrip(";"):
            raise ConfigError("the query may only read", expected="one SELECT", found=query.strip()[:60])
        self.protected = acl != "public"
        self._root, self._url, self._query = root, url, query.strip().rstrip(";")
        self._key, self._text, self._title, self._keep = key, tuple(text), title, tuple(metadata)
        self._updated_at, self._acl = updated_at, acl

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        """Lists every row. Raises SourceUnavailable when the database cannot be asked, or gives no such column."""
        listing = self._items()
        try:
            while batch := await asyncio.to_thread(lambda: list(islice(listing, BATCH))):
                for item in batch:
                    yield item
        finally:
            await asyncio.to_thread(listing.close)

    def _items(self) -> Generator[Item]:
        with self._rows() as (columns, rows):
            self._require(columns)
            seen: set[str] = set()
            for row in rows:
                item = self._item(dict(zip(columns, row, strict=True)))
                if item.uri in seen:
                    raise SourceUnavailable(
                        f"two rows have the same key {item.uri.rpartition('/')[2]!r}",
                        where=f"source {self.name!r}",
                        expected=f"a column that tells the rows apart, instead of {self._key!r}",
                    )
                seen.add(item.uri)
                yield item

    def _item(self, row: dict[str, Any]) -> Item:
        text = "\n".join(shown for name in self._text if (shown := _shown(row[name])))
        seen = row[self._updated_at] if self._updated_at else [_shown(value) for value in row.values()]
        version = hashlib.blake2b(repr((seen, self._text)).encode("utf-8", "replace"), digest_size=16).hexdigest()
        data = text.encode("utf-8", "replace")
        return Item(
            uri=f"{self.name or 'sql'}/{_shown(row[self._key])}",
            version=version,
            size=len(data),
            read=partial(bytes, data),
            acl=self._readers(row),
            metadata={name: _plain(row[name]) for name in self._keep if row[name] is not None},
            media_type="text/plain",
            title=_shown(row[self._title]) if self._title else "",
        )

    def _readers(self, row: dict[str, Any]) -> tuple[str, ...]:
        if not isinstance(self._acl, Column):
            return PUBLIC if self._acl == "public" else ()
        value = row[self._acl.column]
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except ValueError:
                return ()  # nobody: a list that cannot be read allows nothing
        names = (
            value.split(",") if isinstance(value, str) else cast("list[Any]", value) if isinstance(value, list) else []
        )
        return tuple(shown for name in names if (shown := str(name).strip()))

    def _require(self, columns: Sequence[str]) -> None:
        wanted = [self._key, *self._text, *self._keep, *filter(None, (self._title, self._updated_at))]
        wanted += [self._acl.column] if isinstance(self._acl, Column) else []
        for name in wanted:
            if name not in columns:
                raise SourceUnavailable(
                    f"the query gives no column {name!r}",
                    where=f"source {self.name!r}",
                    expected="one of " + ", ".join(columns),
                    hint=nearest(name, columns),
                )

    @contextmanager
    def _rows(self) -> Generator[tuple[list[str], Iterator[Sequence[Any]]]]:
        """The names of the columns and the rows, streamed; nothing of the transaction stays."""
        try:
            import sqlalchemy
            from sqlalchemy import exc
        except ModuleNotFoundError as error:
            raise MissingExtra(
                "a sql source needs the package 'sqlalchemy'", hint="Run: pip install 'ragstone[sql]'"
            ) from error
        try:
            try:
                url = sqlalchemy.make_url(self._url)
            except ValueError:  # a port that is no number, or a password that holds a colon
                raise _unreadable(self.name) from None
            file = (url.database or "") if url.get_backend_name() == "sqlite" else ""
            if file and not file.startswith((":memory:", "file:")):
                path = (self._root or Path()) / file  # the project's, wherever it is called from
                if not path.is_file():
                    raise SourceUnavailable(
                        "there is no such database", where=f"source {self.name!r}", found=Path(path).name
                    )
                url = url.set(database=str(path))
            engine = sqlalchemy.create_engine(url)
            options = {"stream_results": True, "yield_per": BATCH, "no_parameters": True, "postgresql_readonly": True}
            try:
                with engine.connect().execution_options(**options) as connection:
                    if engine.dialect.name == "sqlite":
                        connection.exec_driver_sql("PRAGMA query_only = 1")
                    found = connection.exec_driver_sql(self._query)
                    yield list(found.keys()), iter(found)
                    connection.rollback()
            finally:
                engine.dispose()
        except ModuleNotFoundError as error:
            hint = f"Run: pip install {error.name}"
            raise MissingExtra(f"this kind of database needs the package {error.name!r}", hint=hint) from error
        except exc.ArgumentError:
            raise _unreadable(self.name) from None
        except exc.SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0]
            password = sqlalchemy.make_url(self._url).password
            said = cause.replace(str(password), "***") if password else cause
            raise SourceUnavailable(f"the database refused: {said}", where=f"source {self.name!r}") from error


def _unreadable(name: str) -> SourceUnavailable:
    expected = "postgresql+psycopg://user:password@host:5432/shop"
    hint = "In a password, / is written as %2F, @ as %40, and : as %3A."
    return SourceUnavailable("the url is no SQLAlchemy URL", where=f"source {name!r}", expected=expected, hint=hint)


def _shown(value: Any) -> str:
    return "" if value is None else value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value).strip()


def _plain(value: Any) -> Scalar:
    return value if isinstance(value, str | int | float | bool) else _shown(value)
