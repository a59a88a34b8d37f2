"""Who asks the service in tests: somebody on this machine, who needs no key as long as there is none."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from ragstone_app import create

HERE = ("127.0.0.1", 50_000)


def caller(folder: Path, *, address: tuple[str, int] = HERE, host: str = "127.0.0.1:8321") -> TestClient:
    """A client of a project folder's service, from that address and to that name. Entering it starts the service."""
    return TestClient(create(folder), base_url=f"http://{host}", client=address)
