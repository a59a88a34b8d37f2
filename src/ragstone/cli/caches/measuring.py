"""`ragstone eval cache`: how well the semantic cache tells questions apart, on labelled pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ragstone.caching.semantic.calibration import Calibration, calibration_for, shipped
from ragstone.cli import show
from ragstone.cli.caches.embedding import Place, embed_pairs, place_of
from ragstone.cli.options import Debug, Json, PipelineName, ProjectFolder, command
from ragstone.cli.pictures import check_plot, write_plot
from ragstone.errors import UsageError
from ragstone.evaluation.pairs import Labelled, Measured, calibrated, measured, read_pairs
from ragstone.evaluation.plots.pairs import drawn
from ragstone.proportions import wilson

__all__ = ["PAIRS", "Bound", "measure_pairs"]

DEFAULT_BOUND = 0.05
PAIRS = "Labelled pairs, one JSON object a line: text_a, text_b, label (0 or 1)."

Bound = Annotated[
    float | None,
    typer.Option(
        "--bound", metavar="SHARE", help="Of different pairs that may be taken for the same.  [default: 0.05]"
    ),
]


@command
def measure_pairs(
    pairs: Annotated[Path, typer.Argument(metavar="FILE", help=PAIRS)],
    calibrate: Annotated[
        Path | None, typer.Option("--calibrate", metavar="FILE", help="Fit on these pairs first, and write nothing.")
    ] = None,
    bound: Bound = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png|svg", help="Draw what is found at what price.")
    ] = None,
    pipeline: PipelineName = "answer",
    as_json: Json = False,
    project: ProjectFolder = Path(),
    debug: Debug = False,
) -> None:
    """Pairs of questions that mean the same or not: what the semantic cache would find, and take wrongly."""
    if bound is not None and not 0 < bound < 1:
        raise UsageError("is out of range", where="--bound", expected="a share between 0 and 1", found=f"{bound:g}")
    check_plot(plot)
    rows = read_pairs(pairs)
    others = read_pairs(calibrate) if calibrate else []
    place = place_of(project, pipeline)
    if calibrate:
        own, given = embed_pairs(place.embedder, rows, others)
        wanted = DEFAULT_BOUND if bound is None else bound
        calibration = calibrated(given, embedder=place.embedder.fingerprint, bound=wanted, on=calibrate.name)
    else:
        calibration = _known(place, bound)
        (own,) = embed_pairs(place.embedder, rows, tokens=calibration.with_tokens is not None)
    _warn_of_shared(rows, others)
    found = measured(own, calibration)
    if plot is not None:
        canvas = drawn(found, title=f"{pairs.name}: {len(rows):,} pairs", bound=calibration.bound)
        write_plot(plot, canvas)
    if as_json:
        show.as_json(found.as_dict())
    else:
        _print(found, calibration)


def _known(place: Place, bound: float | None) -> Calibration:
    """The project's calibration, or what comes with Ragstone."""
    fingerprint = place.embedder.fingerprint
    found = calibration_for(place.calibration or Path("answer.cache.json").resolve(), embedder=fingerprint)
    if bound is not None and bound != found.bound:
        raise UsageError(
            "another bound needs pairs to find its threshold on",
            where="--bound",
            expected=f"{found.bound:g}, for which the cache is calibrated, or --calibrate FILE",
            found=f"{bound:g}",
        )
    return found


def _warn_of_shared(rows: list[Labelled], others: list[Labelled]) -> None:
    known = {text for pair in others for text in (pair.text_a, pair.text_b)}
    shared = sum(pair.text_a in known or pair.text_b in known for pair in rows)
    if shared:
        show.remarks([f"{shared:,} of the pairs share a question with those that are fitted on: figures may flatter."])


def _print(found: Measured, calibration: Calibration) -> None:
    table = show.figures("", "share", "95 % interval", "pairs")
    right, wrong = (found.count(same=same, hit=True) for same in (True, False))
    rows = (
        ("same, found", right, found.count(same=True)),
        ("different, taken for the same", wrong, found.count(same=False)),
        ("false among the hits", wrong, wrong + right),
    )
    for name, count, of in rows:
        low, high = wilson(count, of)
        share = f"{100 * count / of:.1f} %" if of else "-"
        table.add_row(name, share, f"{100 * low:.1f} to {100 * high:.1f} %", f"{count:,} of {of:,}")
    show.out.print(table)
    checks = show.figures("refused by", "same", "different")
    for check, counts in found.by_check().items():
        checks.add_row(check, f"{counts['1']:,}", f"{counts['0']:,}")
    show.out.print()
    show.out.print(checks)
    own = " (what comes with Ragstone)" if calibration is shipped() else ""
    show.out.print(
        f"\nThreshold {found.threshold:.4f} for a bound of {100 * calibration.bound:g} %, fitted on "
        f"{calibration.fitted.on}{own}.",
        markup=False,
    )
