"""`ragstone cache calibrate`: learns from labelled pairs when two questions mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ragstone.caching.semantic.calibration import Calibration
from ragstone.cli import show
from ragstone.cli.caches.embedding import embed_pairs, place_of
from ragstone.cli.caches.measuring import DEFAULT_BOUND, PAIRS, Bound
from ragstone.cli.options import Debug, Json, PipelineName, ProjectFolder, command
from ragstone.errors import UsageError
from ragstone.evaluation.pairs import calibrated, read_pairs
from ragstone.project import find

__all__ = ["calibrate_cache"]


@command
def calibrate_cache(
    pairs: Annotated[Path, typer.Argument(metavar="FILE", help=PAIRS)],
    bound: Bound = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Learn from your own pairs when two questions mean the same, at a bound on what is wrongly taken for it."""
    wanted = DEFAULT_BOUND if bound is None else bound
    if not 0 < wanted < 1:
        raise UsageError("is out of range", where="--bound", expected="a share between 0 and 1", found=f"{wanted:g}")
    root = find(project)
    rows = read_pairs(pairs)
    place = place_of(root, pipeline)
    assert place.calibration is not None
    (given,) = embed_pairs(place.embedder, rows)
    found = calibrated(given, embedder=place.embedder.fingerprint, bound=wanted, on=pairs.name)
    place.calibration.write_text(found.dump(), encoding="utf-8")
    written = place.calibration.relative_to(root)
    if as_json:
        show.as_json(_as_dict(found, written))
    else:
        _print(found, written)


def _as_dict(found: Calibration, written: Path) -> dict[str, Any]:
    scale = found.with_tokens or found.without_tokens
    return {
        **found.fitted.model_dump(exclude={"on", "seed"}),
        "bound": found.bound,
        "threshold": scale.threshold,
        "near": found.near,
        "written": str(written),
    }


def _print(found: Calibration, written: Path) -> None:
    fitted = found.fitted
    show.out.print(
        f"{fitted.pairs:,} pairs, {fitted.same:,} of which mean the same. "
        "Each was judged by a fit that had not seen it:\n"
        f"  {100 * fitted.found:.1f} % of those that mean the same are found;\n"
        f"  {100 * fitted.false_positive_rate:.1f} % of the others are taken for it, and with "
        f"{100 * fitted.confidence:.0f} % confidence\n"
        f"  at most {100 * fitted.upper:.1f} % of other pairs of this kind (the bound is {100 * found.bound:g} %).\n"
        f"Written: {written}. To use it, write in the pipeline's file: cache: {{semantic: {{bound: {found.bound:g}}}}}",
        markup=False,
    )
