"""Fills a bucket of a real S3 server and lists it by a files source. Runs in .venv-s3; prints what it saw as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import s3fs

from ragstone.connectors.files import FilesSource, Sidecar
from ragstone.errors import SourceUnavailable
from ragstone.types import Context, Item

OPTIONS: dict[str, Any] = {"endpoint_url": sys.argv[1], "key": "testing", "secret": "testing"}


def listed(url: str, **keys: Any) -> list[Item]:
    async def items() -> list[Item]:
        return [item async for item in FilesSource(url, options=OPTIONS, **keys).items(context=Context())]

    return asyncio.run(items())


def refusal(url: str) -> str:
    try:
        return str(len(listed(url)))
    except SourceUnavailable as error:
        return str(error)


files = s3fs.S3FileSystem(**OPTIONS)
files.mkdir("fish")
for name, text in {"a.md": "cod", "x/b.md": "eel", "x/b.md.acl.yaml": "allow: [anna]", "drafts/c.md": "ray"}.items():
    files.pipe_file(f"fish/documents/{name}", text.encode())
files.pipe_file("fish/documents-2/d.md", b"beside")
sidecar = Sidecar.model_validate({"from": "sidecar"})
first = listed("s3://fish/documents", exclude=["drafts"], acl=sidecar)
files.pipe_file("fish/documents/a.md", b"COD")
second = listed("s3://fish/documents", exclude=["drafts"], acl=sidecar)
json.dump(
    {
        "items": [[item.uri, item.size, item.acl, item.read().decode()] for item in second],
        "unchanged": [a.version == b.version for a, b in zip(first, second, strict=True)],
        "missing": [refusal("s3://none/documents"), refusal("s3://fish/none")],
    },
    sys.stdout,
)
