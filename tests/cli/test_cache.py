"""`ragstone cache`, as an operator uses it: figures, what is kept under a key, and how to be rid of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import ragstone
from mock_upstream import Upstream
from ragstone.caches import KEY_BYTES
from ragstone.cli.caches.counting import _semantic
from ragstone.cli.caches.wanted import in_bytes, in_time
from ragstone.errors import UsageError
from ragstone.project import Project
from ragstone.protocols import Cache
from ragstone.reports import CacheReport, CacheStats, SemanticFigures
from ragstone.stored import Stored
from ragstone.sync.loop import waited
from ragstone.types import Context
from terminals import SECONDS, terminal

Run = Callable[..., Result]
SHIPS = "When does the halibut project ship?"
CONTEXT = Context()
FIGURES = {
    "calls.hit": 3,
    "calls.miss": 1,
    "calls.joined": 1_200,
    "calls.skipped.sampled": 4,
    "calls.skipped.off": 40,
    "calls.saved.nano": 12_300_000,
    "calls.saved.input_tokens": 5_000,
    "calls.saved.output_tokens": 90,
    "bypassed.slow": 2,
}
WATCHED = SemanticFigures(
    pipeline="answer",
    calibration="c",
    hits=1_200,
    watched=24,
    false=1,
    rate=1 / 24,
    low=0.01,
    high=0.17,
    bound=0.05,
    on=True,
)


@pytest.fixture
def asked(ingested: Path, upstream: Upstream, run: Run) -> Path:
    """A project whose model was asked one question."""
    assert run("ask", SHIPS).exit_code == 0
    return ingested


def with_cache(project: Path, act: Callable[[Cache], Any]) -> Any:
    """What is made of the cache that holds answers."""
    with ragstone.open(project) as rag:
        (cache,) = rag._rag._parts.caches.of_answers()  # pyright: ignore[reportPrivateUsage]
        return waited(act(cache))


def key_of(project: Path) -> str:
    (key,) = with_cache(project, lambda cache: cache.tagged("calls", "tenant:default", context=CONTEXT))
    return key.hex()


def counted(project: Path, figures: Mapping[str, int]) -> None:
    with_cache(project, lambda cache: cache.count(figures, context=CONTEXT))


def answers(shown: Result) -> dict[str, Any]:
    assert shown.exit_code == 0, shown.output
    return next(one for one in json.loads(shown.stdout)["caches"] if one["place"] == "answers.db")


# ── stats ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_figures_are_printed_in_words_and_as_json(ingested: Path, run: Run):
    counted(ingested, FIGURES)
    shown = run("cache", "stats", "--pipeline", "answer")
    assert shown.stdout.splitlines()[2:] == [
        "  calls     3 hits, 1 misses: 75.0 %, 1,200 joined another one",
        "  saved     0.0123 USD, 5,000 input tokens, 90 output tokens",
        "  not kept  40 off, 4 sampled",
        "  bypassed  2 slow",
    ]
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    told = answers(run("cache", "stats", "--json"))
    assert (told["hit_rate"], told["saved_usd"], told["figures"]) == (0.75, 0.0123, FIGURES)


def test_what_lies_there_is_counted_by_room(asked: Path, run: Run):
    rooms = answers(run("cache", "stats", "--json"))["rooms"]
    assert rooms["calls"]["entries"] == 1
    assert rooms["calls"]["bytes"] > 100
    assert re.search(r"^  calls +1 +[\d.]+ k?B$", run("cache", "stats").stdout, re.MULTILINE)


def test_a_project_that_keeps_nothing_says_how_to(ingested: Path, run: Run):
    for name in ("answer", "ingest"):
        path = ingested / "pipelines" / f"{name}.yaml"
        text = re.sub(r"^cache:.*\n", "", path.read_text(), flags=re.MULTILINE)
        path.write_text(text + ("cache: false\n" if name == "ingest" else ""))
    shown = run("cache", "stats")
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "cache: true" in shown.stderr
    refused = run("cache", "stats", "--pipeline", "answer")
    assert refused.exit_code == 2
    assert "the pipeline 'answer' keeps nothing in a cache" in refused.stderr


@pytest.mark.parametrize("verb", [("stats",), ("clear", "--yes"), ("explain", "00" * KEY_BYTES[1])])
def test_a_pipeline_whose_file_is_wrong_is_said_and_never_passed_over(asked: Path, run: Run, verb: tuple[str, ...]):
    path = asked / "pipelines" / "answer.yaml"
    path.write_text(re.sub(r"^cache:.*$", "cache: {exakt: true}", path.read_text(), flags=re.MULTILINE))
    refused = run("cache", *verb)
    assert refused.exit_code == 2
    assert "unknown key 'cache.exakt'" in refused.stderr
    assert run("cache", "stats", "--pipeline", "ingest").exit_code == 0


def test_hits_by_meaning_are_counted_before_any_is_watched(ingested: Path, run: Run):
    counted(ingested, {"semantic.hit": 2, "semantic.miss": 6})
    assert "  semantic  2 hits, 6 misses: 25.0 %" in run("cache", "stats").stdout


def test_hits_by_meaning_are_shown_with_their_bound(capsys: pytest.CaptureFixture[str]):
    off = SemanticFigures(
        pipeline="chat", calibration="c", hits=0, watched=0, false=0, rate=None, low=0, high=1, bound=0.05, on=False
    )
    _semantic([WATCHED, off])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["answer", "1,200", "24", "1", "4.2", "%", "1.0", "%", "to", "17.0", "%", "5.0", "%", "on"],
        ["chat", "0", "0", "0", "-", "-", "5.0", "%", "off"],
    ]
    assert all(len(line) <= 80 for line in lines)
    told = CacheReport(caches=(), semantic=(WATCHED,)).as_dict()["semantic"]
    assert (told[0]["hits"], told[0]["on"]) == (1_200, True)


def test_without_calls_there_is_no_rate():
    assert CacheStats(place="", pipelines=(), entries={}, size={}, figures={}).hit_rate is None


def test_sizes_and_times_read_well():
    assert [in_bytes(size) for size in (0, 999, 34_500, 5_000_000, 7 * 10**9)] == [
        "0 B", "999 B", "34.5 kB", "5.0 MB", "7.0 GB",
    ]  # fmt: skip
    assert [in_time(seconds) for seconds in (0.2, 1, 59, 61, 7_300, 86_400 * 29.9)] == [
        "0 seconds", "1 second", "59 seconds", "1 minute", "2 hours", "30 days",
    ]  # fmt: skip


# ── explain ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_entry_says_what_it_rests_on_and_its_words_only_where_they_are_wanted(asked: Path, run: Run):
    key = key_of(asked)
    shown = run("cache", "explain", key)
    assert shown.exit_code == 0, shown.output
    told = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines())
    assert told["key"] == key
    assert told["room"] == "calls, in answers.db"
    assert told["made"].endswith(" days left")  # up to a tenth less than 30
    assert told["prompt"].startswith("answer, version ")
    assert told["model"].startswith("local, fingerprint ")
    assert told["tenant"] == "default"
    assert "documents/halibut.md, characters" in shown.stdout
    assert "as it was" in shown.stdout
    assert "as planned" not in shown.stdout + run("cache", "explain", key, "--json").stdout
    assert "as planned" in run("cache", "explain", key, "--show-answer").stdout
    assert "as planned" in json.loads(run("cache", "explain", key, "--show-answer", "--json").stdout)["texts"][0]


def test_a_key_in_capitals_is_the_same(asked: Path, run: Run):
    assert run("cache", "explain", key_of(asked).upper()).exit_code == 0


def test_a_document_that_changed_or_went_is_told(asked: Path, run: Run):
    """As after an ingestion that could not reach the cache: the entry is there, and no request finds it."""
    key, cache = key_of(asked), asked / ".ragstone" / "answers.db"
    before = cache.read_bytes()
    path = asked / "documents" / "halibut.md"
    for text, expected in ((path.read_text().replace("3 May", "9 June"), "changed"), ("", "gone")):
        path.write_text(text) if text else path.unlink()
        (asked / "documents" / "other.md").write_text("# Other\n\nWords.")
        assert run("ingest").exit_code == 0
        missing = run("cache", "explain", key)
        assert missing.exit_code == 2
        assert "nothing is kept under this key" in missing.stderr
        for end in ("-wal", "-shm"):
            Path(f"{cache}{end}").unlink(missing_ok=True)
        cache.write_bytes(before)
        (rest,) = json.loads(run("cache", "explain", key, "--json").stdout)["rests"]
        assert rest["state"] == expected


def test_another_room_or_format_says_what_it_can(ingested: Path, run: Run):
    for room, value, size in (("vectors", b"\0\1\2\3", 16), ("calls", b'{"format": 9, "rests": [["a"]]}', 24)):
        key = bytes(range(size))
        with_cache(ingested, lambda cache, r=room, k=key, v=value: cache.put(r, {k: Stored(value=v)}, context=CONTEXT))
        told = json.loads(run("cache", "explain", key.hex(), "--json").stdout)
        assert (told["room"], told["size"], told["left"]) == (room, len(value), None)
        assert (told["prompt"], told["tenant"], told["rests"]) == (None, None, None)
        assert "while there is room" in run("cache", "explain", key.hex()).stdout


@pytest.mark.parametrize("given", ["", "abc", "zz" * 24, "ab" * 23, "ab" * 25])
def test_what_is_no_whole_key_is_refused(ingested: Path, run: Run, given: str):
    refused = run("cache", "explain", given)
    assert refused.exit_code == 2
    assert "this is no key: expected all 48 hex digits" in refused.stderr


# ── clear ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_everything_is_removed_and_counted(asked: Path, run: Run):
    assert run("cache", "clear").stdout.startswith("Removed ")
    assert answers(run("cache", "stats", "--json"))["rooms"] == {}
    assert run("cache", "clear").stdout == "There was nothing to remove.\n"


def test_a_room_or_a_tenant_goes_alone(asked: Path, run: Run):
    entry = Stored(value=b"x", tags=("tenant:other",))
    with_cache(asked, lambda cache: cache.put("calls", {b"k": entry}, context=CONTEXT))
    with_cache(asked, lambda cache: cache.put("questions", {b"q": Stored(value=b"x")}, context=CONTEXT))
    assert run("cache", "clear", "--tenant", "other").stdout == "Removed 1 entry (1 in calls).\n"
    assert run("cache", "clear", "--room", "questions", "--json").stdout.split() == [
        "{", '"removed":', "1,", '"rooms":', "{", '"questions":', "1", "}", "}",
    ]  # fmt: skip
    assert (
        run("cache", "clear", "--room", "questions", "--tenant", "default").stdout == "There was nothing to remove.\n"
    )
    assert answers(run("cache", "stats", "--json"))["rooms"]["calls"]["entries"] == 1


def test_an_unknown_room_is_refused(ingested: Path, run: Run):
    refused = run("cache", "clear", "--room", "call")
    assert refused.exit_code == 2
    assert "there is no room 'call'" in refused.stderr
    assert "Did you mean 'calls'?" in refused.stderr


@pytest.mark.slow
def test_at_a_terminal_it_asks_before_it_removes(asked: Path, run: Run):
    for line, left in (("n", 1), ("y", 0)):
        with terminal("cache", "clear", "--room", "calls") as opened:
            opened.until("Remove them?")
            opened.type(line)
            assert opened.process.wait(SECONDS) == (1 if left else 0)
        rooms = answers(run("cache", "stats", "--json"))["rooms"]
        assert rooms.get("calls", {"entries": 0})["entries"] == left


# ── From a program, and in the files ────────────────────────────────────────────────────────────────────────────────


async def test_a_program_has_the_same(asked: Path):
    async with ragstone.aopen(asked) as rag:
        cache = rag.cache(pipeline="answer")
        (stats,) = (await cache.stats()).caches
        assert stats.entries["calls"] == 1
        assert (await cache.count(["calls"])) == {"calls": 1}
        assert await cache.clear(["calls"]) == 1
        with pytest.raises(UsageError, match="nothing is kept under this key"):
            await cache.explain("00" * KEY_BYTES[1])
        with pytest.raises(UsageError, match="keeps nothing in a cache"):
            await rag.cache(pipeline="answr").stats()


def test_parts_given_by_hand_have_no_cache():
    with ragstone.Rag() as rag:
        assert rag.cache().stats().caches == ()
        assert rag.cache().clear() == 0


@pytest.mark.parametrize(
    ("store", "said"), [("nowhere", "there is no connector 'nowhere'"), ("chroma", "'chroma' is of kind store")]
)
def test_a_store_that_is_no_cache_is_a_fault_with_its_place(project: Path, store: str, said: str):
    path = project / "pipelines" / "answer.yaml"
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines, 1) if line.startswith("cache:"))
    path.write_text("\n".join(lines).replace("store: redis", f"store: {store}"))
    (fault,) = Project(project).faults()
    assert str(fault).startswith(f"{path}:{at}:")
    assert said in str(fault)
