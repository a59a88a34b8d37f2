"""A day begins when it begins, and not when somebody puts a clock."""

from __future__ import annotations

from ledger_trials import Clock
from ragstone.inference.calendar import LASTING, Calendar

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DAY = 86_400.0


def made(wall: float = NOON) -> tuple[Calendar, Clock, Clock]:
    clocks = Clock(wall), Clock(500.0)
    return Calendar(wall=clocks[0], steady=clocks[1]), *clocks


def passes(seconds: float, *clocks: Clock) -> None:
    for clock in clocks:
        clock.now += seconds


def test_days_follow_each_other():
    calendar, wall, steady = made()
    assert calendar.today() == "2026-11-21"
    passes(DAY / 2 - 0.001, wall, steady)
    assert calendar.today() == "2026-11-21"
    passes(0.001, wall, steady)
    assert calendar.today() == "2026-11-22"
    passes(30 * DAY, wall, steady)  # with nobody looking
    assert calendar.today() == "2026-12-22"


def test_a_jump_begins_no_day_at_once():
    for jump in (DAY, -DAY, 400 * DAY, -1e9):
        calendar, wall, steady = made()
        wall.now += jump
        assert calendar.today() == "2026-11-21"
        passes(LASTING - 1, wall, steady)
        assert calendar.today() == "2026-11-21"
        wall.now -= jump
        assert calendar.today() == "2026-11-21"


def test_a_clock_that_was_put_right_is_believed_in_the_end():
    calendar, wall, steady = made(0.0)
    assert calendar.today() == "1970-01-01"
    wall.now = NOON
    assert calendar.today() == "1970-01-01"
    passes(LASTING, wall, steady)
    assert calendar.today() == "2026-11-21"


def test_a_clock_that_jumps_about_is_not_believed():
    calendar, wall, steady = made()
    for _ in range(20):
        passes(LASTING / 2, wall, steady)
        wall.now += 3 * DAY
        day = calendar.today()
    assert day == "2026-11-21"


def test_a_clock_that_is_corrected_a_little_is_followed():
    calendar, wall, steady = made()
    for _ in range(1_000):
        passes(60, wall, steady)
        wall.now += 0.05
        calendar.today()
    passes(NOON + DAY / 2 - wall.now - 0.001, wall, steady)
    assert calendar.today() == "2026-11-21"
    passes(0.002, wall, steady)
    assert calendar.today() == "2026-11-22"
