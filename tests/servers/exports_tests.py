"""Exports, read back by the packages that they are for. Runs in .venv-evals."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import no_network
import sample_runs
from ragstone.connectors.otlp import OtlpTraces
from ragstone.errors import StoreUnavailable, UsageError
from ragstone.evaluation.reports.exports import deepeval, mlflow, ragas
from ragstone.evaluation.suites.kept import Run
from ragstone.trace import Step, StoredTrace
from sample_runs import ALL, METRICS
from servers import free_port, running

no_network.refuse()

READY = 240.0  # seconds for MLflow's server on a busy machine


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """One with an answer of each kind: right, wrong, abstained, failed; and one whose case has no expectation."""
    outcomes = sample_runs.mixed(24, 0.7)
    outcomes.append(sample_runs.outcome(sample_runs.case(25), error="ModelTimeout: too slow", answer={}, rows={}))
    outcomes.append(sample_runs.outcome(sample_runs.case(26, expected=(), relevant=(), tags=())))
    return sample_runs.kept(tmp_path / "project", sample_runs.run(outcomes))


# ── RAGAS and DeepEval ──────────────────────────────────────────────────────────────────────────────────────────────


def test_ragas_reads_every_row_as_it_was_written(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "ragas.jsonl"
    file.write_text(ragas.text(run.outcomes), encoding="utf-8")
    found = import_module("ragas").EvaluationDataset.from_jsonl(file)
    assert found.get_sample_type().__name__ == "SingleTurnSample"
    assert found.to_list() == ragas.rows(run.outcomes)
    assert len(found) == 25
    assert set(found.features()) >= {"user_input", "response", "retrieved_contexts", "reference", "reference_contexts"}


async def test_ragas_counts_with_the_rows(run: Run) -> None:
    """Its own metrics that ask no model: of words, and of passages by their ids."""
    metrics = import_module("ragas.metrics")
    dataset = import_module("ragas").EvaluationDataset.from_list(ragas.rows(run.outcomes))
    for one in dataset:
        if one.reference is not None and one.reference_context_ids is not None:
            assert await metrics.ExactMatch().single_turn_ascore(one) == float(one.response == one.reference)
            found = one.reference_context_ids[0] in one.retrieved_context_ids
            assert await metrics.IDBasedContextRecall().single_turn_ascore(one) == float(found)
    assert {one.response == one.reference for one in dataset} == {True, False}


def test_deepeval_loads_every_row(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "deepeval.json"
    file.write_text(deepeval.text(run.outcomes), encoding="utf-8")
    dataset = import_module("deepeval.dataset").EvaluationDataset()
    dataset.add_test_cases_from_json_file(
        str(file),
        input_key_name="input",
        actual_output_key_name="actual_output",
        expected_output_key_name="expected_output",
        context_key_name="context",
        retrieval_context_key_name="retrieval_context",
    )
    rows = deepeval.rows(run.outcomes)
    assert len(dataset.test_cases) == len(rows) == 25
    for case, row in zip(dataset.test_cases, rows, strict=True):
        for name in ("input", "actual_output", "expected_output", "context", "retrieval_context"):
            assert getattr(case, name) == row.get(name)


def test_deepeval_takes_a_row_as_a_test_case(run: Run) -> None:
    case_of = import_module("deepeval.test_case").LLMTestCase
    for row in deepeval.rows(run.outcomes):
        case = case_of(**row)
        assert {name: getattr(case, name) for name in row} == row


# ── MLflow ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow, over SQLite."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", folder / "files"]
    with running(command, health=f"{address}/health", log=folder / "log", timeout=READY):
        yield address


@pytest.fixture(params=["server", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server, and a file without one."""
    monkeypatch.chdir(tmp_path)  # where files are put by a store without a server
    return request.getfixturevalue("server") if request.param == "server" else f"sqlite:///{tmp_path / 'own.db'}"


GATES = [
    sample_runs.Gate("answer", "all answered", "1 failed", passed=False),
    sample_runs.Gate("short", "all answered", "all answered", passed=True),
]


def test_every_pipeline_has_a_run_with_figures_parameters_and_files(run: Run, store: str, tmp_path: Path) -> None:
    other = [replace(one, pipeline="short") for one in sample_runs.mixed(20, 0.9, seed=2)]
    both = sample_runs.kept(tmp_path / "both", sample_runs.run([*run.outcomes, *other], name="rules-7"))
    found = mlflow.export(both, ALL, uri=store, experiment="ours", gates=GATES)
    assert [one.pipeline for one in found] == ["answer", "short"]
    client = import_module("mlflow").MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("ours").experiment_id
    assert {one.info.run_id for one in client.search_runs([experiment])} >= {one.id for one in found}
    made = client.get_run(found[0].id)
    assert made.info.status == "FINISHED"
    assert (made.info.start_time, made.info.end_time) == (1000 * sample_runs.STARTED, int(1000 * both.facts["ended"]))
    figures = made.data.metrics
    assert set(figures) >= {"contained", "contained.low", "contained.high", "latency_at_95", "hit_at_5", "failed"}
    assert figures["contained.low"] <= figures["contained"] <= figures["contained.high"]
    assert figures["failed"] == 1
    assert made.data.params["prompt"] == "answer 1a2b3c"
    assert made.data.params["model"] == "extractive"
    assert (made.data.tags["ragstone.gates"], client.get_run(found[1].id).data.tags["ragstone.gates"]) == (
        "failed",
        "passed",
    )
    assert "than answer by contained" in made.data.tags["mlflow.note.content"]
    assert {one.path for one in client.list_artifacts(found[0].id)} == {"report.html", "report.md", "results.jsonl"}
    kept = Path(client.download_artifacts(found[0].id, "results.jsonl", str(tmp_path)))
    assert len(kept.read_text(encoding="utf-8").splitlines()) == len(both.outcomes)


