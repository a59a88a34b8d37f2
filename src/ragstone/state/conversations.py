"""The tables of conversations, in SQLite or Postgres: the same statements for both.

An id is its owner's alone, so that somebody else's is not there, and may be chosen twice. Texts of people stand in
JSON, since Postgres takes no zero character and no database half a one.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from ragstone.errors import ConversationNotFound, UsageError
from ragstone.protocols import Database
from ragstone.tables import Execute, T
from ragstone.turns import Conversation, Owner, Summary, Turn, check_id, title_of, titled
from ragstone.types import Context

__all__ = ["ConversationTables", "gone"]

PAGE = 200  # conversations, or turns, that one call returns at most

TABLES = """
CREATE TABLE IF NOT EXISTS conversations (
  ref TEXT PRIMARY KEY, tenant TEXT NOT NULL, payer TEXT NOT NULL, person TEXT NOT NULL, id TEXT NOT NULL,
  title TEXT NOT NULL, created DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL, turns INTEGER NOT NULL,
  topic TEXT NOT NULL, confidential INTEGER NOT NULL, branch_of TEXT NOT NULL, branch_at INTEGER NOT NULL,
  UNIQUE (tenant, payer, person, id)
);
CREATE INDEX IF NOT EXISTS conversations_by_time ON conversations (tenant, payer, person, changed, ref);
CREATE TABLE IF NOT EXISTS conversation_turns (
  ref TEXT NOT NULL, number INTEGER NOT NULL, turn TEXT NOT NULL, PRIMARY KEY (ref, number)
);
CREATE TABLE IF NOT EXISTS conversation_principals (
  ref TEXT NOT NULL, principal TEXT NOT NULL, PRIMARY KEY (ref, principal)
);
CREATE TABLE IF NOT EXISTS conversation_sources (
  tenant TEXT NOT NULL, uri TEXT NOT NULL, ref TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (tenant, uri, ref, number)
);
CREATE INDEX IF NOT EXISTS conversation_sources_by_ref ON conversation_sources (ref);
CREATE TABLE IF NOT EXISTS conversation_summaries (
  ref TEXT NOT NULL, upto INTEGER NOT NULL, summary TEXT NOT NULL, PRIMARY KEY (ref, upto)
);
"""

_COLUMNS = "ref, id, title, created, changed, turns, topic, confidential, branch_of, branch_at, person"
_THEIRS = "tenant = ? AND payer = ? AND person = ?"
_PARTS = ("conversation_turns", "conversation_principals", "conversation_sources", "conversation_summaries")
_CONTEXT = Context()


class ConversationTables:
    """Conversations in a database. Its methods raise StateError.

    A conversation shows what the principals of its questions may see, so it is there for those alone who have all of
    them; None stands for the operator. `clock` counts seconds from the epoch.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self.database, self._clock = database, clock

    async def begin(self, owner: Owner, conversation: str = "", *, title: str = "") -> Conversation:
        """A new one, or the one of this id. Raises UsageError for what is no id or no title."""
        given = check_id(conversation) if conversation else secrets.token_hex(8)
        named = titled(title) if title else ""

        def act(execute: Execute) -> None:
            now = self._clock()
            row = (secrets.token_hex(16), *_who(owner), given, _kept(named), now, now, 0, _kept(""), 0, "", 0)
            marks = ",".join("?" for _ in row)
            execute(f"INSERT INTO conversations VALUES ({marks}) ON CONFLICT DO NOTHING", row)

        await self._write(act)
        found = await self.find(owner, given)
        assert found is not None, "the operator sees what was begun"
        return found

    async def find(
        self, owner: Owner, conversation: str, *, principals: Collection[str] | None = None
    ) -> Conversation | None:
        """One of an owner's; None where it is not there, or not for these principals."""

        def act(execute: Execute) -> Conversation | None:
            rows = execute(
                f"SELECT {_COLUMNS} FROM conversations WHERE {_THEIRS} AND id = ?", (*_who(owner), conversation)
            )
            return _seen(execute, rows[0], principals) if rows else None

        return await self._read(act)

    async def newest(
        self, owner: Owner, *, limit: int = 20, before: str = "", principals: Collection[str] | None = None
    ) -> list[Conversation]:
        """An owner's, those that were changed last first; `before` is the id after which the page begins."""

        def act(execute: Execute) -> list[Conversation]:
            where, values = f"WHERE {_THEIRS}", list[Any](_who(owner))
            if before:
                last = execute(f"SELECT changed, ref FROM conversations {where} AND id = ?", (*_who(owner), before))
                if not last:
                    return []
                where += " AND (changed < ? OR (changed = ? AND ref < ?))"
                values += [last[0][0], last[0][0], last[0][1]]
            if principals is not None:
                allowed = [_kept(one) for one in principals]
                marks = ",".join("?" for _ in allowed)
                beyond = f" AND principal NOT IN ({marks})" if allowed else ""
                where += (
                    f" AND NOT EXISTS (SELECT 1 FROM conversation_principals p WHERE p.ref = conversations.ref{beyond})"
                )
                values += allowed
            statement = f"SELECT {_COLUMNS} FROM conversations {where} ORDER BY changed DESC, ref DESC LIMIT ?"
            rows = execute(statement, (*values, min(limit, PAGE)))
            return [found for row in rows if (found := _seen(execute, row, None)) is not None]

        return await self._read(act)

    async def turns(self, owner: Owner, conversation: str, *, limit: int = PAGE, before: int = 0) -> list[Turn]:
        """The last turns of a conversation, oldest first, or the last ones before a number."""

        def act(execute: Execute) -> list[Turn]:
            ref = _ref(execute, owner, conversation)
            end = (" AND number < ?", (before,)) if before else ("", ())
            statement = f"SELECT turn FROM conversation_turns WHERE ref = ?{end[0]} ORDER BY number DESC LIMIT ?"
            rows = execute(statement, (ref, *end[1], min(limit, PAGE)))
            return [Turn.read(json.loads(row[0])) for row in reversed(rows)]

        return await self._read(act)

    async def add(
        self, owner: Owner, conversation: str, turn: Turn, *, topic: str, principals: Collection[str] = ()
    ) -> Turn:
        """Adds a turn as the last one, whoever else does so now. Raises ConversationNotFound where it is gone."""

        def act(execute: Execute) -> Turn:
            rows = execute(
                "UPDATE conversations SET turns = turns + 1, changed = ?, topic = ?,"
                " confidential = CASE WHEN confidential + ? > 0 THEN 1 ELSE 0 END,"
                f" title = CASE WHEN title = ? THEN ? ELSE title END WHERE {_THEIRS} AND id = ?"
                " RETURNING ref, turns",
                (
                    self._clock(), _kept(topic), int(turn.confidential),
                    _kept(""), _kept(title_of(turn.question)), *_who(owner), conversation,
                ),
            )  # fmt: skip
            if not rows:
                raise gone(conversation)
            ref, number = rows[0]
            kept = replace(turn, number=number)
            _put(execute, ref, kept)
            for uri in kept.sources:
                execute(
                    "INSERT INTO conversation_sources VALUES (?,?,?,?)", (_kept(owner.tenant), _kept(uri), ref, number)
                )
            for principal in principals:
                execute(
                    "INSERT INTO conversation_principals VALUES (?,?) ON CONFLICT DO NOTHING", (ref, _kept(principal))
                )
            return kept

        return await self._write(act)

    async def summary(self, owner: Owner, conversation: str) -> Summary | None:
        """The one that reaches furthest."""

        def act(execute: Execute) -> Summary | None:
            rows = execute(
                "SELECT summary, upto FROM conversation_summaries WHERE ref = ? ORDER BY upto DESC LIMIT 1",
                (_ref(execute, owner, conversation),),
            )
            return Summary(text=json.loads(rows[0][0]), upto=rows[0][1]) if rows else None

        return await self._read(act)

    async def summarized(self, owner: Owner, conversation: str, summary: Summary) -> None:
        """Keeps a summary, unless another one of the same stretch was quicker."""

        def act(execute: Execute) -> None:
            row = (_ref(execute, owner, conversation), summary.upto, _kept(summary.text))
            execute("INSERT INTO conversation_summaries VALUES (?,?,?) ON CONFLICT DO NOTHING", row)

        await self._write(act)

    async def rename(self, owner: Owner, conversation: str, title: str) -> None:
        """Gives it another title. Raises UsageError for one that is none."""
        named = _kept(titled(title))

        def act(execute: Execute) -> None:
            execute(
                f"UPDATE conversations SET title = ? WHERE {_THEIRS} AND id = ?", (named, *_who(owner), conversation)
            )

        await self._write(act)

    async def branch(self, owner: Owner, conversation: str, *, at: int, title: str = "") -> Conversation:
        """A new conversation that begins with the turns of another one up to a number. Raises UsageError."""
        named, fresh, given = titled(title) if title else "", secrets.token_hex(16), secrets.token_hex(8)

        def act(execute: Execute) -> None:
            ref = _ref(execute, owner, conversation)
            last = execute("SELECT turns, title FROM conversations WHERE ref = ?", (ref,))[0]
            if not 1 <= at <= last[0]:
                raise UsageError("there is no such turn", expected=f"1 to {last[0]}", found=str(at))
            now = self._clock()
            execute(
                "INSERT INTO conversations SELECT ?, tenant, payer, person, ?, ?, ?, ?, ?, topic, confidential, id, ?"
                " FROM conversations WHERE ref = ?",
                (fresh, given, _kept(named) if named else last[1], now, now, at, at, ref),
            )
            for table, columns, upto in (
                ("conversation_turns", "number, turn", " AND number <= ?"),
                ("conversation_principals", "principal", ""),
                ("conversation_summaries", "upto, summary", " AND upto <= ?"),
            ):
                values = (fresh, ref, at) if upto else (fresh, ref)
                execute(f"INSERT INTO {table} SELECT ?, {columns} FROM {table} WHERE ref = ?{upto}", values)
            execute(
                "INSERT INTO conversation_sources SELECT tenant, uri, ?, number FROM conversation_sources"
                " WHERE ref = ? AND number <= ?",
                (fresh, ref, at),
            )

        await self._write(act)
        found = await self.find(owner, given)
        assert found is not None, "the operator sees what was begun"
        return found

    async def delete(self, owner: Owner, conversation: str) -> None:
        """Removes it with all that was said in it; one that is not there is no error."""

        def act(execute: Execute) -> None:
            _remove(execute, f"{_THEIRS} AND id = ?", (*_who(owner), conversation))

        await self._write(act)

    async def forget_user(self, user: str, *, tenant: str) -> int:
        """Removes all conversations of a person, by whatever keys; says how many those were."""
        where, values = "tenant = ? AND person = ?", (_kept(tenant), _kept(user))

        def count(execute: Execute) -> int:
            return execute(f"SELECT count(*) FROM conversations WHERE {where}", values)[0][0]

        def act(execute: Execute) -> int:
            found = count(execute)
            _remove(execute, where, values)
            return found

        return await self._write(act) if await self._read(count) else 0

    async def forget(self, uris: Sequence[str], *, tenant: str) -> int:
        """Empties every turn of a tenant's that rests on one of these documents, and says how many those were.

        The summaries go, too, that such a turn has gone into; the question stays, which is the person's own.
        """

        def found(execute: Execute) -> set[tuple[Any, ...]]:
            asked = "SELECT ref, number FROM conversation_sources WHERE tenant = ? AND uri = ?"
            return {place for uri in uris for place in execute(asked, (_kept(tenant), _kept(uri)))}

        def act(execute: Execute) -> int:
            places = found(execute)
            for ref, number in places:
                rows = execute("SELECT turn FROM conversation_turns WHERE ref = ? AND number = ?", (ref, number))
                if rows:
                    was = Turn.read(json.loads(rows[0][0]))
                    _put(execute, ref, replace(was, text="", citations=(), sources=(), forgotten=True))
                execute("DELETE FROM conversation_summaries WHERE ref = ? AND upto >= ?", (ref, number))
                execute("DELETE FROM conversation_sources WHERE ref = ? AND number = ?", (ref, number))
            return len(places)

        return await self._write(act) if uris and await self._read(found) else 0

    async def close(self) -> None:
        """Gives the database back."""
        await self.database.close()

    async def _read(self, act: Callable[[Execute], T]) -> T:
        return await self.database.run(act, tables=TABLES, context=_CONTEXT)

    async def _write(self, act: Callable[[Execute], T]) -> T:
        return await self.database.run(act, tables=TABLES, writing=True, context=_CONTEXT)


