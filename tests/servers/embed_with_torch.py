"""Embeds texts with sentence-transformers, in the environment that has torch, and prints what came out as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

from ragstone.connectors.sentence_transformers import SentenceTransformersEmbedder
from ragstone.errors import EmbedderError
from ragstone.types import Context


async def main(folder: str, texts: list[str]) -> None:
    embedder = SentenceTransformersEmbedder(model=folder, device="cpu", batch_size=4)
    again = SentenceTransformersEmbedder(model=folder, device="cpu", precision="bfloat16", query_prefix="query: ")
    try:
        await embedder.embed(["word " * 600], context=Context())
        refused = ""
    except EmbedderError as error:
        refused = str(error)
    told = {
        "vectors": (await embedder.embed(texts, context=Context())).tolist(),
        "query": (await embedder.embed_query(texts[0], context=Context())).tolist(),
        "half": (await again.embed(texts, context=Context())).tolist(),
        "tokens": [list(part) for part in embedder.tokens(texts[0])],
        "dimensions": embedder.dimensions,
        "window": embedder.window,
        "prints": [embedder.fingerprint, again.fingerprint],
        "refused": refused,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
