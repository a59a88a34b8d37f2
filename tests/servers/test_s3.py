"""The files source with a real S3 server (moto) and the real s3fs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from servers import free_port, missing, running

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-s3/bin/python"

pytestmark = pytest.mark.servers


def test_a_bucket_is_listed_and_read(tmp_path: Path) -> None:
    if not PYTHON.exists():
        missing("The S3 server", "Run: make test-servers")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [PYTHON, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, health=f"{url}/moto-api/", log=tmp_path / "moto.log"):
        ran = subprocess.run(
            [PYTHON, Path(__file__).with_name("list_s3.py"), url],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["items"] == [
        ["s3://fish/documents/a.md", 3, [], "COD"],
        ["s3://fish/documents/x/b.md", 3, ["anna"], "eel"],
    ]
    assert seen["unchanged"] == [False, True]
    assert all("does not exist" in said for said in seen["missing"])
