from __future__ import annotations

import shutil
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from redis_server import RedisServer
from servers import missing

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]


def configured(*options: str, **environment: str) -> dict[str, Any]:
    """What docker-compose makes of our file."""
    program = shutil.which("docker-compose")
    if program is None:
        missing("docker-compose", "Run: apt-get install docker-compose")
    command = [program, "--file", ROOT / "docker-compose.yml", *options, "config"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **environment})
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


def test_the_service_waits_for_a_healthy_store() -> None:
    services = configured()
    assert services["app"]["depends_on"]["chroma"] == {"condition": "service_healthy"}
    assert services["app"]["environment"]["RAGSTONE_CHROMA_URL"] == "http://chroma:8000"
    assert "healthcheck" in services["chroma"]


def test_nothing_listens_beyond_this_machine() -> None:
    services = configured("--profile", "gpu", "--profile", "postgres")
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert sorted(published) == ["127.0.0.1:8080:8080/tcp", "127.0.0.1:8321:8321/tcp"]


def test_the_app_asks_for_the_model_that_the_gpu_serves() -> None:
    services = configured("--profile", "gpu")
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
    services = configured("--profile", "postgres", RAGSTONE_POSTGRES_URL=url)
    assert services["app"]["environment"]["RAGSTONE_POSTGRES_URL"] == url
    user, password = (services["postgres"]["environment"][f"POSTGRES_{part}"] for part in ("USER", "PASSWORD"))
    assert f"//{user}:{password}@postgres/" in url
    assert "healthcheck" in services["postgres"]


def test_a_project_of_ones_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    mounts = configured(RAGSTONE_PROJECT=str(tmp_path), RAGSTONE_DOCUMENTS="documents")["app"]["volumes"]
    assert f"{tmp_path}/documents:/project/documents:ro" in mounts
    assert f"{tmp_path}/prompts:/project/prompts:ro" in mounts
