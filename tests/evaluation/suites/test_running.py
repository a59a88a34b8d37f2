"""Suites that are run: what is asked, what is kept, what goes wrong for one case, and what a stop leaves."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from tests.support.rule_server import Messages, RuleServer, serving_rule

import ragstone
from ragstone.cli.init import Default, write
from ragstone.errors import ConfigError, IndexBusy, NotConfigured, RagstoneError, UsageError
from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome
from ragstone.evaluation.suites.figures import figures
from ragstone.evaluation.suites.gates import gates
from ragstone.evaluation.suites.kept import Run, Runs
from ragstone.evaluation.suites.running import SuiteProgress, run
from ragstone.evaluation.suites.suite import Suite, require_suite, suite
from ragstone.pipelines.answer import AnswerPipeline
from ragstone.project import Project

FISH = {"halibut": "3 May", "cod": "9 June", "eel": "1 July", "tuna": "4 August", "carp": "2 March"}
CASES = [
    {"question": f"When does the {name} ship?", "expected": day, "relevant": f"documents/{name}.md", "tags": [name[0]]}
    for name, day in FISH.items()
]


def reader(messages: Messages) -> str:
    """Says the day that the passages give for the fish that is asked for."""
    text = messages[-1]["content"]
    asked = re.search(r"Question: When does the (\w+) ship", text)
    found = asked and re.search(
        rf"\[(\d+)\][^\n]*\n<<<\w+\n(?:(?!>>>).)*The {asked[1]} ships on ([\w ]+)\.", text, re.DOTALL
    )
    return f"On {found[2]} [{found[1]}]." if found else "The documents do not answer this question."


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "fish"
    write(folder, model=Default.local)
    for name, day in FISH.items():
        (folder / "documents" / f"{name}.md").write_text(f"# The {name}\n\nThe {name} ships on {day}.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture
def project(ingested: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, RuleServer]]:
    """The project with a model that reads, and without a suite or a run."""
    import shutil

    for left in ("evals", ".ragstone/evals"):
        shutil.rmtree(ingested / left, ignore_errors=True)
    (ingested / "evals").mkdir()
    with serving_rule(reader) as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        monkeypatch.setenv("RAGSTONE_LOCAL_MODEL", "reader")
        yield ingested, server


def made(root: Path, spec: str = "", *, cases: list[dict[str, Any]] | None = None, name: str = "fish") -> Suite:
    rows = CASES if cases is None else cases
    (root / "evals" / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (root / "evals" / f"{name}.yaml").write_text(f"cases: {name}.jsonl\n{spec}")
    return suite(Project(root), name)


def ran(found: Suite, **options: Any) -> Run:
    return asyncio.run(run(found, **options))


def shown(done: Run, found: Suite) -> dict[str, float]:
    return {name: one.value for name, one in figures(found.metrics, done.outcomes).items()}


def test_every_case_is_asked_and_judged(project: tuple[Path, RuleServer]):
    root, server = project
    found = made(root, "metrics: [hit@1, contained, answered, cited_right, input_tokens]\n")
    done = ran(found)
    assert len(server.asked) == len(CASES)
    assert [one.case.question for one in done.outcomes] == [case["question"] for case in CASES]
    sent = [sum(len(message["content"].split()) for message in messages) for messages in server.asked]
    right = {"hit@1": 1, "contained": 1, "answered": 1, "cited_right": 1}
    assert shown(done, found) == {**right, "input_tokens": pytest.approx(sum(sent) / len(sent))}
    assert done.facts["pipelines"]["answer"]["models"] == ["reader"]
    assert len(done.facts["pipelines"]["answer"]["prompt_version"]) == 16
    assert Runs(root).read("fish").outcomes == done.outcomes
    assert done.outcomes[0].case.where == "evals/fish.jsonl:1"


def test_questions_of_a_suite_are_not_kept_as_those_of_people(project: tuple[Path, RuleServer]):
    root, _ = project
    ran(made(root))
    with ragstone.open(root) as rag:
        assert [trace for trace in rag.traces(principals=None) if trace.name != "ingest"] == []


def test_without_metrics_all_is_measured_that_the_cases_allow(project: tuple[Path, RuleServer]):
    root, _ = project
    found = made(root, cases=[*CASES, {"question": "When does the whale ship?", "abstains": True}])
    figures_ = shown(ran(found), found)
    assert {"hit@5", "contained", "f1", "answered", "refused", "supported", "cost", "latency@95"} <= figures_.keys()
    assert figures_["refused"] == 1


def test_repeats_ask_anew_unless_the_suite_uses_the_cache(project: tuple[Path, RuleServer]):
    root, server = project
    done = ran(made(root, "repeats: 3\nmetrics: [contained]\n"))
    assert (len(server.asked), len(done.outcomes)) == (3 * len(CASES), 3 * len(CASES))
    ran(made(root, "repeats: 3\ncache: use\nconcurrency: 1\nmetrics: [contained]\n"))
    assert len(server.asked) == 4 * len(CASES)


def test_pipelines_prompts_and_models_stand_side_by_side(project: tuple[Path, RuleServer]):
    root, _ = project
    text = (root / "prompts" / "answer.prompty").read_text()
    (root / "prompts" / "plain.prompty").write_text(text.replace("name: answer", "name: plain"))
    spec = "pipelines: [answer, {name: other, pipeline: answer, prompt: plain, model: local}]\nmetrics: [words]\n"
    found = made(root, spec)
    done = ran(found)
    assert done.pipelines == ("answer", "other")
    assert {one.answer["prompt"]["name"] for one in done.of("other")} == {"plain"}
    assert len(done.of("answer")) == len(done.of("other")) == len(CASES)


def test_a_search_alone_asks_no_model(project: tuple[Path, RuleServer], monkeypatch: pytest.MonkeyPatch):
    root, server = project
    monkeypatch.delenv("RAGSTONE_LOCAL_URL")
    found = made(root, "only: search\nmetrics: [hit@1, mrr@10, latency@50]\n")
    assert shown(ran(found), found)["hit@1"] == 1
    assert server.asked == []


def test_models_and_indexes_are_loaded_before_the_first_case_is_timed(
    project: tuple[Path, RuleServer], monkeypatch: pytest.MonkeyPatch
):
    root, _ = project
    searched: list[str] = []
    search = AnswerPipeline.search

    async def noted(self: AnswerPipeline, question: str, **given: Any) -> Any:
        found = await search(self, question, **given)
        searched.append(question)
        return found

    monkeypatch.setattr(AnswerPipeline, "search", noted)
    done = ran(made(root, "only: search\nmetrics: [latency@50]\n"))
    assert searched[0] == "fish"
    assert sorted(searched[1:]) == sorted(one.case.question for one in done.outcomes)


def test_a_case_that_fails_is_noted_and_the_others_go_on(
    project: tuple[Path, RuleServer], monkeypatch: pytest.MonkeyPatch
):
    root, _ = project

    def choosy(messages: Messages) -> str:
        if "cod ship?" in messages[-1]["content"]:
            raise ValueError("I do not like cod.")
        return reader(messages)

    with serving_rule(choosy) as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        (root / "pipelines" / "alone.yaml").write_text(
            (root / "pipelines" / "answer.yaml").read_text().replace("[local, extractive]", "[local]")
        )
        try:
            done = ran(made(root, "pipelines: [alone]\nmetrics: [contained]\n"))
        finally:
            (root / "pipelines" / "alone.yaml").unlink()
    failed = [one for one in done.outcomes if one.error]
    assert [one.case.question for one in failed] == ["When does the cod ship?"]
    assert "I do not like cod." in failed[0].error
    assert len(done.outcomes) == len(CASES)
    (gate,) = gates(done)
    assert (gate.passed, gate.found) == (False, "1 failed")


class Moody(Metric):
    """A metric that is broken for one case."""

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        if "eel" in outcome.case.question:
            raise ZeroDivisionError("no eels")
        return (float("nan"),) if "tuna" in outcome.case.question else (1.0,)


class WithMoody(Suite):
    """A suite that measures with it, too."""

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return (*super().metrics, Moody("moody"))


def test_a_metric_that_raises_for_one_case_is_noted_and_the_others_go_on(project: tuple[Path, RuleServer]):
    root, _ = project
    plain = made(root, "metrics: [contained]\n")
    found = WithMoody(plain.name, plain.spec, plain.located, plain.project)
    done = ran(found)
    missed = {one.case.question: one.missed for one in done.outcomes if one.missed}
    assert missed == {
        "When does the eel ship?": {"moody": "ZeroDivisionError: no eels"},
        "When does the tuna ship?": {"moody": "is no number"},
    }
    known = figures(found.metrics, done.outcomes)
    assert (known["moody"].cases, known["moody"].missed, known["contained"].cases) == (3, 2, 5)


def test_a_judge_that_answers_nonsense_gives_no_figure(
    project: tuple[Path, RuleServer], monkeypatch: pytest.MonkeyPatch
):
    root, _ = project

    def babbling(messages: Messages) -> str:
        if "Grade: n" not in messages[0]["content"]:
            return reader(messages)
        return "Grade: 5" if "halibut" in messages[-1]["content"] else "Fish, fish, fish."

    with serving_rule(babbling) as server:
        monkeypatch.setenv("RAGSTONE_LOCAL_URL", server.url)
        found = made(root, "metrics: [judge, judge_good, contained]\n")
        done = ran(found)
    known = figures(found.metrics, done.outcomes)
    assert (known["judge"].value, known["judge"].cases, known["judge"].missed) == (5, 1, 4)
    assert (known["judge_good"].value, known["judge_good"].missed) == (1, 4)
    assert sum("Grade: n" in messages[0]["content"] for messages in server.asked) == len(CASES)
    assert all("Fish, fish, fish." in one.missed["judge"] for one in done.outcomes if one.missed)
    assert any("judge" in note for note in done.facts["notes"])


def test_cases_that_expect_nothing_are_asked_and_counted(project: tuple[Path, RuleServer]):
    root, _ = project
    done = ran(made(root, cases=[{"question": row["question"]} for row in CASES]))
    assert done.facts["notes"] == ["No figure says whether 5 of 5 cases are answered right: they expect nothing."]
    assert ran(made(root)).facts["notes"] == []


def test_a_case_that_expects_nothing_among_others_is_said_before_any_is_asked(project: tuple[Path, RuleServer]):
    root, _ = project
    with pytest.raises(ConfigError, match=r"fish.jsonl:2: the case expects nothing that a metric"):
        ran(made(root, cases=[CASES[0], {"question": "When does the cod ship?"}]))


# ── Stopped, and gone on with ───────────────────────────────────────────────────────────────────────────────────────


class Stopped(Exception):
    """Somebody has pulled the plug."""


def stopping_at(count: int):
    def told(progress: SuiteProgress) -> None:
        if progress.done >= count:
            raise Stopped

    return told


def test_a_run_that_was_stopped_goes_on_and_asks_nothing_twice(project: tuple[Path, RuleServer]):
    root, server = project
    found = made(root, "concurrency: 1\nmetrics: [contained]\n")
    with pytest.raises(Stopped):
        ran(found, told=stopping_at(2))
    before, progress = Runs(root).read("fish"), list[SuiteProgress]()
    assert before.facts["ended"] is None
    assert 2 <= len(before.outcomes) < len(CASES)
    asked = len(server.asked)
    done = ran(suite(Project(root), "fish"), told=progress.append)
    assert (done.name, progress[0].earlier) == ("fish-1", len(before.outcomes))
    assert len(done.outcomes) == len(CASES)
    assert len(server.asked) - asked == len(CASES) - len(before.outcomes)


@pytest.mark.parametrize("changed", ["prompt", "pipeline", "case", "document", "nothing"])
def test_what_has_changed_begins_a_new_run(project: tuple[Path, RuleServer], changed: str):
    root, _ = project
    with pytest.raises(Stopped):
        ran(made(root, "concurrency: 1\nmetrics: [contained]\n"), told=stopping_at(1))
    paths = {
        "prompt": root / "prompts/answer.prompty",
        "pipeline": root / "pipelines/answer.yaml",
        "case": root / "evals/fish.jsonl",
        "document": root / "documents/cod.md",
    }
    kept = {path: path.read_text() for path in paths.values()}
    try:
        if changed == "case":
            paths["case"].write_text(kept[paths["case"]].replace("9 June", "10 June"))
        elif changed == "document":
            paths["document"].write_text(kept[paths["document"]] + "\nCod is a fish.\n")
            with ragstone.open(root) as rag:
                rag.ingest()
        elif changed == "pipeline":
            paths["pipeline"].write_text(kept[paths["pipeline"]].replace("k: 8", "k: 4"))
        elif changed == "prompt":
            paths["prompt"].write_text(kept[paths["prompt"]].replace("- Say only", "- Do say only"))
        done = ran(suite(Project(root), "fish"))
    finally:
        for path, text in kept.items():
            path.write_text(text)
        with ragstone.open(root) as rag:
            rag.ingest()
    assert done.name == ("fish-1" if changed == "nothing" else "fish-2")


def test_two_runs_at_once_do_not_write_one_file(project: tuple[Path, RuleServer]):
    root, _ = project
    found = made(root, "metrics: [contained]\n")
    names: list[str] = []

    def meanwhile(progress: SuiteProgress) -> None:
        if not names:
            names.append("")
            with pytest.raises(IndexBusy, match="is being run by"):
                _in_a_loop_of_its_own(suite(Project(root), "fish"))
            names[0] = _in_a_loop_of_its_own(suite(Project(root), "fish"), anew=True).name

    assert ran(found, told=meanwhile).name == "fish-1"
    assert names == ["fish-2"]
    assert len(Runs(root).read("fish-1").outcomes) == len(Runs(root).read("fish-2").outcomes) == len(CASES)


def _in_a_loop_of_its_own(found: Suite, **options: Any) -> Run:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ran, found, **options).result()


# ── Bad input ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spec", "cases", "said"),
    [
        ("", [], "there is no case"),
        ("", [{"question": "q", "tags": ["x"]}, *CASES], "expects nothing"),
        ("metrics: [contained]\n", [*CASES, {"question": "q", "abstains": True}], "expects nothing"),
        ("metrics: [refused]\n", None, "nothing to judge by"),
        ("metrics: [containd]\n", None, "contained"),
        ("metrics: [ndcg]\n", None, "ndcg@10"),
        ("metrics: []\n", None, "metrics"),
        ("metrix: [f1]\n", None, "metrics"),
        ("only: search\nmetrics: [f1]\n", None, "only searches"),
        ("pipelines: [answr]\n", None, "answer"),
        ("pipelines: [ingest]\n", None, "of the other kind"),
        ("pipelines: [answer, answer]\n", None, "two pipelines are called"),
        ("pipelines: [{pipeline: answer, prompt: nowhere}]\n", None, "there is no prompt"),
        ("pipelines: [{pipeline: answer, model: extractve}]\n", None, "has no model 'extractve'"),
        ("gates: [{metric: f1}]\n", None, "one bound"),
        ("gates: [{metric: f1, at_least: 0.5, at_most: 1}]\n", None, "one bound"),
        ("gates: [{metric: f1, at_least: 0.5, tag: zz}]\n", None, "no case has the tag"),
        ("gates: [{metric: f1, at_least: 0.5, pipeline: anser}]\n", None, "answer"),
        ("repeats: 0\n", None, "repeats"),
        ("", [{"question": "q", "expected": "a", "relevant": "documents/codd.md"}], "documents/cod.md"),
        ("", [{"question": "q", "relevant": {"uri": "documents/cod.md", "quote": "The eel"}}], "does not stand"),
        ("", [{"question": "q", "relevant": {"uri": "documents/cod.md", "quote": "cod"}}], "more than once"),
        (
            "",
            [{"question": "q", "relevant": {"uri": "documents/cod.md", "start": 0, "end": 999}}],
            "behind the document",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(
    project: tuple[Path, RuleServer], spec: str, cases: list[dict[str, Any]] | None, said: str
):
    root, server = project
    with pytest.raises((ConfigError, UsageError)) as caught:
        ran(made(root, spec, cases=cases))
    assert said in str(caught.value)
    assert server.asked == []
    assert Runs(root).names() == []


def test_a_suite_is_found_by_its_name(project: tuple[Path, RuleServer]):
    root, _ = project
    with pytest.raises(UsageError, match="which suite is meant"):
        require_suite(Project(root), None)
    made(root)
    assert require_suite(Project(root), None).name == "fish"
    with pytest.raises(UsageError, match="fish"):
        require_suite(Project(root), "fisch")
    made(root, name="other")
    with pytest.raises(UsageError, match="fish, other"):
        require_suite(Project(root), None)


def test_a_model_that_is_not_configured_stops_the_run(
    project: tuple[Path, RuleServer], monkeypatch: pytest.MonkeyPatch
):
    root, _ = project
    monkeypatch.delenv("RAGSTONE_LOCAL_URL")
    with pytest.raises(NotConfigured):
        ran(made(root, "pipelines: [{pipeline: answer, model: local}]\nmetrics: [contained]\n"))
    assert Runs(root).names() == []


def test_an_empty_index_is_said(tmp_path: Path):
    write(tmp_path / "new", model=Default.extractive)
    (tmp_path / "new" / "evals").mkdir()
    with pytest.raises(RagstoneError, match="nothing was ingested yet"):
        ran(made(tmp_path / "new", cases=[{"question": "q", "expected": "a"}]))


# ── Gates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_gates_say_what_was_asked_and_found(project: tuple[Path, RuleServer]):
    root, _ = project
    spec = """\
