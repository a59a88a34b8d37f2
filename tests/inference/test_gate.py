"""Turns: how many at once, who is next, who is shed, and that none is ever lost."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.errors import ModelBusy, ModelTimeout
from ragstone.inference.gate import Gate


async def settle() -> None:
    """Lets every task run until it waits for something."""
    for _ in range(10):
        await asyncio.sleep(0)


class Visit:
    """One request at a gate, which goes on until it is told to end."""

    def __init__(self, gate: Gate, tenant: str = "a") -> None:
        self.gate, self.tenant = gate, tenant
        self.inside = False
        self.end = asyncio.Event()
        self.task = asyncio.create_task(self._visit())

    async def _visit(self) -> None:
        async with self.gate.entered(self.tenant):
            self.inside = True
            try:
                await self.end.wait()
            finally:
                self.inside = False

    async def over(self) -> None:
        self.end.set()
        await self.task


async def test_so_many_at_once_and_the_others_in_the_order_in_which_they_came() -> None:
    gate = Gate(2)
    visits = [Visit(gate) for _ in range(5)]
    await settle()
    assert ([visit.inside for visit in visits], gate.running, gate.waiting) == ([True, True, False, False, False], 2, 3)
    for done in range(5):
        await visits[done].over()
        await settle()
        assert [visit.inside for visit in visits] == [done < place <= done + 2 for place in range(5)]
    assert (gate.running, gate.waiting) == (0, 0)


async def test_what_is_too_much_is_shed_at_once_with_the_time_to_come_again() -> None:
    now = 0.0
    gate = Gate(1, 2, clock=lambda: now)
    async with gate.entered():
        now += 3.0
    visits = [Visit(gate) for _ in range(3)]
    await settle()
    with pytest.raises(ModelBusy, match="expected at most 2 that wait, found 1 at work, 2 waiting") as caught:
        async with gate.entered("a"):
            pass
    assert (caught.value.retry_after, caught.value.again, caught.value.elsewhere) == (9.0, False, True)
    for visit in visits:
        await visit.over()
    assert gate.expected == 0.0
    assert Gate().expected is None


async def test_tenants_take_turns() -> None:
    gate, order = Gate(1, 1000), []

    async def visit(tenant: str) -> None:
        async with gate.entered(tenant):
            order.append(tenant)

    async with gate.entered("many"):
        tasks = [asyncio.create_task(visit("many")) for _ in range(500)]
        await settle()
        tasks += [
            asyncio.create_task(visit("one")),
            asyncio.create_task(visit("two")),
            asyncio.create_task(visit("one")),
        ]
        await settle()
    await asyncio.gather(*tasks)
    assert order[:6] == ["many", "one", "two", "many", "one", "many"]
    assert Counter(order) == {"many": 500, "one": 2, "two": 1}


async def test_a_queue_that_one_tenant_has_filled_keeps_no_other_out() -> None:
    gate = Gate(1, 4)
    held = Visit(gate, "many")
    await settle()
    many = [Visit(gate, "many") for _ in range(4)]
    await settle()
    ones = [Visit(gate, "one") for _ in range(2)]
    await settle()
    assert [visit.task.done() for visit in many] == [False, False, True, True]
    for visit in many[2:]:
        with pytest.raises(ModelBusy):
            await visit.task
    third = Visit(gate, "one")
    await settle()
    with pytest.raises(ModelBusy):
        await third.task  # each has half of it: there is no more to share
    await asyncio.gather(*(visit.over() for visit in (held, *many[:2], *ones)))
    assert (gate.running, gate.waiting) == (0, 0)


async def test_who_leaves_while_waiting_frees_the_place() -> None:
    gate = Gate(1, 1)
    first, second = Visit(gate), Visit(gate)
    await settle()
    second.task.cancel()
    await settle()
    assert gate.waiting == 0
    third = Visit(gate)
    await settle()
    await first.over()
    await settle()
    assert third.inside
    await third.over()


async def test_a_turn_that_comes_to_one_who_has_just_left_goes_on_to_the_next() -> None:
    gate = Gate(1)
    first, second, third = (Visit(gate) for _ in range(3))
    await settle()
    first.end.set()
    await asyncio.sleep(0)  # the turn is passed on, and the second has not woken yet
    second.task.cancel()
    await settle()
    assert (second.task.cancelled(), third.inside, gate.running) == (True, True, 1)
    await third.over()
    assert gate.running == 0


async def test_waiting_ends_with_the_time_of_the_call_or_with_ones_patience() -> None:
    gate = Gate(1)
    async with gate.entered():
        with pytest.raises(ModelTimeout, match="the time for this call was over before its turn came"):
            async with gate.entered(within=0.0, patience=1.0):
                pass
        with pytest.raises(ModelBusy, match=r"its turn did not come within 0\.01 s"):
            async with gate.entered(within=5.0, patience=0.01):
                pass
        assert gate.waiting == 0
    assert gate.running == 0


MOVES = st.lists(
    st.tuples(st.sampled_from(["come", "finish", "fail", "cancel", "breathe"]), st.integers(0, 30)), max_size=60
)


@settings(max_examples=200, deadline=None)
@given(concurrency=st.integers(1, 3), queue=st.integers(0, 4), moves=MOVES)
def test_no_turn_is_ever_lost(concurrency: int, queue: int, moves: list[tuple[str, int]]) -> None:
    async def play() -> None:
        gate = Gate(concurrency, queue)
        visits: list[Visit] = []
        for move, number in moves:
            under_way = [visit for visit in visits if not visit.task.done()]
            if move == "come":
                visits.append(Visit(gate, tenant="abc"[number % 3]))
            elif move == "breathe":
                await settle()
            elif under_way:
                visit = under_way[number % len(under_way)]
                if move == "cancel":
                    visit.task.cancel()
                elif move == "fail" and visit.inside:
                    visit.task.cancel("as an error would end it")
                else:
                    visit.end.set()
            await asyncio.sleep(0)
            assert 0 <= gate.running <= concurrency
            assert 0 <= gate.waiting <= queue
            assert sum(visit.inside for visit in visits) <= gate.running
            assert gate.running == concurrency or not gate.waiting
        for visit in visits:
            visit.end.set()
        results = await asyncio.gather(*(visit.task for visit in visits), return_exceptions=True)
        assert all(result is None or isinstance(result, ModelBusy | asyncio.CancelledError) for result in results)
        assert (gate.running, gate.waiting) == (0, 0)

    asyncio.run(play())


def test_it_works_from_several_event_loops_at_once() -> None:
    gate, most, inside = Gate(3), 0, 0
    lock = threading.Lock()

    async def visit(tenant: str) -> None:
        nonlocal most, inside
        async with gate.entered(tenant):
            with lock:
                inside += 1
                most = max(most, inside)
            await asyncio.sleep(0)
            with lock:
                inside -= 1

    async def many(tenant: str) -> None:
        await asyncio.gather(*(visit(tenant) for _ in range(100)))

    threads = [threading.Thread(target=lambda name=name: asyncio.run(many(name))) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert (gate.running, gate.waiting) == (0, 0)
    assert 1 <= most <= 3


def test_a_turn_does_not_get_lost_in_a_loop_that_was_closed() -> None:
    gate = Gate(1)

    async def visit() -> None:
        async with gate.entered():
            pass

    holder, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    held = gate.entered()
    holder.run_until_complete(held.__aenter__())
    left = other.create_task(visit())
    other.run_until_complete(settle())
    assert gate.waiting == 1
    other.close()  # with a request that waits in it
    holder.run_until_complete(held.__aexit__(None, None, None))
    assert (gate.running, gate.waiting) == (0, 0)
    holder.run_until_complete(visit())
    holder.close()
    left._log_destroy_pending = False
    left.get_coro().close()
    assert (gate.running, gate.waiting) == (0, 0)