def gone(conversation: str) -> ConversationNotFound:
    """Of one that is not there, and of one that is somebody else's."""
    return ConversationNotFound(f"there is no conversation {conversation[:80]!r}", hint="Run: ragstone chat --list")


def _put(execute: Execute, ref: str, turn: Turn) -> None:
    execute(
        "INSERT INTO conversation_turns VALUES (?,?,?) ON CONFLICT (ref, number) DO UPDATE SET turn = excluded.turn",
        (ref, turn.number, json.dumps(turn.as_dict())),
    )


def _ref(execute: Execute, owner: Owner, conversation: str) -> str:
    rows = execute(f"SELECT ref FROM conversations WHERE {_THEIRS} AND id = ?", (*_who(owner), conversation))
    if not rows:
        raise gone(conversation)
    return rows[0][0]


def _remove(execute: Execute, where: str, values: Sequence[Any]) -> None:
    for table in _PARTS:
        execute(f"DELETE FROM {table} WHERE ref IN (SELECT ref FROM conversations WHERE {where})", values)
    execute(f"DELETE FROM conversations WHERE {where}", values)


def _seen(execute: Execute, row: tuple[Any, ...], principals: Collection[str] | None) -> Conversation | None:
    """The conversation of a row, where one may see it who has these principals."""
    ref, given, title, created, changed, turns, topic, confidential, branch_of, branch_at, person = row
    rows = execute("SELECT principal FROM conversation_principals WHERE ref = ?", (ref,))
    wanted = sorted(json.loads(one[0]) for one in rows)
    if principals is not None and not set(wanted) <= set(principals):
        return None
    return Conversation(
        id=given,
        title=json.loads(title),
        created=created,
        changed=changed,
        turns=turns,
        topic=json.loads(topic),
        confidential=bool(confidential),
        branch_of=branch_of,
        branch_at=branch_at,
        user=json.loads(person),
        principals=tuple(wanted),
    )


def _who(owner: Owner) -> tuple[str, str, str]:
    return _kept(owner.tenant), _kept(owner.key), _kept(owner.user)


def _kept(text: str) -> str:
    return json.dumps(text)
