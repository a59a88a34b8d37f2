"""`ragstone guard train`: the detectors, adjusted to your own examples."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ragstone.cli import end_interrupted, show
from ragstone.cli.guards.lines import readable
from ragstone.cli.guards.scanning import Trusted
from ragstone.cli.options import Debug, Json, command
from ragstone.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from ragstone.evaluation.injections.examples import Examples
    from ragstone.protocols import Embedder

__all__ = ["train_detectors"]

FEWEST = 4  # examples on each side, so that one of them can be held out
SHOWN = 60  # characters of a text
Files = list[Path]


@command
def train_detectors(
    attacks: Annotated[
        Files,
        typer.Option("--attacks", metavar="FILE", help="Attacks, one JSON object with a `text` a line. Repeatable."),
    ],
    benign: Annotated[
        Files, typer.Option("--benign", metavar="FILE", help="Texts without attacks, in the same form. Repeatable.")
    ],
    trust: Annotated[
        Trusted, typer.Option("--trust", help="Whose texts they are, where a line does not say so.")
    ] = Trusted.RETRIEVED,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the weights go.")] = Path(
        "guard.json"
    ),
    seed: Annotated[int, typer.Option("--seed", help="Which part of the examples is held out.")] = 0,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Adjust the detectors of injections to your own examples, and print figures of a part that was held out."""
    from ragstone.evaluation.injections.adjusting import adjusted
    from ragstone.prompts.keeping import replace_file
    from ragstone.registry import find

    before = _held(output)
    examples = _examples(attacks, benign, trust)
    embedder = cast("Callable[[], Embedder]", find("embedder", "openvino"))()
    names = ", ".join(path.name for path in (*attacks, *benign))

    async def run() -> Any:
        try:
            return await adjusted(examples, embedder, seed=seed)
        finally:
            await embedder.close()

    try:
        weights, figures = asyncio.run(run())
    except KeyboardInterrupt:
        end_interrupted("Nothing was written.")
    written = replace(weights, on=f"{weights.on}; then {names}").dump()
    copy = replace_file(output, written.encode(), before=before)
    if as_json:
        kept = None if copy is None else str(copy)
        figured = [figure.as_dict() for figure in figures]
        show.as_json({"written": str(output), "kept": kept, "held_out": figured})
        return
    for figure in figures:
        show.out.print(figure.as_text(), markup=False)
    if not figures:
        show.remarks(["No figures: these examples are too alike to hold any of them out."])
    if before is not None:
        show.remarks([f"{output} was there already: " + (f"it is kept as {copy.name}." if copy else "git keeps it.")])
    show.out.print(f"Written: {output}. To use it, write in the pipeline's file:", markup=False)
    show.out.print(f"  checks: [{{injection: {{weights: {output}}}}}]", markup=False)


def _held(output: Path) -> bytes | None:
    """What the file holds that is to be written; None for no file. Raises UsageError where it cannot be."""
    folder = output.resolve().parent
    if output.is_dir():
        raise UsageError("is a folder", where="--output", expected="a file", found=str(output))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        what = "there is no such folder" if not folder.is_dir() else "nothing may be written there"
        raise UsageError(what, where="--output", found=str(folder), hint="Name a file in a folder of yours.")
    if not output.exists():
        return None
    from ragstone.validation.injection.weights import load

    try:
        load(output)
    except ConfigError as error:
        what = "this file holds something else, which is not overwritten"
        raise UsageError(what, where="--output", found=str(output), hint="Name a new file.") from error
    return output.read_bytes()


def _examples(attacks: Sequence[Path], benign: Sequence[Path], trust: Trusted) -> Examples:
    """What the files hold. Raises UsageError where there are too few to hold any out, or the two sides share one."""
    from ragstone.evaluation.injections.examples import Examples, read_examples

    for path in (*attacks, *benign):
        readable(path)
    bad, good = (read_examples(paths, trust=trust.value) for paths in (attacks, benign))
    for level in ("user", "retrieved"):
        if both := {one.text for one in bad[level]} & {one.text for one in good[level]}:
            said = " ".join(min(both).split())
            raise UsageError(
                f"{len(both)} of the texts are attacks and none at once",
                expected="each text under --attacks or under --benign",
                found=said if len(said) <= SHOWN else f"{said[:SHOWN]}…",
            )
        few = min(len(bad[level]), len(good[level]))
        if (bad[level] or good[level]) and few < FEWEST:
            raise UsageError(
                f"too few examples of the trust {level}",
                expected=f"at least {FEWEST} attacks and {FEWEST} texts without any",
                found=f"{len(bad[level])} attacks and {len(good[level])} texts without any",
            )
    if not any(bad.values()):
        raise UsageError("there are no examples in these files", where=", ".join(map(str, attacks)))
    return Examples(planted=bad["retrieved"], contexts=good["retrieved"], jailbreaks=bad["user"], prompts=good["user"])
