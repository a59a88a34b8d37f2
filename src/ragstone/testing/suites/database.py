"""The conformance suite of Database: by the tables that Ragstone keeps there, those of conversations."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ragstone.errors import ConversationNotFound, UsageError
from ragstone.protocols import Database
from ragstone.state.conversations import PAGE, TABLES, ConversationTables
from ragstone.tables import Execute
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.turns import Owner, Quote, Summary, Turn

__all__ = ["DatabaseSuite", "turn"]

ANA = Owner(tenant="acme", key="app", user="ana")
OTHERS = [replace(ANA, tenant="other"), replace(ANA, key="web"), replace(ANA, user="bob"), Owner()]
HARD = "größe 汉字 '; DROP TABLE conversations; -- ? %s \0 \ud800"
HALIBUT = "documents/halibut.md"


def turn(question: str = "When does it ship?", text: str = "On 3 May 2031 [1].", **given: Any) -> Turn:
    """A turn that cites one document."""
    quote = Quote(1, HALIBUT, 11, 21, "3 May 2031")
    values: dict[str, Any] = {"citations": (quote,), "sources": (HALIBUT,), **given}
    return Turn(question=question, text=text, **values)


class DatabaseSuite(ConnectorSuite[Database]):
    """What every database does. It keeps nothing of an earlier test: `make` gives it an empty place.

    >>> class TestMyDatabase(DatabaseSuite):
    ...     def make(self, tmp_path: Path) -> Database:
    ...         return MyDatabase(tmp_path / "tables")
    """

    async def exercise(self, connector: Database) -> None:
        tables = ConversationTables(connector)
        await tables.begin(ANA, "one")
        await tables.add(ANA, "one", turn(), topic="")
        await tables.turns(ANA, "one")
        await tables.delete(ANA, "one")

    async def begun(self, connector: Database, *said: Turn, principals: Sequence[str] = ()) -> ConversationTables:
        """The tables with one conversation of Ana's."""
        tables = ConversationTables(connector)
        await tables.begin(ANA, "one")
        for one in said:
            await tables.add(ANA, "one", one, topic=one.question, principals=principals)
        return tables

    async def test_nothing_is_there_at_first(self, connector: Database) -> None:
        tables = ConversationTables(connector)
        assert await tables.newest(ANA) == []
        assert await tables.find(ANA, "one") is None
        assert await tables.forget_user("ana", tenant="acme") == 0
        assert await tables.forget([HALIBUT], tenant="acme") == 0

    async def test_what_is_written_is_read_as_it_was(self, connector: Database) -> None:
        said = turn(
            HARD, HARD, citations=(Quote(1, HARD, 0, 5, HARD),), sources=(HARD,), abstained=True, trace_id="t",
            prompt="chat@1", model="m", confidential=True, asked=1.5, parent=7,
        )  # fmt: skip
        owner = Owner(tenant=" ü", key="%s", user="?'")
        tables = ConversationTables(connector)
        await tables.begin(owner, "one", title=HARD)
        kept = await tables.add(owner, "one", said, topic=HARD, principals=[HARD])
        assert kept == replace(said, number=1)
        assert await tables.turns(owner, "one") == [kept]
        found = await tables.find(owner, "one", principals=[HARD])
        assert found is not None
        assert (found.topic, found.turns, found.confidential, found.principals) == (HARD, 1, True, (HARD,))
        assert found.user == "?'"

    async def test_a_conversation_is_called_after_its_first_question(self, connector: Database) -> None:
        tables = await self.begun(connector, turn("First\n one?"), turn("Second?"))
        found = await tables.find(ANA, "one")
        assert found is not None
        assert found.title == "First one?"
        await tables.rename(ANA, "one", " Fish ")
        await tables.add(ANA, "one", turn("Third?"), topic="")
        found = await tables.find(ANA, "one")
        assert found is not None
        assert (found.title, found.turns) == ("Fish", 3)

    @pytest.mark.parametrize("other", OTHERS)
    async def test_somebody_elses_is_not_there(self, connector: Database, other: Owner) -> None:
        tables = await self.begun(connector, turn())
        assert await tables.find(other, "one") is None
        assert await tables.newest(other) == []
        for attempt in (
            tables.turns(other, "one"),
            tables.add(other, "one", turn(), topic=""),
            tables.branch(other, "one", at=1),
            tables.summary(other, "one"),
            tables.summarized(other, "one", Summary(text="In short.", upto=1)),
        ):
            with pytest.raises(ConversationNotFound, match="there is no conversation 'one'"):
                await attempt
        await tables.rename(other, "one", "Mine")
        await tables.delete(other, "one")
        await tables.begin(other, "one", title="Theirs")  # an id says nothing of another owner's
        found = await tables.find(ANA, "one")
        assert found is not None
        assert (found.title, found.turns) == ("When does it ship?", 1)

    async def test_who_lacks_a_principal_of_its_questions_does_not_see_it(self, connector: Database) -> None:
        tables = await self.begun(connector, turn(), principals=["group:hr", "user:ana"])
        for principals in ([], ["group:hr"], ["group:it", "group:hr"]):
            assert await tables.find(ANA, "one", principals=principals) is None
            assert await tables.newest(ANA, principals=principals) == []
        for principals in (["user:ana", "group:hr"], ["group:hr", "user:ana", "group:it"], None):
            assert await tables.find(ANA, "one", principals=principals) is not None
            assert len(await tables.newest(ANA, principals=principals)) == 1

    async def test_writers_at_once_lose_nothing(self, connector: Database) -> None:
        tables = await self.begun(connector)
        await asyncio.gather(*(tables.add(ANA, "one", turn(str(each)), topic="") for each in range(24)))
        said = await tables.turns(ANA, "one")
        assert [one.number for one in said] == list(range(1, 25))
        assert {one.question for one in said} == {str(each) for each in range(24)}

    async def test_one_is_begun_once(self, connector: Database) -> None:
        tables = ConversationTables(connector)
        await asyncio.gather(*(tables.begin(ANA, "one") for _ in range(8)))
        assert len(await tables.newest(ANA)) == 1

    async def test_the_list_is_paged_by_the_last_change(self, connector: Database) -> None:
        times = iter(range(1_000))
        tables = ConversationTables(connector, clock=lambda: float(next(times) // 2))  # some have the same time
        for number in range(7):
            await tables.begin(ANA, f"c{number}")
        for _ in range(2):  # the first of them has the time of the last that was begun
            await tables.add(ANA, "c0", turn(), topic="")
        listed = [one.id for one in await tables.newest(ANA)]
        assert listed[0] == "c0"
        assert sorted(listed) == [f"c{number}" for number in range(7)]
        paged: list[str] = []
        while page := await tables.newest(ANA, limit=3, before=paged[-1] if paged else ""):
            paged += [one.id for one in page]
        assert paged == listed
        assert await tables.newest(ANA, before="nowhere") == []

    async def test_turns_are_read_from_the_end(self, connector: Database) -> None:
        tables = await self.begun(connector, *(turn(str(number)) for number in range(1, 8)))
        assert [one.number for one in await tables.turns(ANA, "one", limit=3)] == [5, 6, 7]
        assert [one.number for one in await tables.turns(ANA, "one", limit=3, before=5)] == [2, 3, 4]
        assert await tables.turns(ANA, "one", before=1) == []
        assert len(await tables.turns(ANA, "one", limit=PAGE * 10)) == 7

    async def test_a_branch_goes_its_own_way(self, connector: Database) -> None:
        tables = await self.begun(connector, *(turn(str(number)) for number in range(1, 5)), principals=["group:hr"])
        await tables.summarized(ANA, "one", Summary(text="Of one.", upto=1))
        await tables.summarized(ANA, "one", Summary(text="Of three.", upto=3))
        made = await tables.branch(ANA, "one", at=2)
        assert (made.turns, made.branch_of, made.branch_at, made.principals) == (2, "one", 2, ("group:hr",))
        assert await tables.summary(ANA, made.id) == Summary(text="Of one.", upto=1)
        await tables.add(ANA, made.id, turn("other"), topic="")
        assert [one.question for one in await tables.turns(ANA, made.id)] == ["1", "2", "other"]
        assert [one.question for one in await tables.turns(ANA, "one")] == ["1", "2", "3", "4"]
        await tables.delete(ANA, "one")
        assert len(await tables.turns(ANA, made.id)) == 3
        for at in (0, 4):
            with pytest.raises(UsageError, match="there is no such turn"):
                await tables.branch(ANA, made.id, at=at)

    async def test_the_summary_that_reaches_furthest_counts(self, connector: Database) -> None:
        tables = await self.begun(connector, turn(), turn(), turn())
        assert await tables.summary(ANA, "one") is None
        for text, upto in (("Two.", 2), (HARD, 3), ("One.", 1), ("Another of three.", 3)):
            await tables.summarized(ANA, "one", Summary(text=text, upto=upto))
        assert await tables.summary(ANA, "one") == Summary(text=HARD, upto=3)

    async def test_what_is_deleted_is_gone_from_every_table(self, connector: Database) -> None:
        tables = await self.begun(connector, turn(), principals=["group:hr"])
        await tables.summarized(ANA, "one", Summary(text="In short.", upto=1))
        await tables.delete(ANA, "one")
        assert await self.rows(connector) == 0
        with pytest.raises(ConversationNotFound):
            await tables.add(ANA, "one", turn(), topic="")

    async def test_a_person_is_forgotten_with_every_key_and_in_one_tenant(self, connector: Database) -> None:
        tables = await self.begun(connector, turn(), principals=["group:hr"])
        for other in OTHERS:
            await tables.begin(other, "one")
            await tables.add(other, "one", turn(), topic="")
        assert await tables.forget_user("ana", tenant="acme") == 2
        left = [other for other in [ANA, *OTHERS] if await tables.find(other, "one") is not None]
        assert left == [OTHERS[0], OTHERS[2], OTHERS[3]]
        assert await tables.forget_user("ana", tenant="acme") == 0

    async def test_a_forgotten_document_is_gone_from_turns_and_summaries(self, connector: Database) -> None:
        other = turn("Other?", "Other.", citations=(), sources=("b.md",))
        tables = await self.begun(connector, other, turn(), other)
        for upto in (1, 2, 3):
            await tables.summarized(ANA, "one", Summary(text=f"Up to {upto}.", upto=upto))
        assert await tables.forget([HALIBUT], tenant="other") == 0
        assert await tables.forget(["c.md", HALIBUT], tenant="acme") == 1
        first, second, third = await tables.turns(ANA, "one")
        assert (first.text, third.text) == ("Other.", "Other.")
        assert (second.question, second.text, second.citations, second.forgotten) == (
            "When does it ship?",
            "",
            (),
            True,
        )
        assert await tables.summary(ANA, "one") == Summary(text="Up to 1.", upto=1)

    async def test_a_write_that_fails_leaves_nothing(self, connector: Database) -> None:
        await self.begun(connector, turn())

        def act(execute: Execute) -> None:
            execute("DELETE FROM conversation_turns")
            raise UsageError("enough")

        with pytest.raises(UsageError, match="enough"):
            await connector.run(act, tables=TABLES, writing=True, context=CONTEXT)
        assert len(await ConversationTables(connector).turns(ANA, "one")) == 1

    async def test_what_was_written_is_there_after_closing(self, connector: Database) -> None:
        await self.begun(connector, turn())
        await connector.close()
        assert len(await ConversationTables(connector).turns(ANA, "one")) == 1

    async def rows(self, connector: Database) -> int:
        """How many rows there are in all tables."""
        names = [line.split()[5] for line in TABLES.splitlines() if line.startswith("CREATE TABLE")]

        def act(execute: Execute) -> int:
            asked = [f"SELECT count(*) FROM {name}" for name in names]  # noqa: S608 - our own names
            return sum(execute(one)[0][0] for one in asked)

        return await connector.run(act, tables=TABLES, context=CONTEXT)