metrics: [contained]
gates:
  - {metric: contained, at_least: 0.9}
  - {metric: words, at_most: 2}
  - {metric: contained, at_least: 1, tag: h}
  - {metric: contained, worse_by: 0}
"""
    done = ran(made(root, spec))
    with pytest.raises(UsageError, match="there is none"):
        gates(done)
    held = gates(done, baseline=done)
    assert [one.passed for one in held] == [True, True, False, True, True]
    assert [one.asked for one in held] == [
        "all answered",
        "contained at least 0.9",
        "words at most 2",
        "contained of h at least 1",
        "contained no worse",
    ]


def test_a_gate_fails_where_answers_have_become_worse(project: tuple[Path, RuleServer]):
    root, _ = project
    before = ran(made(root, "metrics: [contained]\ngates: [{metric: contained, worse_by: 0.1}]\n"))
    worse = [replace(one, rows={"contained": (float(at > 1),)}) for at, one in enumerate(before.outcomes)]
    after = replace(before, outcomes=worse)
    (_, gate) = gates(after, baseline=before)
    assert (gate.passed, gate.found[:14]) == (False, "1.000 to 0.600")
    sure = {**before.facts, "gates": [{"metric": "contained", "worse_by": 0.1, "sure": True}]}
    assert gates(replace(after, facts=sure), baseline=before)[1].passed  # two of five may be luck


def test_what_cannot_be_judged_has_not_passed(project: tuple[Path, RuleServer]):
    root, _ = project
    done = ran(made(root, "metrics: [contained]\ngates: [{metric: contained, at_least: 0.1}]\n"))
    blind = [replace(one, rows={}, missed={"contained": "ValueError: no"}) for one in done.outcomes]
    assert not gates(replace(done, outcomes=blind))[1].passed
    one_missed = [*done.outcomes[1:], replace(done.outcomes[0], rows={}, missed={"contained": "ValueError: no"})]
    assert not gates(replace(done, outcomes=one_missed))[1].passed
    cut = gates(replace(done, outcomes=done.outcomes[1:]))[0]
    assert (cut.passed, cut.found) == (False, "all answered, 1 not asked yet")
