from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from redis_server import RedisServer
from servers import missing

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
PROFILES = ("gpu", "postgres", "scale")
TOGETHER = [several for count in range(len(PROFILES) + 1) for several in combinations(PROFILES, count)]


def configured(*profiles: str, **environment: str) -> dict[str, Any]:
    """What docker-compose makes of our file."""
    program = shutil.which("docker-compose")
    if program is None:
        missing("docker-compose", "Run: apt-get install docker-compose")
    options = [word for profile in profiles for word in ("--profile", profile)]
    command = [program, "--file", ROOT / "docker-compose.yml", *options, "config"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **environment})
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


@pytest.mark.parametrize("profiles", TOGETHER, ids=lambda profiles: "+".join(profiles) or "none")
def test_no_service_is_root_or_writes_to_its_image_or_has_no_limit(profiles: tuple[str, ...]) -> None:
    for name, service in configured(*profiles).items():
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
        assert service["read_only"] is True, name
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
        assert service["pids_limit"] > 0, name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert not service.get("privileged"), name
        assert not {"network_mode", "pid", "ipc"} & service.keys(), name


def test_every_image_is_pinned_to_a_patch() -> None:
    images = {service["image"] for service in configured(*PROFILES).values()}
    images.add(re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1])
    assert [image for image in sorted(images) if not re.search(r":v?\d+\.\d+\.\d+(-[\w.]+)*$", image)] == []


def test_each_service_that_stays_has_a_health_check() -> None:
    for name, service in configured(*PROFILES).items():
        ends = service.get("restart") == "no"
        of_image = "build" in service and "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
        assert ends or of_image or service["healthcheck"]["test"], name


def test_what_people_edit_is_mounted_and_the_documents_only_for_reading() -> None:
    mounts = configured()["app"]["volumes"]
    for part in ("connectors", "docs", "pipelines", "prompts"):
        assert f"{ROOT}/{part}:/project/{part}:ro" in mounts
    writing = configured(RAGSTONE_DOCUMENTS_MODE="rw", RAGSTONE_DOCUMENTS="/srv/manuals")["app"]["volumes"]
    for name in ("docs", "documents"):
        assert f"/srv/manuals:/project/{name}:rw" in writing
    assert "--watch" in configured()["app"]["command"][-1]


def test_replicas_are_behind_the_proxy_and_none_of_them_takes_a_port_that_another_has() -> None:
    services = configured("scale", RAGSTONE_PORT="", RAGSTONE_REPLICAS="3")
    assert services["app"]["deploy"]["replicas"] == 3
    assert services["app"]["ports"] == ["127.0.0.1::8321/tcp"]
    assert services["nginx"]["ports"] == ["127.0.0.1:8080:8080/tcp"]
    assert services["nginx"]["depends_on"] == {"app": {"condition": "service_healthy"}}


def test_the_service_waits_for_a_healthy_store() -> None:
    services = configured()
    assert services["app"]["depends_on"]["chroma"] == {"condition": "service_healthy"}
    assert services["app"]["environment"]["RAGSTONE_CHROMA_URL"] == "http://chroma:8000"
    assert "healthcheck" in services["chroma"]


def test_nothing_listens_beyond_this_machine() -> None:
    services = configured(*PROFILES)
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert sorted(published) == ["127.0.0.1:8080:8080/tcp", "127.0.0.1:8321:8321/tcp"]


def test_the_app_asks_for_the_model_that_the_gpu_serves() -> None:
    services = configured("gpu")
    assert services["vllm"]["command"][0] == services["app"]["environment"]["RAGSTONE_LOCAL_MODEL"]
    assert services["vllm"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]


def test_the_service_keeps_what_it_made_in_a_redis_that_it_does_not_wait_for() -> None:
    services = configured()
    assert services["app"]["depends_on"]["redis"] == {"condition": "service_started"}
    assert services["app"]["environment"]["RAGSTONE_REDIS_URL"] == "redis://redis:6379/0"
    assert "healthcheck" in services["redis"]
    for given in ("", "redis://elsewhere:6379/0"):
        assert configured(RAGSTONE_REDIS_URL=given)["app"]["environment"]["RAGSTONE_REDIS_URL"] == given


def test_the_redis_of_the_service_starts_as_it_is_told_to() -> None:
    program, *settings = configured(RAGSTONE_REDIS_MEMORY="5mb")["redis"]["command"]
    assert program == "redis-server"
    server = RedisServer(*settings)
    try:
        with closing(redis.Redis.from_url(server.url(), decode_responses=True)) as client:
            told = client.config_get("*")
    finally:
        server.remove()
    kept = ("maxmemory", "maxmemory-policy", "appendonly", "save")
    assert {name: told[name] for name in kept} == dict(zip(kept, ("5242880", "allkeys-lru", "no", ""), strict=True))


def test_postgres_is_started_on_request_alone() -> None:
    assert configured()["postgres"]["profiles"] == ["postgres"]
    url = "postgresql://ragstone:ragstone@postgres/ragstone"
    services = configured("postgres", RAGSTONE_POSTGRES_URL=url)
    assert services["app"]["environment"]["RAGSTONE_POSTGRES_URL"] == url
    user, password = (services["postgres"]["environment"][f"POSTGRES_{part}"] for part in ("USER", "PASSWORD"))
    assert f"//{user}:{password}@postgres/" in url
    assert "healthcheck" in services["postgres"]


def test_a_project_of_ones_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    given = {"RAGSTONE_PROJECT": str(tmp_path), "RAGSTONE_DOCUMENTS": str(tmp_path / "documents")}
    mounts = configured(**given)["app"]["volumes"]
    assert f"{tmp_path}/documents:/project/documents:ro" in mounts
    assert f"{tmp_path}/prompts:/project/prompts:ro" in mounts
