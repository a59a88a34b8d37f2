"""How docker-compose.yml is read and carried over to processes. Nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.compose import LEFT_OUT, services
from stack.places import Places

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SMALL = """
services:
  web:
    image: web:1
    depends_on: {store: {condition: service_healthy}, model: {condition: service_started}}
    command: ["run", "--host", "0.0.0.0", "--port", "8321", "--to", "http://store:8000/v1"]
    environment: {URL: "http://store:8000", DB: "postgresql://a:b@postgres/c", KEY: "${KEY:-none}", COST: "5$$"}
    volumes: ["state:/project/.state", "./here:/project/docs:ro"]
    ports: ["127.0.0.1:80:8321"]
  store:
    image: store:1
    healthcheck: {test: [CMD, ping, "127.0.0.1:8000"], interval: 5s, retries: 3, start_period: 1m}
  postgres: {image: pg:1, profiles: [db]}
  model: {image: model:1, profiles: [gpu]}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "docker-compose.yml").write_text(text)
    return folder / "docker-compose.yml"


def test_our_file_is_read_with_every_profile() -> None:
    profiles = ["postgres", "gpu", "scale"]
    found = [service.name for service in services(FILE, profiles=profiles, variables={})]
    assert found.index("chroma") < found.index("app") < found.index("nginx")
    assert {"redis", "postgres", "vllm"} < set(found)


def test_a_key_that_nobody_knows_is_no_key_that_is_left_out(tmp_path: Path) -> None:
    file = written(tmp_path, "services: {a: {image: b, blkio_config: {weight: 300}}}")
    with pytest.raises(ValueError, match="service a: `blkio_config`"):
        services(file, variables={})


def test_each_thing_that_is_left_out_has_its_reason() -> None:
    assert all(LEFT_OUT.values())


def test_variables_are_filled_and_services_stand_behind_what_they_need(tmp_path: Path) -> None:
    file = written(tmp_path, SMALL)
    store, web = services(file, variables={"KEY": ""})
    assert (store.name, web.name) == ("store", "web")
    assert web.needs == {"store": "service_healthy"}  # the model is of another profile
    assert web.environment["KEY"] == "none"
    assert web.environment["COST"] == "5$"
    assert store.check is not None
    assert store.check.patience == 75
    assert services(file, variables={"KEY": "given"})[1].environment["KEY"] == "given"


def test_what_waits_for_each_other_is_said(tmp_path: Path) -> None:
    file = written(tmp_path, "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}")
    with pytest.raises(ValueError, match="wait for each other"):
        services(file, variables={})


def test_addresses_and_paths_are_those_of_this_machine(tmp_path: Path) -> None:
    found = services(written(tmp_path, SMALL), profiles=["db"], variables={})
    places = Places(found, tmp_path / "stack", {"web": 2})
    first, second = places.of("web")
    (store,), (postgres,) = places.of("store"), places.of("postgres")
    assert (first.name, second.name) == ("web-1", "web-2")
    words = places.words(first.service.command, first)
    assert words == [
        "run",
        "--host",
        "127.0.0.1",
        "--port",
        str(first.port),
        "--to",
        f"http://127.0.0.1:{store.port}/v1",
    ]
    environment = first.service.environment
    assert places.here(environment["URL"], first) == f"http://127.0.0.1:{store.port}"
    assert places.here(environment["DB"], first) == f"postgresql://a:b@127.0.0.1:{postgres.port}/c"
    assert places.here("/project/docs/a.md", first) == f"{tmp_path}/stack/roots/web/project/docs/a.md"
    assert places.here("the /projects of 127.0.0.1:9", first) == "the /projects of 127.0.0.1:9"
    assert len({place.port for place in places.all}) == 4


def test_replicas_share_a_volume_and_a_folder_is_the_callers_own(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    places = Places(services(written(tmp_path, SMALL), variables={}), tmp_path / "stack", {"web": 2})
    first, second = places.of("web")
    (first.path("/project/.state") / "kept").write_text("by one")
    assert (second.path("/project/.state") / "kept").read_text() == "by one"
    assert first.path("/project/docs").resolve() == tmp_path / "here"
