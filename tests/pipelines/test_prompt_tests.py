"""Prompt tests, run with models whose words are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone.errors import ModelDenied, ModelUnavailable, NotConfigured, UsageError
from ragstone.inference.choosing import Route
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.prompts.file import load
from ragstone.prompts.testing.report import CaseReport
from ragstone.protocols import Capabilities
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore, ScriptedModel
from ragstone.types import Prompt

SHIPPED = Path(__file__).parents[2] / "prompts"
FRONT = """---
model: {{options: {options}}}
inputs: [{{name: question, kind: string, required: true}}]
{more}metadata: {{ragstone: {{tests: t.yaml, abstain: Not there., passages: {{mark: delimit}}}}}}
---
system:
Answer, or say: Not there.

user:
{passages}{{{{ question }}}}
"""


class Quoting(ScriptedModel):
    """A model that only quotes."""

    capabilities = Capabilities(generative=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "judge.prompty").write_text((SHIPPED / "judge.prompty").read_text().replace("    tests:", "    #"))
    return tmp_path


def case(*expect: Any, sent: Any = (), name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "inputs": {"question": "Why?"}, "expect": list(expect), "sent": list(sent), **more}


def write(folder: Path, *cases: Any, passages: bool = False, options: str = "{}", more: str = "") -> None:
    (folder / "t.yaml").write_text(json.dumps({"cases": cases}), encoding="utf-8")
    text = FRONT.format(options=options, more=more, passages="{{ passages }}\n" if passages else "")
    (folder / "a.prompty").write_text(text, encoding="utf-8")


def made(folder: Path, *models: Any, embedder: Any = None, route: Route | None = None) -> PromptTests:
    def prompt_file(name: str) -> Any:
        return load(folder / f"{name}.prompty", root=folder)

    return PromptTests(dict(zip("mno", models, strict=False)), embedder=embedder, prompt_file=prompt_file, route=route)


async def run(tests: PromptTests, **options: Any) -> list[CaseReport]:
    return list((await tests.run("a", **options)).cases)


async def test_a_route_of_models_of_your_own_asks_no_other(folder: Path) -> None:
    write(folder, case({"contains": "yes"}))
    stranger = ScriptedModel(["Yes."] * 2, capabilities=Capabilities())
    own, route = ScriptedModel(["Yes."]), Route(local_only=True)
    tests = made(folder, stranger, own, route=route)
    (found,) = await run(tests, repeats=1)
    assert (tests.model, found.outcome) == ("n", "passed")
    (found,) = await run(made(folder, stranger, route=route), repeats=1)
    assert (found.outcome, found.check) == ("failed", "reply")
    assert "none of your own" in found.found
    assert stranger.prompts == []


async def test_each_repeat_asks_the_model_anew(folder: Path) -> None:
    write(folder, case({"contains": "yes"}, repeats=2))
    model = ScriptedModel(["Yes.", "No.", "Yes.", "Yes.", "Maybe."])
    (found,) = await run(made(folder, model), repeats=5)
    assert (found.passed, found.runs, found.outcome) == (3, 5, "failed")
    assert (found.check, found.expected, found.found) == ("contains", "the words 'yes'", "No.")
    assert found.interval == pytest.approx((0.2307, 0.8824), abs=5e-5)
    assert len(model.prompts) == 5
    (found,) = await run(made(folder, ScriptedModel(["yes", "yes"])))
    assert (found.passed, found.runs, found.outcome) == (2, 2, "passed")


@pytest.mark.parametrize(
    ("options", "seeds"),
    [
        ("{temperature: 0.7, seed: 7}", {7, 8, 9}),
        ("{temperature: 0.7}", {None}),
        ("{temperature: 0, seed: 7}", {7}),
        ("{seed: 7}", {7}),
    ],
)
async def test_a_seed_moves_on_where_words_are_drawn(options: str, seeds: set[int | None], folder: Path) -> None:
    write(folder, case({"contains": "yes"}), options=options)
    model = ScriptedModel(["yes"] * 3)
    await run(made(folder, model), repeats=3)
    assert {prompt.options.seed for prompt in model.prompts} == seeds


async def test_a_share_of_the_repeats_may_be_enough(folder: Path) -> None:
    write(folder, case({"contains": "yes"}, repeats=4, at_least=0.5))
    for said, outcome in ((["yes", "no", "no", "yes"], "passed"), (["yes", "no", "no", "no"], "failed")):
        (found,) = await run(made(folder, ScriptedModel(said)))
        assert found.outcome == outcome


async def test_no_model_is_asked_when_what_is_sent_is_wrong(folder: Path) -> None:
    write(folder, case({"contains": "yes"}, sent=[{"contains": "Why?"}, {"contains": "Because"}]))
    model = ScriptedModel([])
    (found,) = await run(made(folder, model))
    assert (found.outcome, found.check, found.interval) == ("failed", "sent contains", None)
    assert model.prompts == []


async def test_without_a_model_what_is_sent_is_checked_and_nothing_else_passes(folder: Path) -> None:
    both = case({"contains": "yes"}, sent=[{"contains": "Why?"}])
    write(folder, both, case({"contains": "yes"}, name="b"), case(sent=[{"contains": "Why?"}], name="c"))
    for models in ((), (NotConfigured("LOCAL_URL is not set"),), (Quoting([]),)):
        found = await run(made(folder, *models))
        assert [one.outcome for one in found] == ["not run", "not run", "passed"]
        assert [(one.passed, one.runs, one.not_run) for one in found] == [
            (1, 1, "needs a model that writes"),
            (0, 0, "needs a model that writes"),
            (1, 1, ""),
        ]


async def test_the_first_model_that_writes_is_asked_and_no_other(folder: Path) -> None:
    write(folder, case({"contains": "yes"}))
    writer = ScriptedModel([ModelUnavailable("overloaded")])
    tests = made(folder, Quoting([]), writer, ScriptedModel([]))
    (found,) = await run(tests)
    assert (tests.model, found.outcome, found.found) == ("n", "failed", "overloaded")


async def test_a_model_that_quotes_answers_what_reads_passages(folder: Path) -> None:
    cited = case({"citation": 2}, passages=["One is here.", "Two is there."])
    judged = case({"judge": "It is short."}, passages=["One."], name="b")
    written = case({"contains": "x"}, passages=["One."], needs_writing=True, name="c")
    write(folder, cited, judged, written, passages=True)
    found = await run(made(folder, Quoting(["Two is there. [2]"])))
    assert [one.outcome for one in found] == ["passed", "not run", "not run"]


async def test_an_answer_is_cited_and_abstains_as_real_ones_do(folder: Path) -> None:
    passages = ["The halibut ships on 3 May 2031.", "The sturgeon has no date yet."]
    said = {
        "first": "The halibut ships on 3 May 2031 [1].",
        "both": "The sturgeon has no date yet [2].",
        "none": "Who knows [7].",
        "says so": "not there",
    }
    checks: dict[str, list[Any]] = {
        "first": [{"citation": 1}, {"contains": "[1]"}],
        "both": [{"citation": [1, 2]}],
        "none": [{"citation": "nothing"}, {"not_contains": "[7]"}],
        "says so": [{"citation": "abstains"}],
    }
    asked = [{**case(*checks[name], name=name, passages=passages), "inputs": {"question": name}} for name in said]
    write(folder, *asked, case({"citation": "abstains"}, name="finds nothing"), passages=True)
    # Cases are asked side by side, in any order: what is said hangs on the question.
    model = ScriptedModel(lambda prompt: said[prompt.messages[-1].content.rpartition("\n")[2]])
    found = await run(made(folder, model))
    assert [one.outcome for one in found] == ["passed", "failed", "passed", "passed", "passed"]
    assert found[1].expected == "a citation of passage 1 (cited: 2)"
    assert len(model.prompts) == 4, "with nothing to read no model is asked"


async def test_the_prompt_s_own_form_is_checked(folder: Path) -> None:
    outputs = "outputs: [{name: level, kind: integer}]\n"
    write(folder, case({"schema": True}, {"json_schema": {"required": ["level"]}}), more=outputs)
    for said, outcome in (('{"level": 3}', "passed"), ('```json\n{"level": 3}\n```', "passed"), ("three", "failed")):
        (found,) = await run(made(folder, ScriptedModel([said])))
        assert found.outcome == outcome, found
    assert "the prompt's own outputs (the answer is no JSON" in found.expected


async def test_a_reply_is_compared_with_what_it_should_mean(folder: Path) -> None:
    write(folder, case({"similarity": {"to": "the cat sat", "at_least": 0.99}}))
    for said, outcome in (("the cat sat", "passed"), ("a dog ran", "failed"), ("  ", "failed")):
        (found,) = await run(made(folder, ScriptedModel([said]), embedder=HashingEmbedder()))
        assert found.outcome == outcome
    (found,) = await run(made(folder, ScriptedModel([])))
    assert (found.outcome, found.not_run) == ("not run", "needs an embedder")


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        ("It is right.\nGrade: 4", "passed"),
        ("It is right.\n**Grade: 5/5.**", "passed"),
        ("Grade: 5\nNo, it is wrong.\nGrade: 2", "failed"),
        ("It is right.\nGrade: 15", "failed"),
        ("It is right.\nGrade: 4.5", "failed"),
        ("It is right.", "failed"),
    ],
)
async def test_a_judge_grades_the_reply(verdict: str, outcome: str, folder: Path) -> None:
    write(folder, case({"judge": {"rubric": "It is right.", "reference": "Blue."}}))

    def says(prompt: Prompt) -> str:
        return verdict if prompt.name == "judge" else "It is blue."

    model = ScriptedModel(says)
    report = await made(folder, model).run("a")
    (found,) = report.cases
    assert found.outcome == outcome, found
    assert report.calls == 2
    asked = model.prompts[1].messages[-1].content
    assert all(
        words in asked for words in ("Rubric: It is right.", "Reference: Blue.", "Question: Why?", "It is blue.")
    )


async def test_a_case_says_itself_what_is_looked_up(folder: Path) -> None:
    given = case({"contains": "rain"}, sent=[{"contains": "Weather: It rains."}])
    given["inputs"] |= {"weather": "It rains."}
    write(folder, given)
    path = folder / "a.prompty"
    text = path.read_text().replace("{{ question }}", "Weather: {{ weather }} {{ question }}")
    path.write_text(
        text.replace("tests: t.yaml", "lookup: {weather: {from: api, path: /now, mark: none}}, tests: t.yaml")
    )
    (found,) = await run(made(folder, ScriptedModel(["Because of the rain."])))
    assert (found.outcome, found.expected, found.found) == ("passed", "", "")


async def test_a_key_that_is_refused_ends_the_run(folder: Path) -> None:
    write(folder, case({"contains": "yes"}))
    with pytest.raises(ModelDenied):
        await run(made(folder, ScriptedModel([ModelDenied("no")])))


async def test_a_case_whose_messages_cannot_be_built_fails(folder: Path) -> None:
    write(folder, {**case({"contains": "yes"}), "inputs": {"question": " "}})
    (found,) = await run(made(folder, ScriptedModel([])))
    assert (found.outcome, found.check, found.found) == ("failed", "build", "every user message is empty")


async def test_a_case_with_a_value_that_the_template_cannot_take_fails(folder: Path) -> None:
    write(folder, case({"contains": "yes"}), more="")
    path = folder / "a.prompty"
    path.write_text(path.read_text().replace("{{ question }}", "{{ question | round }}"))
    (found,) = await run(made(folder, ScriptedModel([])))
    assert (found.outcome, found.check) == ("failed", "build")
    assert "cannot be rendered with these values" in found.found


async def test_a_prompt_without_tests_and_a_wrong_number_are_refused(folder: Path) -> None:
    write(folder, case({"contains": "yes"}))
    tests = made(folder, ScriptedModel([]))
    with pytest.raises(UsageError, match="the prompt has no tests"):
        await tests.run("judge")
    for repeats in (0, 10_000):
        with pytest.raises(UsageError, match="out of range"):
            await tests.run("a", repeats=repeats)


def test_a_program_runs_them_too() -> None:
    model = ScriptedModel(lambda _: "complaint")
    model.name = "mine"
    parts = {"store": MemoryStore(), "lexical": MemoryLexicalIndex(), "embedder": HashingEmbedder()}
    with ragstone.Rag(model=model, **parts) as rag:
        report = rag.test_prompt("classify", repeats=3)
        assert (report.prompt, report.model) == ("classify", "mine")
        assert [case.passed for case in report.cases] == [3, 3, 0]
        with pytest.raises(UsageError):
            rag.test_prompt("classify", model="other")


async def test_a_search_of_a_tool_finds_the_passages_of_its_case(folder: Path) -> None:
    asked = {"passages": [{"uri": "a.md", "text": "Because of the rain."}]}
    write(folder, case({"contains": "rain"}, **asked), passages=True)
    text = (folder / "a.prompty").read_text()
    (folder / "a.prompty").write_text(
        text.replace("tests: t.yaml", "layers: {react: {tools: [search]}}, tests: t.yaml")
    )
    steps = [("search", "why"), ("finish", "Because of the rain [1].")]
    model = ScriptedModel([json.dumps({"thought": "", "action": name, "input": given}) for name, given in steps])
    (found,) = await run(made(folder, model))
    assert found.outcome == "passed"
    assert "has found them again: [1]." in model.prompts[-1].messages[-1].content
