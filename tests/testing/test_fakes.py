"""The fakes are deterministic, and behave like what they stand for."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone.errors import EmbedderError, ModelTimeout, ModelUnavailable, UsageError
from ragstone.protocols import Capabilities
from ragstone.testing import (
    Hang,
    HashingEmbedder,
    MemoryLexicalIndex,
    MemorySource,
    OverlapReranker,
    ScriptedCheck,
    ScriptedModel,
)
from ragstone.testing.suites.model import prompt
from ragstone.testing.suites.samples import chunk
from ragstone.types import Completion, Context, Entry
from ragstone.usage import Usage
from ragstone.verdicts import PASSED, Finding, Subject

CONTEXT = Context()


# ── HashingEmbedder ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_vectors_are_the_same_on_every_machine() -> None:
    (row,) = await HashingEmbedder(dimensions=8).embed(["A cat sat."], context=CONTEXT)
    assert row == pytest.approx([0.8907, -0.1028, -0.3426, 0.2398, -0.1028, 0.1028, 0.0, 0.0], abs=1e-4)


async def test_texts_are_nearer_the_more_words_they_share() -> None:
    rows = await HashingEmbedder().embed(
        ["the cat sat on the mat", "the cat lay on the mat", "the cats", "profits rose sharply"], context=CONTEXT
    )
    near, part, far = (float(rows[0] @ row) for row in rows[1:])
    assert near > part > far


@given(st.text())
def test_tokens_cover_the_text_without_its_spaces(text: str) -> None:
    ids, ranges = HashingEmbedder().tokens(text)
    assert len(ids) == len(ranges)
    kept = "".join(text[start:end] for start, end in ranges)
    assert kept == "".join(text.split())


@pytest.mark.parametrize(("words", "fits"), [(254, True), (255, False)])
async def test_two_special_tokens_count(words: int, fits: bool) -> None:
    text = "word " * words
    if fits:
        assert len(await HashingEmbedder().embed([text], context=CONTEXT)) == 1
    else:
        with pytest.raises(EmbedderError, match="254 tokens at most, found 255"):
            await HashingEmbedder().embed([text], context=CONTEXT)


def test_the_fingerprint_tells_settings_apart() -> None:
    settings = [{}, {"dimensions": 8}, {"window": 8}]
    assert len({HashingEmbedder(**given).fingerprint for given in settings}) == len(settings)


# ── ScriptedModel ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_lines_come_in_order_and_prompts_are_kept() -> None:
    model = ScriptedModel(["one", "two"])
    asked = [prompt("first?"), prompt("second?")]
    assert [(await model.generate(one, context=CONTEXT)).text for one in asked] == ["one", "two"]
    assert model.prompts == asked
    with pytest.raises(AssertionError, match="no line left"):
        await model.generate(asked[0], context=CONTEXT)


async def test_a_line_that_is_an_error_is_raised() -> None:
    model = ScriptedModel([ModelUnavailable("overloaded"), "then it answers"])
    with pytest.raises(ModelUnavailable, match="overloaded"):
        await model.generate(prompt(), context=CONTEXT)
    assert (await model.generate(prompt(), context=CONTEXT)).text == "then it answers"


async def test_a_function_answers_each_prompt() -> None:
    model = ScriptedModel(lambda given: given.messages[-1].content.upper())
    assert (await model.generate(prompt("where?", "here"), context=CONTEXT)).text == "[1] HERE\n\nQUESTION: WHERE?"


async def test_it_streams_word_by_word() -> None:
    deltas = [delta async for delta in ScriptedModel(["  one two\n three "]).stream(prompt(), context=CONTEXT)]
    assert [delta.text for delta in deltas] == ["  ", "one ", "two\n ", "three ", ""]


async def test_the_words_for_no_answer_are_an_abstention() -> None:
    model = ScriptedModel(["The documents do not say. ", "They say so."])
    answers = [await model.generate(prompt(), context=CONTEXT) for _ in range(2)]
    assert [answer.abstained for answer in answers] == [True, False]


async def test_a_call_past_its_deadline_is_kept_and_refused() -> None:
    model = ScriptedModel(["late"])
    with pytest.raises(ModelTimeout):
        await model.generate(prompt(), context=CONTEXT.within(0))
    assert len(model.prompts) == 1
    assert (await model.generate(prompt(), context=CONTEXT)).text == "late"


async def test_a_line_may_be_a_whole_completion() -> None:
    line = Completion(text="42 ", model="big", reasoning="six times seven", logprob=-0.5)
    model = ScriptedModel([line, line, replace(line, usage=Usage(input_tokens=7, output_tokens=1))])
    plain = await model.generate(prompt(), context=CONTEXT)
    asked = await model.generate(replace(prompt(), logprobs=True), context=CONTEXT)
    assert (plain.text, plain.model, plain.reasoning) == ("42 ", "big", "six times seven")
    assert (plain.logprob, asked.logprob) == (None, -0.5)
    assert plain.usage.output_tokens == 4
    assert (await model.generate(prompt(), context=CONTEXT)).usage == Usage(input_tokens=7, output_tokens=1)


async def test_samples_are_the_next_lines_and_share_the_input_where_it_gives_several_at_once() -> None:
    able = Capabilities(samples=True, logprobs=True)
    assert ScriptedModel([], capabilities=able).capabilities == able
    assert not ScriptedModel([]).capabilities.samples
    for capabilities in (able, None):
        model = ScriptedModel(["one", "two", "three", "four"], capabilities=capabilities)
        found = await model.sample(prompt(), n=3, context=CONTEXT)
        assert [one.text for one in found] == ["one", "two", "three"]
        single = (await model.generate(prompt(), context=CONTEXT)).usage.input_tokens
        assert sum(one.usage.input_tokens for one in found) == (single if capabilities else 3 * single)
    with pytest.raises(ModelUnavailable):
        await ScriptedModel(["one", ModelUnavailable("no")], capabilities=able).sample(prompt(), n=2, context=CONTEXT)
    with pytest.raises(UsageError):
        await ScriptedModel([], capabilities=able).sample(prompt(), n=0, context=CONTEXT)


# ── ScriptedCheck ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_check_finds_what_its_script_says_and_remembers_what_it_was_asked() -> None:
    given = Finding(passed=False, reason="odd", score=0.5)
    check = ScriptedCheck([True, "late", given, False, ValueError("no")])
    subjects = [Subject(text=text, stage="output") for text in "abcdef"]
    found = [await check.begin(one).check(one, context=CONTEXT) for one in subjects[:4]]
    late, failed = (Finding(passed=False, reason=reason) for reason in ("late", "it was to fail"))
    assert found == [PASSED, late, given, failed]
    with pytest.raises(ValueError, match="no"):
        await check.check(subjects[4], context=CONTEXT)
    with pytest.raises(AssertionError, match="more often than its script says"):
        await check.check(subjects[5], context=CONTEXT)
    assert (check.asked, check.begun) == (subjects, 4)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await ScriptedCheck([Hang()]).check(subjects[0], context=CONTEXT)


# ── OverlapReranker ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_share_of_the_words_counts_and_then_the_length() -> None:
    reranker = OverlapReranker()
    texts = ["A cat sat.", "A dog sat.", "a CAT " * 50, "", "cats"]
    assert await reranker.scores("a cat", texts, context=CONTEXT) == [0.9997, 0.4997, 0.995, 0.0, -0.0001]
    assert await reranker.scores("?!", ["A cat"], context=CONTEXT) == [-0.0002]
    assert reranker.calls == [("a cat", tuple(texts)), ("?!", ("A cat",))]


# ── MemorySource and MemoryLexicalIndex ─────────────────────────────────────────────────────────────────────────────


async def test_the_version_changes_with_the_content_alone() -> None:
    files = {"a.md": "one", "b.md": b"two"}
    source = MemorySource(files, name="notes")
    before = [item async for item in source.items(context=CONTEXT)]
    files["a.md"] = "three"
    after = [item async for item in source.items(context=CONTEXT)]
    assert [(item.uri, item.read(), item.size) for item in after] == [("a.md", b"three", 5), ("b.md", b"two", 3)]
    assert [old.version == new.version for old, new in zip(before, after, strict=True)] == [False, True]
    assert source.name == "notes"


async def test_a_source_with_rules_is_protected() -> None:
    files = {"a.md": "one", "b.md": "two"}
    assert not MemorySource(files).protected
    assert not MemorySource(files, acl={"a.md": ("public",)}).protected
    source = MemorySource(files, acl={"a.md": ("ana",), "b.md": ()})
    assert source.protected
    assert [item.acl async for item in source.items(context=CONTEXT)] == [("ana",), ()]


async def test_bm25_is_computed_as_lucene_does() -> None:
    index = MemoryLexicalIndex()
    lengths = {"a": "apple apple pear", "b": "apple", "c": "fig fig fig fig"}
    await index.upsert([Entry(chunk(name), terms.split()) for name, terms in lengths.items()], context=CONTEXT)
    scored = await index.search(["apple"], k=9, context=CONTEXT)
    weight, mean = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5)), 8 / 3
    expected = {
        "a": weight * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / mean)),
        "b": weight * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 1 / mean)),
    }
    assert {one.id: one.score for one in scored} == pytest.approx(expected)


# ── Without pytest ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_fakes_work_where_pytest_is_not_installed() -> None:
    code = "import sys; sys.modules['pytest'] = None; import ragstone.testing; print('fine')"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "fine\n"