def test_a_run_that_is_exported_again_keeps_its_id_and_what_others_noted(run: Run, store: str) -> None:
    (first,) = mlflow.export(run, METRICS, uri=store, experiment="again")
    client = import_module("mlflow").MlflowClient(tracking_uri=store)
    client.set_tag(first.id, "seen by", "Ada")
    (second,) = mlflow.export(run, METRICS, uri=store, experiment="again")
    assert second == first
    assert client.get_run(first.id).data.tags["seen by"] == "Ada"
    assert len(client.get_metric_history(first.id, "contained")) == 1
    (other,) = mlflow.export(replace(run, name="rules-2"), METRICS, uri=store, experiment="again")
    assert other.id != first.id


def test_a_run_that_was_cut_short_says_so(run: Run, store: str) -> None:
    cut = replace(run, facts={**run.facts, "ended": None}, name="rules-9")
    (found,) = mlflow.export(cut, METRICS, uri=store, experiment="cut")
    client: Any = import_module("mlflow").MlflowClient(tracking_uri=store)
    assert client.get_run(found.id).info.status == "KILLED"
    assert "was cut short" in client.get_run(found.id).data.tags["mlflow.note.content"]


def test_odd_names_are_taken(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    odd = "answer/länger 'so' \"?\" <b>"
    named = sample_runs.run([replace(one, pipeline=odd) for one in run.outcomes], model="m" * 9000)
    (found,) = mlflow.export(named, METRICS, uri=f"sqlite:///{tmp_path / 'odd.db'}", experiment='o\'dd "\N{SNOWMAN}"')
    with closing(sqlite3.connect(tmp_path / "odd.db")) as database:
        assert database.execute("select value from tags where key = 'ragstone.pipeline'").fetchall() == [(odd,)]
    assert found.pipeline == odd


def test_a_server_that_is_not_there_is_said_at_once(run: Run) -> None:
    with pytest.raises(StoreUnavailable, match="MLflow cannot be reached"):
        mlflow.export(run, METRICS, uri=f"http://127.0.0.1:{free_port()}")


def test_what_mlflow_refuses_is_one_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="MLflow refuses it") as raised:
        mlflow.export(run, METRICS, uri="nothing://here")
    assert "\n" not in str(raised.value)


def test_what_is_exported_is_json_that_any_program_reads(run: Run) -> None:
    assert [json.loads(line) for line in ragas.text(run.outcomes).splitlines()] == ragas.rows(run.outcomes)
    assert json.loads(deepeval.text(run.outcomes)) == deepeval.rows(run.outcomes)


# ── Traces, which MLflow takes by OpenTelemetry's protocol ──────────────────────────────────────────────────────────


def test_traces_that_are_sent_are_there_as_spans(server: str) -> None:
    client = import_module("mlflow").MlflowClient(tracking_uri=server)
    experiment = client.create_experiment("traces")
    steps = (
        Step("retrieve", 0.0, 0.2, {"k": 8}),
        Step("retrieve.dense", 0.1, 0.1, {"k": 8}),
        Step("generate", 0.2, 0.5, {"model": "qwen", "input_tokens": 3, "output_tokens": 5}),
    )
    kept = StoredTrace("3f9a0c1d2e4b5a67", "ask", time.time(), 0.7, {"question": "zanzibar", "cost": 0.5}, steps)

    async def send() -> None:
        sink = OtlpTraces(f"{server}/v1/traces", headers={"x-mlflow-experiment-id": experiment})
        sink.take(kept, tenant="acme")
        await sink.close()

    asyncio.run(send())
    end = time.monotonic() + READY
    while not (found := client.search_traces(locations=[experiment])):
        assert time.monotonic() < end
        time.sleep(0.2)
    (trace,) = found
    spans = {span.name: span for span in trace.data.spans}
    assert set(spans) == {"ask", "retrieve", "retrieve.dense", "generate"}
    assert spans["retrieve.dense"].parent_id == spans["retrieve"].span_id
    assert spans["ask"].parent_id is None
    assert spans["generate"].attributes["gen_ai.usage.input_tokens"] == 3
    assert spans["ask"].attributes["ragstone.tenant"] == "acme"
    assert kept.id in trace.info.trace_id
    assert "zanzibar" not in str(trace.to_dict())
