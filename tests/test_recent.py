"""The values that were used last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ragstone.recent import Recent

KEYS = st.lists(st.integers(0, 9), max_size=6)


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), KEYS), max_size=20))
def test_it_holds_what_was_used_last_and_no_more(most: int, steps: list[tuple[bool, list[int]]]) -> None:
    kept = Recent[int, int](most)
    used: list[int] = []  # the last one used stands last
    for puts, keys in steps:
        there = [key for key in dict.fromkeys(keys) if puts or key in used]
        if puts:
            kept.put({key: key * key for key in keys})
        else:
            assert kept.get(keys) == {key: key * key for key in there}
        used = ([key for key in used if key not in there] + there)[-most:]
    assert kept.get(range(10)) == {key: key * key for key in used}


def test_what_is_put_again_replaces_the_old_value() -> None:
    kept = Recent[str, int](2)
    kept.put({"a": 1, "b": 1})
    kept.put({"a": 2})
    assert kept.get(["a", "b"]) == {"a": 2, "b": 1}
    kept.clear()
    assert kept.get(["a", "b"]) == {}


@given(st.lists(st.dictionaries(st.integers(0, 9), st.integers(0, 30), max_size=5), max_size=10))
def test_what_is_kept_together_weighs_no_more_than_it_may(puts: list[dict[int, int]]) -> None:
    kept = Recent[int, int](40, weigh=lambda key, value: key + value)
    last: dict[int, int] = {}
    for values in puts:
        kept.put(values)
        last |= values
        held = kept.get(range(10))
        assert held.items() <= last.items()
        assert sum(key + value for key, value in held.items()) <= 40
        assert not values or next(reversed(values)) in held, "the last one is there"
