"""A run as MLflow keeps it: one MLflow run for each pipeline, with its figures, its intervals and the report's files.

MLflow is imported when it is used, and asked through its client alone: the settings of the process stay as they are,
but for its telemetry, which is off unless its own variable says otherwise.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from ragstone.errors import MissingExtra, StoreUnavailable, UsageError
from ragstone.evaluation.metrics.metric import Metric
from ragstone.evaluation.reports.page import page
from ragstone.evaluation.reports.shown import Held, Shown, Side, of_run
from ragstone.evaluation.reports.table import table
from ragstone.evaluation.reports.wording import verdict
from ragstone.evaluation.suites.kept import Run

__all__ = ["Exported", "export", "key"]

EXPERIMENT = "ragstone"
SOUGHT = 5.0  # seconds for a server to answer at all; MLflow's own client would try for minutes
VALUE, NOTE = 500, 5_000  # characters of a parameter, and of the note
_FOREIGN = re.compile(r"[^\w./: -]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Exported:
    """One MLflow run: of which pipeline, its id, and the address of the store that has it."""

    pipeline: str
    id: str
    uri: str


def export(
    run: Run,
    metrics: Iterable[Metric],
    *,
    uri: str | None = None,
    experiment: str = EXPERIMENT,
    gates: Iterable[Held] = (),
) -> list[Exported]:
    """Puts a run into MLflow, at `uri` or where MLflow itself would look. It blocks.

    A run that was put there before is written again, under its id, and what others have noted of it stays. Raises
    MissingExtra where MLflow is not installed, StoreUnavailable where its server cannot be reached, UsageError for
    what it refuses.
    """
    mlflow = _mlflow()
    _reached(uri)
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        store = str(client.tracking_uri)
        shown = of_run(run, metrics, gates=gates)
        with tempfile.TemporaryDirectory(prefix="ragstone-") as folder:
            files = _files(shown, run, Path(folder))
            place = _experiment(client, experiment)
            return [
                Exported(side.pipeline, _put(mlflow, client, place, shown, side, files), store) for side in shown.sides
            ]
    except ImportError as error:  # the small package has no store of its own
        hint = "Run: pip install mlflow"
        raise MissingExtra(
            f"this MLflow has not what {uri or 'its store'} needs", found=error.name, hint=hint
        ) from error
    except mlflow.exceptions.MlflowException as error:
        raise UsageError(f"MLflow refuses it: {_first_line(error)}", where=uri or "mlflow") from error


def key(name: str) -> str:
    """A metric's name as MLflow takes it: letters, digits and `_-./: `.

    >>> key("ndcg@10")
    'ndcg_at_10'
    """
    return _FOREIGN.sub("_", name.replace("@", "_at_"))


def _mlflow() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # that is for data alone
    try:
        import_module("mlflow.exceptions")
        return import_module("mlflow")
    except ImportError as error:
        raise MissingExtra(
            f"the export to MLflow needs the package {error.name!r}", hint="Run: pip install 'ragstone[mlflow]'"
        ) from error


def _reached(uri: str | None) -> None:
    """Raises StoreUnavailable where no server answers, whatever it says."""
    address = uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    if address.startswith(("http://", "https://")):
        try:
            with suppress(HTTPError), urlopen(f"{address.rstrip('/')}/health", timeout=SOUGHT):  # noqa: S310
                pass
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            hint = "Start one: mlflow server, or leave out --uri."
            raise StoreUnavailable(f"MLflow cannot be reached: {reason}", where=address, hint=hint) from error


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name))
    if found.lifecycle_stage != "active":
        raise UsageError("the experiment was deleted", where=name, hint="Restore it, or name another: --experiment")
    return str(found.experiment_id)


def _files(shown: Shown, run: Run, folder: Path) -> list[Path]:
    report, comment = folder / "report.html", folder / "report.md"
    report.write_text(page(shown), encoding="utf-8")
    comment.write_text(table(shown), encoding="utf-8")
    results = run.folder / "results.jsonl"
    return [report, comment, results] if results.is_file() else [report, comment]


def _put(mlflow: Any, client: Any, experiment: str, shown: Shown, side: Side, files: Iterable[Path]) -> str:
    run, mark = side.run, _mark(side)
    begun, ended = _milliseconds(run.facts["started"]), _milliseconds(run.facts["ended"])
    # The mark is hexadecimal: no name can reach into the filter.
    known = client.search_runs([experiment], filter_string=f"tags.`ragstone.mark` = '{mark}'", max_results=1)
    title = run.name if len(shown.sides) == 1 else f"{run.name} {side.label}"
    if known:
        made = known[0]
    else:
        made = client.create_run(experiment, start_time=begun, tags={"ragstone.mark": mark}, run_name=title)
    id_ = str(made.info.run_id)
    entities = mlflow.entities
    there = made.data.params
    params = {name: value for name, value in _params(side).items() if name not in there}  # they cannot be changed
    moment = ended or begun or 0
    client.log_batch(
        id_,
        metrics=[entities.Metric(name, value, moment, 0) for name, value in _metrics(side).items()],
        params=[entities.Param(name, value[:VALUE]) for name, value in params.items()],
        tags=[entities.RunTag(name, value) for name, value in _tags(shown, side).items()],
    )
    for file in files:
        client.log_artifact(id_, str(file))
    client.set_terminated(id_, status="KILLED" if ended is None else "FINISHED", end_time=ended)
    return id_


def _milliseconds(moment: float | None) -> int | None:
    return None if moment is None else int(1000 * moment)


def _mark(side: Side) -> str:
    said = "\0".join([side.run.name, str(side.run.facts["started"]), side.pipeline])
    return hashlib.blake2b(said.encode(errors="replace"), digest_size=16).hexdigest()


def _metrics(side: Side) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for name, one in side.figures.items():
        low, high = one.interval
        more = {"": one.value, ".low": low, ".high": high, ".cases": float(one.cases), ".missed": float(one.missed)}
        found |= {key(name) + part: value for part, value in more.items()}
    return {**found, "failed": float(sum(bool(one.error) for one in side.outcomes))}


def _params(side: Side) -> Mapping[str, str]:
    facts, run = side.facts, side.run.facts
    found = {
        "suite": run["suite"],
        "pipeline": facts.get("pipeline") or side.pipeline,
        "prompt": side.prompt or facts.get("prompt"),
        "model": side.model,
        "k": facts.get("k"),
        "cases": run["cases"],
        "repeats": run["repeats"],
        "cache": run["cache"],
        "ragstone": run["version"],
    }
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def _tags(shown: Shown, side: Side) -> Mapping[str, str]:
    gates = [one for one in shown.gates if one.pipeline == side.pipeline]
    found = {
        "ragstone.run": side.run.name,
        "ragstone.suite": str(side.run.facts["suite"]),
        "ragstone.pipeline": side.pipeline,
        "mlflow.note.content": "\n\n".join(verdict(shown))[:NOTE],
    }
    return {**found, "ragstone.gates": "passed" if all(one.passed for one in gates) else "failed"} if gates else found


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
