"""`python -m rows.guarding.checking ragstone|quiet|guard` prints what a check of a text costs, and what detectors find.

quiet and guard are a validator in Guardrails that compares the length of a text as our check does, with its telemetry
off and as it comes (what it would send goes nowhere). Ragstone's detectors of injections are trained on one part of the
evaluation data and judged on attacks of categories, and contexts of clusters, that the training has not seen.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from statistics import mean

from bench.side import QUICK, ROOT, report

CALLS = 400 if QUICK else 2_000
DIVISIONS = 1 if QUICK else 3
FOUND = {
    "e-mail attacks found": "attack: e-mail",
    "table attacks found": "attack: table",
    "clean e-mails touched": "clean: e-mail",
    "clean encyclopaedia touched": "clean: encyclopaedia",
    "jailbreaks found": "user attack: jailbreaks",
    "NotInject stopped": "user benign: NotInject",
}


def main(name: str) -> None:
    if name == "ragstone":
        report(asyncio.run(_ours()))
        return
    sys.path.insert(0, str(ROOT / "src"))
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # where telemetry is as it comes
        import checks

        report({"a check": checks.theirs(CALLS)[name]})


async def _ours() -> dict[str, float | None]:
    import checks
    from injections.data import Remembering, permitted
    from injections.trials import trial

    from ragstone.types import Context
    from ragstone.validation.injection.detector import read_texts

    cost = (await checks.ours(CALLS))["engine"]
    embedder, examples = Remembering(), permitted()
    read = await read_texts(examples.texts, embedder, context=Context())
    reads = {text: one for text, one in zip(examples.texts, read, strict=True) if one is not None}
    divisions = [await trial(seed, examples.read(reads), reads, embedder) for seed in range(DIVISIONS)]
    await embedder.close()
    return {"a check": cost} | {name: mean(one[key] for one in divisions) for name, key in FOUND.items()}


if __name__ == "__main__":
    main(sys.argv[1])
