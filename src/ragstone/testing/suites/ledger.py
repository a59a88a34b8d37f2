"""The conformance suite of Ledger."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ragstone.errors import OverBudget, RateLimited, UsageError
from ragstone.protocols import Ledger
from ragstone.spending import COUNTABLE, EXPIRE, Claim, Spent
from ragstone.terms import Account, Budget, Limit, Share
from ragstone.testing.suites.connector import CONTEXT, ConnectorSuite
from ragstone.usage import Price, Usage

__all__ = ["LedgerSuite", "claim"]

DAY = "2026-11-21"
ACME = Account(tenant="acme", key="app", model="large")
USED = Usage(input_tokens=900, cached_tokens=600, written_tokens=100, output_tokens=40)


def claim(nano: int = 1_000, *, account: Account = ACME, day: str = DAY, **given: Any) -> Claim:
    """A claim of 1,000 tokens of the input and 200 of the output."""
    usage = given.pop("usage", Usage(input_tokens=1_000, output_tokens=200))
    return Claim(account=account, day=day, usage=usage, nano=nano, **given)


class LedgerSuite(ConnectorSuite[Ledger]):
    """What every ledger does. It keeps nothing of an earlier test: `make` gives it an empty place.

    >>> class TestMyLedger(LedgerSuite):
    ...     def make(self, tmp_path: Path) -> Ledger:
    ...         return MyLedger(tmp_path / "ledger")
    """

    async def exercise(self, connector: Ledger) -> None:
        one = claim(limits=(Limit(number=9, of="requests"),), budgets=(Budget(nano=10**9, period="day"),))
        await connector.reserve(one, context=CONTEXT)
        await connector.release(one, context=CONTEXT)
        await self.settled(connector, claim())
        await self.spent(connector)
        await connector.open(estimated=True, context=CONTEXT)

    async def spent(self, ledger: Ledger, since: str = "2026-01-01", until: str = "2026-12-31") -> list[Spent]:
        """All rows of some days."""
        return list(await ledger.spent(since=since, until=until, context=CONTEXT))

    async def settled(
        self, ledger: Ledger, one: Claim, usage: Usage = USED, nano: int = 700, *, reported: bool = True
    ) -> None:
        """Reserves and settles."""
        await ledger.reserve(one, context=CONTEXT)
        await ledger.settle(one, usage, nano=nano, reported=reported, context=CONTEXT)

    async def opened(self, ledger: Ledger) -> list[str]:
        """The ids of what is open."""
        return [one.id for one in await ledger.open(context=CONTEXT)]

    async def left(self, ledger: Ledger, budget: Budget, *, account: Account = ACME, day: str = DAY) -> int:
        """What a budget has left, found by claims that are given back."""
        low, high = 0, budget.nano
        while low < high:
            middle = (low + high + 1) // 2
            probe = claim(middle, account=account, day=day, budgets=(budget,))
            try:
                await ledger.reserve(probe, context=CONTEXT)
            except OverBudget:
                high = middle - 1
            else:
                await ledger.release(probe, context=CONTEXT)
                low = middle
        return low

    # ── What is counted ──────────────────────────────────────────────────────────────────────────────────────────────

    async def test_what_was_used_is_counted_by_account_and_day(self, connector: Ledger) -> None:
        other = Account(tenant="acme", key="a:b%c \n é", model="small")
        for day, account in ((DAY, ACME), (DAY, ACME), (DAY, other), ("2026-11-22", ACME)):
            await self.settled(connector, claim(account=account, day=day))
        rows = await self.spent(connector)
        assert sorted((row.day, row.account.key, row.account.model, row.requests, row.nano) for row in rows) == sorted(
            [(DAY, "app", "large", 2, 1_400), (DAY, other.key, "small", 1, 700), ("2026-11-22", "app", "large", 1, 700)]
        )
        row = next(row for row in rows if row.requests == 2)
        expected = Usage(input_tokens=1_800, cached_tokens=1_200, written_tokens=200, output_tokens=80)
        assert row == Spent(account=ACME, day=DAY, reported=True, requests=2, usage=expected, nano=1_400)

    async def test_both_ends_of_the_days_are_included(self, connector: Ledger) -> None:
        for day in ("2026-11-20", "2026-11-21", "2026-11-22", "2026-12-01"):
            await self.settled(connector, claim(day=day))
        rows = await self.spent(connector, "2026-11-21", "2026-11-22")
        assert [row.day for row in rows] == ["2026-11-21", "2026-11-22"]

    async def test_estimates_stand_apart_from_what_servers_have_reported(self, connector: Ledger) -> None:
        await self.settled(connector, claim())
        await self.settled(connector, claim(), Usage(input_tokens=5), 5, reported=False)
        rows = await self.spent(connector)
        assert {(row.reported, row.nano) for row in rows} == {(True, 700), (False, 5)}

    async def test_a_settle_that_comes_again_counts_once(self, connector: Ledger) -> None:
        one = claim()
        await self.settled(connector, one)
        await self.settled(connector, one)
        await connector.settle(one, Usage(input_tokens=9), nano=9, reported=False, context=CONTEXT)
        await connector.release(one, context=CONTEXT)
        (row,) = await self.spent(connector)
        assert (row.requests, row.nano, row.usage) == (1, 700, USED)
        assert await self.opened(connector) == []

    async def test_what_was_reported_takes_the_place_of_an_estimate(self, connector: Ledger) -> None:
        budget, one = Budget(nano=10_000, period="day"), claim()
        await self.settled(connector, one, Usage(input_tokens=1_000, output_tokens=200), 1_000, reported=False)
        await self.settled(connector, claim(), Usage(output_tokens=1), 1, reported=False)
        assert one.id in [found.id for found in await connector.open(estimated=True, context=CONTEXT)]
        assert await self.opened(connector) == []
        await connector.settle(one, USED, nano=700, reported=True, context=CONTEXT)
        rows = {row.reported: (row.requests, row.nano, row.usage) for row in await self.spent(connector)}
        assert rows == {True: (1, 700, USED), False: (1, 1, Usage(output_tokens=1))}
        assert await self.left(connector, budget) == 10_000 - 701

    async def test_a_settle_without_its_claim_counts(self, connector: Ledger) -> None:
        budget = Budget(nano=10_000, period="day")
        one = claim(budgets=(budget,))
        await connector.settle(one, USED, nano=700, reported=True, context=CONTEXT)
        await connector.reserve(one, context=CONTEXT)  # late, and no second call
        assert [row.nano for row in await self.spent(connector)] == [700]
        assert await self.left(connector, budget) == 9_300

    async def test_a_settle_after_a_release_counts(self, connector: Ledger) -> None:
        one = claim()
        await connector.reserve(one, context=CONTEXT)
        await connector.release(one, context=CONTEXT)
        await connector.settle(one, USED, nano=700, reported=True, context=CONTEXT)
        assert [row.nano for row in await self.spent(connector)] == [700]

    async def test_what_was_released_costs_nothing(self, connector: Ledger) -> None:
        budget, one = Budget(nano=1_000, period="day"), claim()
        await connector.reserve(one, context=CONTEXT)
        assert await self.left(connector, budget) == 0
        await connector.release(one, context=CONTEXT)
        await connector.release(one, context=CONTEXT)
        await connector.reserve(one, context=CONTEXT)
        assert await self.left(connector, budget) == 1_000
        assert await self.spent(connector) == []
        assert await self.opened(connector) == []

    async def test_a_claim_that_is_open_is_told_whole(self, connector: Ledger) -> None:
        price = Price(input=0.1, output=0.5, cached_input=0.025)
        first, second = claim(7, price=price, begun=time.time() - 9), claim(8)
        await connector.reserve(second, context=CONTEXT)
        await connector.reserve(first, context=CONTEXT)
        assert list(await connector.open(context=CONTEXT)) == [first, second]
        assert await self.spent(connector) == []

    async def test_a_claim_that_is_old_counts_as_an_estimate(self, connector: Ledger) -> None:
        budget = Budget(nano=10_000, period="day")
        old, odd = (claim(begun=time.time() + sign * (EXPIRE + 60)) for sign in (-1, 1))
        for one in (old, odd):
            await connector.reserve(one, context=CONTEXT)
        await connector.close()  # opened again, it looks for what is old at once
        assert await self.opened(connector) == []
        (row,) = await self.spent(connector)
        assert (row.reported, row.requests, row.nano) == (False, 2, 2_000)
        assert await self.left(connector, budget) == 8_000
        await connector.settle(old, USED, nano=700, reported=True, context=CONTEXT)
        assert await self.left(connector, budget) == 8_300

    # ── Budgets ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_claim_fits_into_what_is_left_to_the_last_billionth(self, connector: Ledger) -> None:
        budgets = (Budget(nano=2_000, period="day"),)
        await self.settled(connector, claim(1_000, budgets=budgets))
        with pytest.raises(OverBudget) as caught:
            await connector.reserve(claim(1_301, budgets=budgets), context=CONTEXT)
        said = str(caught.value)
        assert all(word in said for word in ("a day", "'acme'", "1.3e-06 USD are left", "2026-11-22 00:00 UTC"))
        assert not caught.value.again
        await connector.reserve(claim(1_300, budgets=budgets), context=CONTEXT)
        with pytest.raises(OverBudget):
            await connector.reserve(claim(1, budgets=budgets), context=CONTEXT)
        await connector.reserve(claim(0, budgets=budgets), context=CONTEXT)

    async def test_what_costs_nothing_fits_into_a_budget_that_is_overdrawn(self, connector: Ledger) -> None:
        budgets = (Budget(nano=1_000, period="day"),)
        await self.settled(connector, claim(budgets=budgets), nano=5_000)
        with pytest.raises(OverBudget, match="0 USD are left"):
            await connector.reserve(claim(1, budgets=budgets), context=CONTEXT)
        await connector.reserve(claim(0, budgets=budgets), context=CONTEXT)

    async def test_what_is_refused_takes_nothing(self, connector: Ledger) -> None:
        day, month = Budget(nano=5_000, period="day"), Budget(nano=500, period="month")
        limit = Limit(number=1, of="requests")
        with pytest.raises(OverBudget):
            await connector.reserve(claim(budgets=(day, month), limits=(limit,)), context=CONTEXT)
        assert await self.left(connector, day) == 5_000
        await connector.reserve(claim(limits=(limit,)), context=CONTEXT)
        with pytest.raises(RateLimited):
            await connector.reserve(claim(2_000, budgets=(day,), limits=(limit,)), context=CONTEXT)
        assert await self.left(connector, day) == 4_000

    async def test_a_month_adds_up_its_days(self, connector: Ledger) -> None:
        budget = Budget(nano=10_000, period="month")
        for day in ("2026-10-31", "2026-11-01", "2026-11-30", "2026-12-01"):
            await self.settled(connector, claim(day=day))
        assert await self.left(connector, budget) == 10_000 - 1_400
        with pytest.raises(OverBudget, match="2026-12-01 00:00 UTC"):
            await connector.reserve(claim(9_000, budgets=(budget,)), context=CONTEXT)

    @pytest.mark.parametrize(
        ("per", "same"),
        [("project", "all"), ("tenant", "tenant"), ("key", "key"), ("model", "model")],
    )
    async def test_a_budget_is_of_those_who_share_it(self, connector: Ledger, per: Share, same: str) -> None:
        accounts = {
            "self": ACME,
            "tenant": replace(ACME, key="other", model="other"),
            "key": replace(ACME, model="other"),
            "model": Account(tenant="other", key="other", model="large"),
            "none": Account(tenant="other", key="app", model="other"),
        }
        for account in accounts.values():
            await self.settled(connector, claim(account=account), nano=100)
        shared = {"all": 5, "tenant": 3, "key": 2, "model": 2}[same]
        assert await self.left(connector, Budget(nano=1_000, period="day", per=per)) == 1_000 - 100 * shared

    async def test_sums_of_millions_of_dollars_are_exact(self, connector: Ledger) -> None:
        budget = Budget(nano=2**53 - 1, period="month")
        await self.settled(connector, claim(2**52 + 1), USED, 2**52 + 1)
        await self.settled(connector, claim(3), USED, 3)
        assert await self.left(connector, budget) == 2**53 - 1 - (2**52 + 4)
        assert [row.nano for row in await self.spent(connector)] == [2**52 + 4]

    async def test_a_hundred_at_once_never_overspend(self, connector: Ledger) -> None:
        chance = random.Random(7)  # noqa: S311 - the same every time
        budget = Budget(nano=30_000, period="day")
        claims = [claim(chance.randint(1, 1_000), budgets=(budget,)) for _ in range(100)]
        outcomes = await asyncio.gather(
            *(connector.reserve(one, context=CONTEXT) for one in claims), return_exceptions=True
        )
        taken = [one for one, outcome in zip(claims, outcomes, strict=True) if outcome is None]
        assert all(outcome is None or isinstance(outcome, OverBudget) for outcome in outcomes)
        assert sum(one.nano for one in taken) <= budget.nano
        assert sorted(await self.opened(connector)) == sorted(one.id for one in taken)
        left = budget.nano - sum(one.nano for one in taken)
        refused = [one.nano for one, outcome in zip(claims, outcomes, strict=True) if outcome is not None]
        assert refused
        assert min(refused) > left, "one was refused that would have fitted"

    # ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def reserved(self, ledger: Ledger, claims: Sequence[Claim]) -> int:
        """How many of them, all at once, are within their limits."""
        outcomes = await asyncio.gather(
            *(ledger.reserve(one, context=CONTEXT) for one in claims), return_exceptions=True
        )
        assert all(outcome is None or isinstance(outcome, RateLimited) for outcome in outcomes), outcomes
        return outcomes.count(None)

    async def test_no_more_requests_than_the_limit(self, connector: Ledger) -> None:
        limits = (Limit(number=60, of="requests"),)
        assert await self.reserved(connector, [claim(limits=limits) for _ in range(100)]) == 60
        with pytest.raises(RateLimited) as caught:
            await connector.reserve(claim(limits=limits), context=CONTEXT)
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 61
        assert "60 requests a minute of tenant 'acme'" in str(caught.value)

    async def test_limits_of_others_are_their_own(self, connector: Ledger) -> None:
        limits = (Limit(number=1, of="requests"),)
        for account in (ACME, Account(tenant="other", key="app", model="large")):
            assert await self.reserved(connector, [claim(limits=limits, account=account) for _ in range(3)]) == 1
        assert await self.reserved(connector, [claim(limits=(Limit(number=5_000, of="tokens"),))]) == 1

    async def test_tokens_that_were_not_used_are_given_back(self, connector: Ledger) -> None:
        limits = (Limit(number=2_400, of="tokens"),)
        claims = [claim(limits=limits) for _ in range(3)]
        assert await self.reserved(connector, claims) == 2
        (first, *_) = await connector.open(context=CONTEXT)
        one = next(each for each in claims if each.id == first.id)
        await connector.settle(one, Usage(input_tokens=100), nano=1, reported=True, context=CONTEXT)
        assert await self.reserved(connector, [claim(limits=limits)]) == 0
        assert await self.reserved(connector, [claim(limits=limits, usage=Usage(input_tokens=1_100))]) == 1

    async def test_what_was_released_counts_in_no_limit(self, connector: Ledger) -> None:
        limits = (Limit(number=1_200, of="tokens"), Limit(number=1, of="requests"))
        for _ in range(3):
            one = claim(limits=limits)
            assert await self.reserved(connector, [one]) == 1
            await connector.release(one, context=CONTEXT)

    async def test_what_can_never_fit_says_so(self, connector: Ledger) -> None:
        with pytest.raises(RateLimited, match="this call alone may take 1,200") as caught:
            await connector.reserve(claim(limits=(Limit(number=1_000, of="tokens"),)), context=CONTEXT)
        assert caught.value.retry_after is None

    async def test_two_limits_of_one_kind_count_together(self, connector: Ledger) -> None:
        wide, narrow = Limit(number=9, of="requests"), Limit(number=2, of="requests")
        assert await self.reserved(connector, [claim(limits=(wide, narrow)) for _ in range(5)]) == 2
        assert await self.reserved(connector, [claim(limits=(wide,)) for _ in range(9)]) == 7

    # ── Trouble ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_caller_who_leaves_does_no_harm(self, connector: Ledger) -> None:
        claims = [claim() for _ in range(20)]
        tasks = [asyncio.ensure_future(connector.reserve(one, context=CONTEXT)) for one in claims]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in claims:
            await connector.release(one, context=CONTEXT)
        assert await self.opened(connector) == []
        assert await self.left(connector, Budget(nano=100, period="day")) == 100

    @pytest.mark.parametrize(
        "odd",
        [
            claim(COUNTABLE),
            claim(-1),
            claim(usage=Usage(input_tokens=10**30)),
            claim(usage=Usage(input_tokens=10, output_tokens=-1)),
            claim(account=replace(ACME, tenant="\ud83d")),
        ],
        ids=["money", "negative-money", "tokens", "negative-tokens", "half-a-character"],
    )
    async def test_a_call_that_cannot_be_counted_harms_no_other(self, connector: Ledger, odd: Claim) -> None:
        beside = [claim() for _ in range(8)]
        outcomes = await asyncio.gather(
            *(connector.reserve(one, context=CONTEXT) for one in [*beside[:4], odd, *beside[4:]]),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes if each is not None] == [UsageError]
        assert len(await connector.open(context=CONTEXT)) == 8

    async def test_what_cannot_be_counted_leaves_its_claim(self, connector: Ledger) -> None:
        one = claim()
        await connector.reserve(one, context=CONTEXT)
        with pytest.raises(UsageError):
            await connector.settle(one, Usage(output_tokens=-5), nano=-5, reported=True, context=CONTEXT)
        assert await self.spent(connector) == []
        assert [each.id for each in await connector.open(context=CONTEXT)] == [one.id]
