"""`ledger.db`: what calls have cost, and the claims of those under way.

It is a file of its own: an ingestion holds the one write lock of `project.db` for as long as a batch takes, and no
question waits for that.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ragstone.errors import LedgerUnavailable, RagstoneError, StateError, StorageFull
from ragstone.spending import EXPIRE, WINDOW, Claim, Spent, demand_countable, over_budget, rate_limited
from ragstone.state.database import Database, create
from ragstone.terms import SHARES, Account, Budget, Limit
from ragstone.usage import Price, Usage

__all__ = ["LedgerFile"]

FORMAT = 1

# A pot holds what was spent and what is claimed, so that a budget is checked by adding up at most the days of a month.
# `second` is when a claim came, on the clock of `rates`: there it is corrected.
SCHEMA = """
CREATE TABLE spent (
  day TEXT NOT NULL, tenant TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, reported INTEGER NOT NULL,
  requests INTEGER NOT NULL, input INTEGER NOT NULL, cached INTEGER NOT NULL, written INTEGER NOT NULL,
  output INTEGER NOT NULL, nano INTEGER NOT NULL, PRIMARY KEY (day, tenant, key, model, reported)
) WITHOUT ROWID;
CREATE TABLE claims (
  id TEXT PRIMARY KEY, state TEXT NOT NULL, begun REAL NOT NULL, owner TEXT NOT NULL, day TEXT NOT NULL,
  tenant TEXT NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, price TEXT, second INTEGER, input INTEGER NOT NULL,
  cached INTEGER NOT NULL, written INTEGER NOT NULL, output INTEGER NOT NULL, nano INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX claims_by_state ON claims (state, begun);
CREATE TABLE pots (pot TEXT NOT NULL, day TEXT NOT NULL, nano INTEGER NOT NULL, PRIMARY KEY (pot, day)) WITHOUT ROWID;
CREATE TABLE rates (
  pot TEXT NOT NULL, what TEXT NOT NULL, second INTEGER NOT NULL, amount INTEGER NOT NULL,
  PRIMARY KEY (pot, what, second)
) WITHOUT ROWID;
"""

OPEN, SETTLED, ESTIMATED, RELEASED = "open", "settled", "estimated", "released"

CHECKPOINT = 5_000  # pages in the log before they are moved: each time a call waits for the disk
SWEEP = 600.0  # seconds between two looks at what is old
DONE = 86_400.0  # seconds for which it is remembered that a call was settled or released, should that come twice
CORRECTABLE = 62 * 86_400.0  # seconds for which an estimate may be corrected

Act: TypeAlias = Callable[[sqlite3.Connection], Any]


class LedgerFile:
    """A ledger in a file, or in memory without one. Its methods block.

    Each of `reserve`, `settle`, `release`, `spent` and `claims` makes an act, and `act` does several of them in one
    transaction. `clock` counts seconds for the limits: it is the machine's, the same in all its processes, and nobody
    can set it. `wall` counts them from the epoch, and says no more than what is old.
    """

    def __init__(
        self, path: Path | None, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self.path, self._clock, self._wall = path, clock, wall
        self._file = Database(path, self._create)
        self._swept: float | None = None

    def act(self, acts: Sequence[Act]) -> list[Any]:
        """What comes of each, in order: its outcome, or the error that it raises. All are on disk, or none."""
        try:
            with self._file.writing() as db:
                self._sweep(db)
                return [_tried(act, db) for act in acts]
        except (sqlite3.Error, OSError) as error:
            self._file.close()  # the next call opens it anew
            return [_translated(error, str(self.path or "memory")) for _ in acts]
        except StateError as error:
            return [error] * len(acts)

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._swept = None
        self._file.close()

    def _create(self, db: sqlite3.Connection) -> None:
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT}")
        try:
            create(db, SCHEMA, version=FORMAT, where=str(self.path or "memory"))
        except StateError as error:
            error.hint = "Open it with that version, or move it away: then spending is counted from zero."
            raise

    # ── What can be done ─────────────────────────────────────────────────────────────────────────────────────────────

    def reserve(self, claim: Claim) -> Act:
        """Takes a claim off every budget and limit that it names, or nothing."""
        demand_countable(claim.account, claim.usage, claim.nano)

        def act(db: sqlite3.Connection) -> None:
            if db.execute("SELECT 1 FROM claims WHERE id = ?", (claim.id,)).fetchone():
                return
            for budget in claim.budgets:
                if claim.nano and (spent := _in_pot(db, claim, budget)) + claim.nano > budget.nano:
                    raise over_budget(claim, budget, spent)
            now = self._clock()
            here = int(now)
            for limit in claim.limits:
                if error := rate_limited(claim, limit, _seconds(db, claim.account, limit, here), now):
                    raise error
            _write(db, OPEN, claim, claim.usage, claim.nano, here if claim.limits else None)
            _add_to_pots(db, claim, claim.nano)
            for (pot, what), amount in _taken(claim).items():
                db.execute(
                    "INSERT INTO rates VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
                    (pot, what, here, amount),
                )

        return act

    def settle(self, claim: Claim, usage: Usage, *, nano: int, reported: bool) -> Act:
        """Counts what a call has used in place of its claim, or of an estimate."""
        demand_countable(claim.account, usage, nano)

        def act(db: sqlite3.Connection) -> None:
            _settle(db, claim, usage, nano=nano, reported=reported)

        return act

    def release(self, claim: Claim) -> Act:
        """Gives a claim back. One that comes before its claim is remembered."""

        def act(db: sqlite3.Connection) -> None:
            row = db.execute("SELECT state, second FROM claims WHERE id = ?", (claim.id,)).fetchone()
            if row is None:
                _write(db, RELEASED, claim, Usage(), 0, None)
            elif row[0] == OPEN:
                _write(db, RELEASED, claim, Usage(), 0, None)
                _add_to_pots(db, claim, -claim.nano)
                for (pot, what), amount in _taken(claim).items():
                    _correct(db, pot, what, row[1], -amount)

        return act

    def spent(self, *, since: str, until: str) -> Act:
        """Rows by account and day, those days included."""

        def act(db: sqlite3.Connection) -> list[Spent]:
            rows = db.execute(
                "SELECT * FROM spent WHERE day BETWEEN ? AND ? ORDER BY day, tenant, key, model, reported DESC",
                (since, until),
            )
            return [
                Spent(
                    account=Account(tenant=tenant, key=key, model=model),
                    day=day,
                    reported=bool(reported),
                    requests=requests,
                    usage=_usage(figures),
                    nano=figures[4],
                )
                for day, tenant, key, model, reported, requests, *figures in rows
            ]

        return act

    def claims(self, *, estimated: bool = False) -> Act:
        """Those that are open, the oldest first; with `estimated` also those that were settled so."""

        def act(db: sqlite3.Connection) -> list[Claim]:
            states = (OPEN, ESTIMATED if estimated else OPEN)
            rows = db.execute("SELECT * FROM claims WHERE state IN (?, ?) ORDER BY begun", states)
            return [_claim(row) for row in rows]

        return act

    def _sweep(self, db: sqlite3.Connection) -> None:
        """Settles claims that nobody comes back to, and forgets what is long done; one of the future is no less odd."""
        now = self._clock()
        if self._swept is not None and now - self._swept < SWEEP:
            return
        self._swept, wall = now, self._wall()
        old = "SELECT * FROM claims WHERE state = ? AND NOT begun BETWEEN ? AND ?"
        for row in db.execute(old, (OPEN, wall - EXPIRE, wall + EXPIRE)).fetchall():
            claim = _claim(row)
            _settle(db, claim, claim.usage, nano=claim.nano, reported=False)
        db.execute("DELETE FROM claims WHERE state IN (?, ?) AND begun < ?", (SETTLED, RELEASED, wall - DONE))
        db.execute("DELETE FROM claims WHERE state = ? AND begun < ?", (ESTIMATED, wall - CORRECTABLE))
        db.execute("DELETE FROM rates WHERE second < ?", (int(now) - WINDOW,))


def _tried(act: Act, db: sqlite3.Connection) -> Any:
    """An act that refuses has written nothing that matters, so those beside it go on."""
    try:
        return act(db)
    except RagstoneError as error:
        return error


def _translated(error: sqlite3.Error | OSError, where: str) -> RagstoneError:
    words = str(error)
    if "locked" in words:
        hint = "Does another process hold the file?"
        return LedgerUnavailable("the ledger is busy", where=where, hint=hint, again=False)
    if "full" in words or "No space" in words:
        return StorageFull("the disk is full", where=where, hint="Free some space and run it again.")
    hint = "Is it writable? If it is damaged, move it away: then spending is counted from zero."
    return StateError(f"the ledger cannot be used: {words}", where=where, hint=hint)


# ── Money ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _in_pot(db: sqlite3.Connection, claim: Claim, budget: Budget) -> int:
    """What is spent and claimed of a budget, in the day or month of the claim."""
    first, last = (claim.day, claim.day) if budget.period == "day" else (claim.day[:8] + "01", claim.day[:8] + "31")
    found = db.execute(
        "SELECT COALESCE(SUM(nano), 0) FROM pots WHERE pot = ? AND day BETWEEN ? AND ?",
        (claim.account.of(budget.per), first, last),
    ).fetchone()
    return int(found[0])


def _add_to_pots(db: sqlite3.Connection, claim: Claim, nano: int) -> None:
    """All of them, whether anybody has a budget there or not: one may be given later."""
    if nano:
        db.executemany(
            "INSERT INTO pots VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET nano = nano + excluded.nano",
            [(claim.account.of(share), claim.day, nano) for share in SHARES],
        )


def _settle(db: sqlite3.Connection, claim: Claim, usage: Usage, *, nano: int, reported: bool) -> None:
    row = db.execute("SELECT * FROM claims WHERE id = ?", (claim.id,)).fetchone()
    state = row[1] if row else None
    if state == SETTLED or (state == ESTIMATED and not reported):
        return
    had = 0
    if row and state in (OPEN, ESTIMATED):
        had = int(row[14])
    if row and state == ESTIMATED:
        _add_to_spent(db, claim, _usage(row[10:]), -had, reported=False, requests=-1)
    if row and state == OPEN:
        used = usage.input_tokens + usage.output_tokens
        for pot, what in _taken(claim):
            if what == "tokens":
                _correct(db, pot, what, row[9], used - claim.tokens)
    _write(db, SETTLED if reported else ESTIMATED, claim, usage, nano, None)
    _add_to_spent(db, claim, usage, nano, reported=reported, requests=1)
    _add_to_pots(db, claim, nano - had)


def _add_to_spent(
    db: sqlite3.Connection, claim: Claim, usage: Usage, nano: int, *, reported: bool, requests: int
) -> None:
    account, sign = claim.account, 1 if requests > 0 else -1
    where = (claim.day, account.tenant, account.key, account.model, reported)
    db.execute(
        "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " requests = requests + excluded.requests, input = input + excluded.input, cached = cached + excluded.cached,"
        " written = written + excluded.written, output = output + excluded.output, nano = nano + excluded.nano",
        (*where, requests, *(sign * tokens for tokens in _tokens(usage)), nano),
    )
    if sign < 0:
        db.execute(
            "DELETE FROM spent WHERE day = ? AND tenant = ? AND key = ? AND model = ? AND reported = ?"
            " AND requests = 0",
            where,
        )


# ── Limits ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _taken(claim: Claim) -> dict[tuple[str, str], int]:
    """What a claim takes of which limit; two limits of one kind and share count together."""
    return {(claim.account.of(limit.per), limit.of): claim.amount(limit) for limit in claim.limits}


def _seconds(db: sqlite3.Connection, account: Account, limit: Limit, here: int) -> list[tuple[int, int]]:
    """What was taken of a limit, by second. What lies ahead, as after a restart of the machine, was taken just now."""
    where = (account.of(limit.per), limit.of)
    rows = db.execute("SELECT second, amount FROM rates WHERE pot = ? AND what = ?", where).fetchall()
    if any(second > here for second, _ in rows):
        ahead = sum(amount for second, amount in rows if second > here)
        rows = [(second, amount) for second, amount in rows if second <= here] + [(here, ahead)]
        db.execute("DELETE FROM rates WHERE pot = ? AND what = ? AND second > ?", (*where, here))
        db.execute(
            "INSERT INTO rates VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
            (*where, here, ahead),
        )
    if any(second < here - WINDOW for second, _ in rows):
        db.execute("DELETE FROM rates WHERE pot = ? AND what = ? AND second < ?", (*where, here - WINDOW))
    return rows


def _correct(db: sqlite3.Connection, pot: str, what: str, second: int | None, amount: int) -> None:
    db.execute(
        "UPDATE rates SET amount = MAX(0, amount + ?) WHERE pot = ? AND what = ? AND second = ?",
        (amount, pot, what, second),
    )


# ── Rows ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write(db: sqlite3.Connection, state: str, claim: Claim, usage: Usage, nano: int, second: int | None) -> None:
    account, price = claim.account, claim.price
    who = (claim.begun, claim.owner, claim.day, account.tenant, account.key, account.model)
    priced = price.model_dump_json(exclude_defaults=True) if price else None
    db.execute(
        "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (claim.id, state, *who, priced, second, *_tokens(usage), nano),
    )


def _claim(row: Sequence[Any]) -> Claim:
    return Claim(
        id=row[0],
        begun=row[2],
        owner=row[3],
        day=row[4],
        account=Account(tenant=row[5], key=row[6], model=row[7]),
        price=Price(**json.loads(row[8])) if row[8] else None,
        usage=_usage(row[10:]),
        nano=row[14],
    )


def _tokens(usage: Usage) -> tuple[int, int, int, int]:
    return usage.input_tokens, usage.cached_tokens, usage.written_tokens, usage.output_tokens


def _usage(figures: Sequence[int]) -> Usage:
    return Usage(input_tokens=figures[0], cached_tokens=figures[1], written_tokens=figures[2], output_tokens=figures[3])
