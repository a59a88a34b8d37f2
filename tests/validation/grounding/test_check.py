"""What the check `grounding` finds in an answer, and what it lets pass."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragstone.errors import ConfigError
from ragstone.testing import HashingEmbedder, OverlapReranker
from ragstone.types import Answer, Chunk, Completion, Context, Hit, Message, Prompt, Verdict
from ragstone.validation.grounding.check import GroundingCheck
from ragstone.validation.policy import Guard, Policy
from ragstone.validation.screening import Screened, Screening
from ragstone.verdicts import Subject

PLAN = (
    "The halibut project ships on 3 May 2031. Its lead is Ana Ruiz, who moved to Lisbon in 2029. It costs 1,200 euros "
    "a month, which is 18 % more than before. The “first rule”\nof the plan is to test early."
)
CHUNKS = "Larger chunks answer broad questions, and smaller ones cite better. A chunk holds 200 tokens by default."
CHINESE = "大比目鱼项目于2031年5月3日发布。负责人是安娜。每月费用为一千二百欧元。"


def hit(text: str, number: int = 1, *, lang: str = "en", title: str = "Plan") -> Hit:
    name = f"d{number}"
    chunk = Chunk(
        id=name,
        document_id=name,
        uri=f"{name}.md",
        title=title,
        text=text,
        start=0,
        end=len(text),
        line=1,
        metadata={"lang": lang},
    )
    return Hit(chunk, number, {})


HITS = (hit(PLAN, 1), hit(CHUNKS, 2))


async def checked(
    text: str, *, check: GroundingCheck | None = None, hits: Sequence[Hit] = HITS, step: int = 0, **facts: Any
) -> Screened:
    """The answer past the check, all at once or in pieces of so many characters."""
    policy = Policy(on_fail=facts.pop("on_fail", "flag"))
    guard = Guard(name="grounding", check=check or GroundingCheck(), policy=policy)
    screening = Screening([guard], Subject(text="", stage="output", hits=hits, **facts), context=Context())
    for at in range(0, len(text), step or len(text) or 1):
        await screening.feed(text[at : at + (step or len(text))])
    return await screening.finish()


async def labels(text: str, **facts: Any) -> list[str]:
    (verdict,) = (await checked(text, **facts)).verdicts
    return [flaw.label for flaw in verdict.flaws]


async def reason(text: str, **facts: Any) -> str:
    (verdict,) = (await checked(text, **facts)).verdicts
    return verdict.reason


# ── What passes ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "The halibut project ships on 3 May 2031 [1].",
        "The halibut project ships on May 3, 2031 [1].",
        "The project ships on 2031-05-03 [1].",
        "It costs twelve hundred euros a month [1].",
        "It costs 1.200 euros a month [1].",
        "The project costs 18 percent more than before [1].",
        "A chunk holds two hundred tokens by default [2].",
        "By default, 200 tokens are what a chunk holds.",  # it cites nothing, and is compared with all
        "Ana Ruiz moved to Lisbon [1]. Smaller chunks cite better [2].",
        'The "first rule" of the plan is to test early [1].',
        "Larger chunks answer broad questions [1, 2].",
        "- The lead of the halibut project is Ana Ruiz [1]\n- A chunk holds 200 tokens [2]\n",
        "The plan costs 1,200 euros a month [1].",  # its title says that it is one
    ],
)
async def test_what_the_cited_passages_say_passes(text: str):
    assert await labels(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "# The moons of Jupiter\n",
        "Here is what I found in the passages:\n",
        "Do you want to know how many moons Jupiter has?",
        "These are the moons of Jupiter:",
        "Sure! Let me know if the moons of Jupiter interest you.",
        "```python\nmoons = 95  # of Jupiter\n```\n",
        "Yes.",
        "",
    ],
)
async def test_what_claims_nothing_passes_and_does_not_count(text: str):
    (verdict,) = (await checked(text)).verdicts
    assert (verdict.passed, verdict.score) == (True, None)


async def test_the_words_for_no_answer_claim_nothing():
    prompt = Prompt(name="p", version="1", messages=(Message("user", "?"),), abstain="The moons hold no answer.")
    assert await labels("The moons hold no answer. A chunk holds 200 tokens [2].", prompt=prompt) == []
    assert await labels("The moons hold no cheese. A chunk holds 200 tokens [2].", prompt=prompt) == ["unsupported"]


async def test_without_passages_nothing_is_judged():
    (verdict,) = (await checked("Jupiter has 95 moons.", hits=())).verdicts
    assert (verdict.passed, verdict.score) == (True, None)


# ── What fails ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "label", "said"),
    [
        ("The halibut project ships on 3 May 2031 [7].", "marker", "[7] points nowhere: there are 2 passages"),
        ("The halibut project ships on 4 May 2031 [1].", "number", "no passage holds “2031-05-04”"),
        ("The halibut project ships in 2032 [1].", "number", "no passage holds “2032”"),
        ("It costs 1,300 euros a month [1].", "number", "no passage holds “1,300 euros”"),
        ("It costs thirteen hundred euros a month [1].", "number", "no passage holds “thirteen hundred”"),
        ("It costs 1,200 dollars a month [1].", "number", "no passage holds “1,200 dollars”"),
        ("It costs 1.2 million euros a month [1].", "number", "no passage holds “1.2 million”"),
        ("A chunk holds 200 % of the tokens by default [2].", "number", "no passage holds “200 %”"),
        ("The lead of the halibut project is Bob Stone [1].", "name", "no passage names “Bob”, “Stone”"),
        ('The "second rule" of the plan is to test early [1].', "quote", "no passage says “second rule”"),
        (
            "The halibut project does not ship on 3 May 2031 [1].",
            "unsupported",
            "no cited passage denies what it denies",
        ),
        ("Rain falls mostly in winter there [1].", "unsupported", "no cited passage supports this sentence"),
        ("Rain falls mostly in winter there.", "unsupported", "no passage supports this sentence"),
    ],
)
async def test_each_fault_has_its_label_and_its_reason(text: str, label: str, said: str):
    assert label in await labels(text)
    assert said in await reason(text)


async def test_a_sentence_is_held_to_the_passages_that_it_cites():
    assert await labels("A chunk holds 200 tokens by default [2].") == []
    assert "number" in await labels("A chunk holds 200 tokens by default [1].")


async def test_a_flaw_is_the_sentence_with_its_marker_and_a_wrong_marker_is_only_itself():
    text = "A chunk holds 200 tokens [2]. A chunk holds 300 tokens [2]. It costs 1,200 euros [9]."
    (verdict,) = (await checked(text)).verdicts
    found = [(flaw.label, text[flaw.start : flaw.end]) for flaw in verdict.flaws]
    assert found == [("number", "A chunk holds 300 tokens [2]. "), ("marker", "[9]")]


async def test_a_list_item_is_taken_out_with_its_line():
    text = "- A chunk holds 200 tokens [2]\n- A chunk holds 300 tokens [2]\n- Smaller chunks cite better [2]\n"
    found = await checked(text, on_fail="filter")
    assert found.text == "- A chunk holds 200 tokens [2]\n- Smaller chunks cite better [2]\n"


async def test_what_is_not_supported_is_taken_out_or_the_answer_refused():
    text = "A chunk holds 200 tokens [2]. Its lead is Bob Stone [1]. It costs 1,200 euros [9]."
    assert (await checked(text, on_fail="filter")).text == "A chunk holds 200 tokens [2]. It costs 1,200 euros ."
    assert (await checked(text, on_fail="refrain")).refrained


# ── Languages ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("大比目鱼项目于2031年5月3日发布 [1]。", []),
        ("每月费用为1200欧元 [1]。", []),
        ("大比目鱼项目于2031年5月4日发布 [1]。", ["number"]),
        ("每月费用为1300欧元 [1]。", ["number"]),
        ("大比目鱼项目没有发布 [1]。", ["unsupported"]),
        ("NASA于2031年5月3日发布大比目鱼项目 [1]。", ["name"]),
        ("木星有很多卫星环绕 [1]。", ["unsupported"]),
    ],
)
async def test_chinese_is_read_by_its_characters(text: str, found: list[str]):
    assert await labels(text, hits=[hit(CHINESE, lang="zh", title="")]) == found


async def test_in_another_language_than_the_passages_numbers_count_and_words_do_not():
    german = "Das Heilbuttprojekt wird im Mai ausgeliefert, und zwar am 3. Mai des Jahres 2031, so der Plan [1]."
    assert await labels(german) == []
    assert await labels(german.replace("2031", "2044")) == ["number"]
    assert await labels("大比目鱼项目于2031年5月3日发布 [1]。") == []
    assert await labels("大比目鱼项目于2044年5月3日发布 [1]。") == ["number"]


# ── Vectors and models ──────────────────────────────────────────────────────────────────────────────────────────────


class Counting(HashingEmbedder):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(window=64)
        self.seen: list[str] = []

    async def embed_once(self, texts: Sequence[str], *, context: Context):
        self.seen += texts
        return await super().embed_once(texts, context=context)


async def test_vectors_are_asked_for_only_where_words_leave_it_open():
    embedder = Counting()
    await checked("A chunk holds 200 tokens by default [2].", check=GroundingCheck(embedder))
    assert embedder.seen == []
    await checked("Tiny chunk pieces give good tokens [2].", check=GroundingCheck(embedder))
    assert len(embedder.seen) == len(set(embedder.seen)) > 1


async def test_a_sentence_that_is_longer_than_the_window_is_compared_by_its_beginning():
    long = f"A chunk holds {'many ' * 100}tokens."
    assert await labels("Tiny chunk pieces give good tokens [1].", check=GroundingCheck(Counting()), hits=[hit(long)])


async def test_a_model_of_entailment_reads_the_passage_first():
    reader = OverlapReranker()
    check = GroundingCheck(nli=reader, entails=0.1)
    assert check.cost == "model"
    assert await labels("Tiny chunk pieces give good tokens [2].", check=check) == []
    assert reader.calls == [(f"Plan\n{CHUNKS}", ("Tiny chunk pieces give good tokens.",))]
    strict = GroundingCheck(nli=reader, entails=2.0)
    assert await labels("Tiny chunk pieces give good tokens [2].", check=strict) == ["unsupported"]


def test_a_threshold_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="threshold is out of range"):
        GroundingCheck(threshold=1.0)


def test_cost_follows_what_is_asked():
    assert (GroundingCheck().cost, GroundingCheck(HashingEmbedder()).cost) == ("rules", "vectors")


# ── Confidence ──────────────────────────────────────────────────────────────────────────────────────────────────────

MIXED = "A chunk holds 300 tokens [2]. A chunk holds 200 tokens [2]. Smaller chunks cite better [2]. It is in Rome [1]."


def answer(*verdicts: Verdict, **facts: Any) -> Answer:
    return Answer(
        text="",
        abstained=False,
        citations=(),
        hits=(),
        prompt=Prompt(name="p", version="1", messages=()),
        completion=Completion(text="", model="m", **facts),
        trace_id="t",
        verdicts=verdicts,
    )


async def test_the_share_of_supported_sentences_is_the_confidence_of_an_answer():
    (verdict,) = (await checked(MIXED)).verdicts
    assert verdict.score == 0.5
    found = answer(verdict)
    assert (found.confidence, found.as_dict()["confidence"]) == (0.5, 0.5)


async def test_a_vote_outweighs_it_and_without_either_there_is_none():
    (verdict,) = (await checked(MIXED)).verdicts
    assert answer(verdict, confidence=0.8).confidence == 0.8
    assert answer().confidence is None
    assert answer(Verdict(check="length", passed=False, score=0.3)).confidence is None


async def test_a_sentence_that_was_taken_out_counts_no_more():
    (verdict,) = (await checked(MIXED, on_fail="filter")).verdicts
    assert (verdict.passed, verdict.score) == (False, 0.0)


async def test_two_answers_are_judged_apart():
    check = GroundingCheck()
    first, second = await asyncio.gather(checked(MIXED, check=check), checked("It is in Rome [1].", check=check))
    assert (first.verdicts[0].score, second.verdicts[0].score) == (0.5, 1.0)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "A chunk holds 200 tokens [2]. ",
                "Its lead is Bob Stone [1].\n\n",
                "- It costs 1,200 euros [1]\n",
                "Why? ",
                "[9] ",
            ]
        ),
        max_size=6,
    ),
    st.integers(1, 40),
)
async def test_a_stream_comes_to_the_same_as_the_whole(pieces: list[str], step: int):
    text = "".join(pieces)
    whole, stream = await checked(text), await checked(text, step=step)
    assert (whole.text, whole.verdicts) == (stream.text, stream.verdicts)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
async def test_any_text_is_judged_without_an_error_and_its_flaws_lie_inside(text: str):
    (verdict,) = (await checked(text)).verdicts
    assert "could not be checked" not in verdict.reason
    assert all(0 <= flaw.start < flaw.end <= len(text) for flaw in verdict.flaws)
    assert verdict.score is None or 0 <= verdict.score <= 1
