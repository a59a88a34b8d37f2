"""Keys: told once, kept as digests, ended at once, counted by the minute over all processes."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import AccessDenied, RateLimited, StateError, UsageError
from ragstone.state.keys import Grant, KeyFile
from ragstone.usage import NANO

NOON = 1_800_000_000.0


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path, clock: Clock) -> KeyFile:
    return KeyFile(tmp_path / "keys.db", clock=clock)


def test_a_key_is_admitted_for_what_it_was_made_for(file: KeyFile):
    made, token = file.create(Grant(name="intranet", tenant="acme", principals=("group:staff", "user:ana")))
    found = file.admit(token)
    assert found == made
    assert (found.tenant, found.principals, found.admin) == ("acme", ("group:staff", "user:ana"), False)


def test_the_file_holds_nothing_that_could_be_sent(file: KeyFile, tmp_path: Path):
    _, token = file.create(Grant(name="a"))
    file.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.split("_", 2)[2].encode() not in kept
    assert file.all()[0].id.encode() in kept


def test_nobody_else_of_this_machine_may_read_the_file(file: KeyFile, tmp_path: Path):
    file.create(Grant(name="a"))
    assert stat.S_IMODE((tmp_path / "keys.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "spoil", [lambda t: "", lambda t: t[:-1], lambda t: t + "A", lambda t: t.upper(), lambda t: "x" * 9_000]
)
def test_what_is_no_key_is_unknown(file: KeyFile, spoil):
    _, token = file.create(Grant(name="a"))
    with pytest.raises(AccessDenied, match="the key is not known"):
        file.admit(spoil(token))


def test_the_secret_of_one_key_opens_no_other(file: KeyFile):
    _, first = file.create(Grant(name="a"))
    _, second = file.create(Grant(name="b", admin=True))
    mixed = "_".join((*second.split("_")[:2], first.split("_", 2)[2]))
    with pytest.raises(AccessDenied, match="the key is not known"):
        file.admit(mixed)


@given(st.text(max_size=80))
def test_no_text_is_admitted_by_chance(text: str):
    file = KeyFile(None)
    file.create(Grant(name="a"))
    with pytest.raises(AccessDenied):
        file.admit(text)


def test_a_revoked_key_ends_at_once_and_says_so_to_its_bearer_alone(file: KeyFile):
    made, token = file.create(Grant(name="a"))
    file.revoke("a")
    with pytest.raises(AccessDenied, match="'a' is revoked"):
        file.admit(token)
    with pytest.raises(AccessDenied, match="not known"):
        file.admit(f"rgs_{made.id}_{'A' * 43}")


def test_a_key_ends_at_its_time(file: KeyFile, clock: Clock):
    _, token = file.create(Grant(name="a", expires=NOON + 60))
    file.admit(token)
    clock.now += 60
    with pytest.raises(AccessDenied, match="is expired"):
        file.admit(token)


def test_a_door_that_was_shut_stays_shut(file: KeyFile):
    assert not file.exist()
    file.create(Grant(name="a"))
    file.revoke("a")
    assert file.exist()


def test_a_name_is_free_again_once_its_key_is_revoked(file: KeyFile):
    file.create(Grant(name="a"))
    with pytest.raises(UsageError, match="there is a key 'a' already"):
        file.create(Grant(name="a"))
    file.revoke("a")
    _, token = file.create(Grant(name="a"))
    assert file.admit(token).name == "a"
    assert [key.state(NOON) for key in file.all()].count("active") == 1


def test_revoking_what_is_not_there_says_what_may_have_been_meant(file: KeyFile):
    file.create(Grant(name="intranet"))
    with pytest.raises(UsageError, match="Did you mean 'intranet'"):
        file.revoke("intrnet")


def test_requests_are_counted_by_the_minute(file: KeyFile, clock: Clock):
    _, token = file.create(Grant(name="a", requests=3))
    for _ in range(3):
        file.admit(token)
        clock.now += 1
    with pytest.raises(RateLimited) as caught:
        file.admit(token)
    assert caught.value.retry_after is not None
    clock.now += caught.value.retry_after
    file.admit(token)


def test_requests_of_two_processes_count_together(file: KeyFile, tmp_path: Path, clock: Clock):
    _, token = file.create(Grant(name="a", requests=10))
    other, admitted = KeyFile(tmp_path / "keys.db", clock=clock), list[bool]()

    def ask(one: KeyFile) -> None:
        for _ in range(20):
            try:
                one.admit(token)
                admitted.append(True)
            except RateLimited:
                admitted.append(False)

    threads = [threading.Thread(target=ask, args=(one,)) for one in (file, other) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted.count(True) == 10


def test_a_clock_that_is_put_back_locks_nobody_out(file: KeyFile, clock: Clock):
    _, token = file.create(Grant(name="a", requests=1))
    file.admit(token)
    clock.now -= 3_600
    with pytest.raises(RateLimited):
        file.admit(token)
    clock.now += 62
    file.admit(token)


def test_what_a_key_may_cost_goes_to_the_ledger_by_its_name(file: KeyFile):
    made, _ = file.create(Grant(name="a", usd=5.0, period="day", tokens=1_000))
    payer = made.payer
    assert payer.key == "a"
    assert [(one.nano, one.period, one.per) for one in payer.terms.budgets] == [(5 * NANO, "day", "key")]
    assert [(one.number, one.of, one.per) for one in payer.terms.limits] == [(1_000, "tokens", "key")]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": ""}, "name of the key"),
        ({"name": "a\nb"}, "name of the key"),
        ({"name": "x" * 200}, "name of the key"),
        ({"tenant": ""}, "tenant is wrong"),
        ({"principals": ("",)}, "principal is wrong"),
        ({"principals": ("a\x00",)}, "principal is wrong"),
        ({"requests": 0}, "limit of requests"),
        ({"tokens": -1}, "limit of tokens"),
        ({"usd": float("nan")}, "budget is wrong"),
        ({"usd": -1.0}, "budget is wrong"),
        ({"period": "week"}, "period of the budget"),
    ],
)
def test_what_is_no_grant_is_said(wrong: dict, message: str):
    with pytest.raises(UsageError, match=message):
        Grant(**{"name": "a", **wrong})


def test_a_key_that_has_expired_already_is_not_made(file: KeyFile):
    with pytest.raises(UsageError, match="expired already"):
        file.create(Grant(name="a", expires=NOON))
    assert not file.all()


def test_a_damaged_file_lets_nobody_in(file: KeyFile, tmp_path: Path):
    _, token = file.create(Grant(name="a"))
    file.close()
    (tmp_path / "keys.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(StateError, match="keys cannot be kept or read"):
        file.admit(token)
    with pytest.raises(StateError):
        file.exist()


def test_a_file_of_another_version_is_left_alone(tmp_path: Path):
    with sqlite3.connect(tmp_path / "keys.db") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="another version"):
        KeyFile(tmp_path / "keys.db").all()


def test_who_only_reads_makes_no_file(tmp_path: Path):
    assert KeyFile(tmp_path / "keys.db").all() == []
    assert not (tmp_path / "keys.db").exists()
