"""What one request may take, and what is said where it would take more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ragstone
from cached_project import QUESTION, CachedProject
from ragstone.config import parse_yaml, validate
from ragstone.errors import ConfigError, OutOfCalls, ToolFailed, UsageError
from ragstone.inference.router import Router
from ragstone.pipelines.limits import Limits
from ragstone.pipelines.runner import PromptRunner
from ragstone.pipelines.spec import AnswerSpec
from ragstone.pipelines.tools import Tools
from ragstone.prompts.file import load
from ragstone.protocols import Observation, Tool
from ragstone.testing import ScriptedModel
from ragstone.types import Context, Message, Prompt
from ragstone.usage import Bounds, Purse


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CachedProject:
    return CachedProject(tmp_path, monkeypatch)


@pytest.fixture
async def limited(project: CachedProject) -> AsyncGenerator[Callable[[str], Any]]:
    """Opens the project with these limits, ingested."""
    opened: list[ragstone.AsyncRag] = []

    async def with_limits(said: str) -> ragstone.AsyncRag:
        project.write(
            "pipelines/answer.yaml", f"index: ingest\nprompt: answer\nroute: {{models: [one]}}\nlimits: {said}\n"
        )
        rag = project.opened()
        opened.append(rag)
        await rag.ingest()
        return rag

    yield with_limits
    for rag in opened:
        await rag.close()


# ── What is given ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_question_that_is_too_long_is_refused_before_anything_is_done(
    limited: Any, project: CachedProject
) -> None:
    rag = await limited("{question: 20}")
    for ask in (rag.ask, rag.search, rag.explain):
        with pytest.raises(UsageError, match=r"too long.*at most 20 characters, found 35.*raise `question`"):
            await ask(QUESTION)
    assert project.asked == []
    assert (await rag.ask("Ship?")).text


async def test_tokens_are_counted_as_the_model_counts_them(limited: Any, project: CachedProject) -> None:
    rag = await limited("{question_tokens: 5}")
    with pytest.raises(UsageError, match=r"prompt 'answer': the question is too long.*at most 5 tokens.*`question_tok"):
        await rag.ask(QUESTION)
    assert project.asked == []


async def test_other_inputs_count_together(limited: Any, project: CachedProject) -> None:
    rag = await limited("{inputs: 10}")
    with pytest.raises(UsageError, match=r"inputs are too long.*at most 10 characters together, found 11"):
        await rag.ask(QUESTION, tone="dry as", others=["bone", "!"])
    assert project.asked == []


async def test_a_prompt_is_refused_that_is_too_long_as_a_whole(limited: Any, project: CachedProject) -> None:
    rag = await limited("{prompt: 30}")
    with pytest.raises(UsageError, match=r"prompt 'answer': the prompt is .*too long.*raise `prompt` under `limits`"):
        await rag.ask(QUESTION)
    assert project.asked == []


async def test_a_prompt_with_a_budget_is_made_to_fit_and_else_told_which_limit_it_is(
    limited: Any, project: CachedProject
) -> None:
    path = project.folder / "prompts/answer.prompty"
    path.write_text(path.read_text().replace("  ragstone:\n", "  ragstone:\n    budget: {total: 9000}\n", 1))
    project.write("documents/long.md", "# Halibut\n\n" + "The halibut project ships when it is ready. " * 20)
    whole = await (await limited("{}")).ask(QUESTION)
    assert whole.prompt.shed == ()
    most = whole.prompt.tokens - 20
    fitted = await (await limited(f"{{prompt: {most}}}")).ask(QUESTION)
    assert fitted.prompt.tokens <= most
    assert [unit.kind for unit in fitted.prompt.shed] == ["passages"]
    assert any(notice.startswith("Left out") for notice in fitted.notices)
    with pytest.raises(UsageError, match="raise `prompt` under `limits`"):
        await (await limited("{prompt: 40}")).ask(QUESTION)


def turns(*lengths: int) -> list[Message]:
    return [Message("user" if place % 2 == 0 else "assistant", "x" * each) for place, each in enumerate(lengths)]


def test_of_a_long_conversation_the_last_turns_are_read_and_it_is_said() -> None:
    said = turns(5, 5, 5, 5, 5, 5)
    assert Limits(history=30).recent(said) == (said, ())
    kept, notices = Limits(history=19).recent(said)
    assert kept == said[4:]
    assert notices == (
        "Left out, since the conversation is longer than `limits` allow (19 characters): 4 earlier turns.",
    )
    assert Limits(history=0).recent(said)[0] == []
    assert Limits(history=0).recent([]) == ([], ())


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(0, 60))
def test_what_is_kept_of_a_conversation_fits_and_is_as_much_as_does(lengths: list[int], most: int) -> None:
    said = turns(*lengths)
    kept, notices = Limits(history=most).recent(said)
    assert sum(len(one.content) for one in kept) <= most
    assert list(kept) == said[len(said) - len(kept) :]
    assert not kept or kept[0].role == "user"
    assert bool(notices) == (len(kept) < len(said))
    more = said[max(0, len(said) - len(kept) - 2) :]
    assert len(kept) == len(said) or sum(len(one.content) for one in more) > most or len(more) % 2


# ── What comes back ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_longest_answer_is_sent_with_each_call(limited: Any, project: CachedProject) -> None:
    rag = await limited("{output: 50}")
    await rag.ask(QUESTION)
    assert [prompt.options.max_tokens for _, prompt in project.asked] == [50]


async def test_an_answer_that_does_not_end_is_cut_off_and_says_so(limited: Any, project: CachedProject) -> None:
    project.say = lambda *_: "It ships on 3 May 2031 [1]. " + "And so on. " * 1_000
    rag = await limited("{answer: 500}")
    stream = rag.stream(QUESTION)
    said = "".join([delta.text async for delta in stream])
    assert len(said) <= 500
    assert said.startswith("It ships on 3 May 2031")
    assert stream.answer.completion.finish_reason == "length"
    assert any("cut off at 500 characters (`answer` under `limits`" in one for one in stream.answer.notices)
    assert (await rag.ask(QUESTION)).text == stream.answer.text


# ── What is done on the way ──────────────────────────────────────────────────────────────────────────────────────────


async def test_calls_of_models_are_counted_over_the_whole_request() -> None:
    router, purse = Router({"one": ScriptedModel(lambda _: "Yes.")}), Purse()
    context = Context(bounds=Bounds(calls=3), purse=purse)
    prompt = Prompt(name="p", version="1", messages=(Message("user", "Well?"),))
    await router.generate(prompt, context=context)
    await router.sample(prompt, n=2, context=context)
    assert purse.calls == 3
    for ask in (router.generate, lambda *a, **k: anext(router.stream(*a, **k))):
        with pytest.raises(OutOfCalls, match=r"all of its 3 calls of models. Raise `calls` under `limits`"):
            await ask(prompt, context=context)
    assert purse.calls == 3


async def test_a_layer_takes_no_more_calls_than_the_request_has_left(limited: Any, project: CachedProject) -> None:
    path = project.folder / "prompts/answer.prompty"
    said = path.read_text().replace("temperature: 0,", "temperature: 0.7,")
    path.write_text(
        said.replace("  ragstone:\n", "  ragstone:\n    layers: {cot: {on: true}, self_consistency: {n: 9}}\n", 1)
    )
    rag = await limited("{calls: 4}")
    answer = await rag.ask(QUESTION)
    assert 0 < len(project.asked) <= 4
    assert answer.completion.calls <= 4


class Echo(Tool):
    description = "Says it again."

    async def use(self, given: str, *, context: Context) -> Observation:
        return Observation(text=given)


async def test_uses_of_tools_are_counted_and_the_model_is_told() -> None:
    tools = Tools({"echo": Echo()})
    context = Context(bounds=Bounds(tools=2))
    for said in ("one", "two"):
        assert (await tools.use("echo", said, context=context)).text == said
    with pytest.raises(ToolFailed, match="all 2 uses of tools are taken"):
        await tools.use("echo", "three", context=context)


async def test_prompts_that_ask_one_another_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "again.prompty").write_text("---\nname: again\n---\nuser:\nAgain.\n")
    asked: list[int] = []

    class Again(ScriptedModel):
        async def generate(self, prompt: Prompt, *, context: Context) -> Any:
            asked.append(context.depth)
            return await runner.run("again", {}, context=context)

        async def stream(self, prompt: Prompt, *, context: Context) -> Any:
            asked.append(context.depth)
            await runner.run("again", {}, context=context)
            yield None

    runner = PromptRunner(Router({"one": Again([])}), lambda name: load(tmp_path / f"{name}.prompty"), models=("one",))
    with pytest.raises(OutOfCalls, match=r"ask one another more than 4 deep.*Raise `depth` under `limits`"):
        await runner.run("again", {}, context=Context(bounds=Bounds(depth=4)))
    assert asked == [1, 2, 3, 4]


# ── What a file may say ──────────────────────────────────────────────────────────────────────────────────────────────


def spec(tmp_path: Path, said: str) -> AnswerSpec:
    return validate(AnswerSpec, parse_yaml(f"route: {{models: [one]}}\nlimits: {said}\n", tmp_path / "answer.yaml"))


def test_every_default_is_finite(tmp_path: Path) -> None:
    limits = spec(tmp_path, "{}").limits
    assert limits == Limits()
    unset = {name for name, value in limits.model_dump().items() if value is None}
    assert unset == {"output"}, "that is for the prompt file to say; `answer` bounds it in any case"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{seconds: 5}", "`timeout` under `route`"),
        ("{cost: 5}", r"`budget: \{request: …\}` under `route`"),
        ("{requests: 5}", "`limits` under `route`"),
        ("{question: 0}", "greater than or equal to 1"),
        ("{questoin: 5}", "questoin"),
    ],
)
def test_a_key_that_is_none_is_refused_with_its_place_and_where_it_belongs(
    tmp_path: Path, said: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        spec(tmp_path, said)
    assert "answer.yaml:2:" in str(raised.value)
