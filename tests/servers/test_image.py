"""The image of the Dockerfile: how large it is, and that it works as docker-compose.yml has it run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from image import Image, built

pytestmark = [pytest.mark.servers, pytest.mark.long]

ROOT = Path(__file__).parents[2]
LARGEST = 1_000_000_000  # bytes
PATIENCE = 400.0  # seconds

SERVED = """
{chroma} > /tmp/chroma.log 2>&1 &
until {chroma_health} 2> /dev/null; do sleep 0.5; done
{app} > /tmp/app.log 2>&1 &
app=$!
until {app_health} > /dev/null 2>&1; do
  kill -0 $app 2> /dev/null || {{ cat /tmp/app.log; exit 7; }}
  sleep 0.5
done
python3 -c 'if True:
    import json, urllib.request as r
    body = json.dumps({{"question": "What does reciprocal rank fusion do?"}}).encode()
    asked = r.Request("http://127.0.0.1:8321/api/ask", body, {{"content-type": "application/json"}})
    print(r.urlopen(asked).read().decode())
'
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with built(tmp_path_factory.mktemp("image")) as made:
        yield made


def service(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][name]


def test_it_is_smaller_than_a_gigabyte_and_brings_no_torch(image: Image) -> None:
    assert image.size < LARGEST, f"{image.size:,} bytes"
    assert [*image.root.glob("opt/ragstone/lib/python3*/site-packages/torch")] == []


def test_its_user_is_the_one_that_the_compose_file_names(image: Image) -> None:
    assert image.config["User"] == service("app")["user"] == service("chroma")["user"]
    assert image.config["Healthcheck"]["Test"][0] == "CMD"


def test_nothing_that_the_service_loads_was_left_out(image: Image, tmp_path: Path) -> None:
    every = """
from ragstone.ingestion.splitters.languages import LANGUAGES
from tree_sitter_language_pack import get_parser
print(len([get_parser(language) for language in sorted(LANGUAGES)]) == len(LANGUAGES) > 30)
"""
    done = image.run(f"python3 -c {shlex.quote(every)} && ragstone check", volume=tmp_path, timeout=PATIENCE)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "True"), done.stderr


def test_nobody_writes_to_its_root(image: Image, tmp_path: Path) -> None:
    done = image.run("touch /project/x /home/ragstone/x; touch .ragstone/x /tmp/x; id -u", volume=tmp_path, timeout=60)
    assert done.stdout.strip() == "10001"
    assert done.stderr.count("Read-only file system") == 2
    assert (tmp_path / "x").exists()


def test_it_ingests_serves_and_answers_without_a_network(image: Image, tmp_path: Path) -> None:
    app, chroma = service("app"), service("chroma")
    script = SERVED.format(
        chroma=shlex.join(chroma["command"]),
        chroma_health=shlex.join(chroma["healthcheck"]["test"][1:]),
        app=shlex.join([word.replace("$$", "$") for word in app["command"]]),
        app_health=shlex.join(image.config["Healthcheck"]["Test"][1:]),
    )
    environment = {"RAGSTONE_CHROMA_URL": "http://127.0.0.1:8000", "ANONYMIZED_TELEMETRY": "False"}
    done = image.run(script, volume=tmp_path, timeout=PATIENCE, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["citations"][0]["uri"].startswith("docs/")
    assert (tmp_path / "project.db").exists()
    assert (tmp_path / "chroma" / "chroma.sqlite3").exists()
