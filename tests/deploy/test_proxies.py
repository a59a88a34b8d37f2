"""What stands before the service lets through what the service takes, and waits as long as it may take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ragstone_app import bounded, documents

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = ("nginx.conf", "site.conf")
GRACE = 30  # seconds: the default of `ragstone serve --grace`


def sizes(text: str) -> list[int]:
    """In bytes, in their order."""
    return [int(number) * 1024**2 for number in re.findall(r"client_max_body_size (\d+)m;", text)]


def test_the_service_itself_refuses_what_is_too_long() -> None:
    plain, files = sizes((DEPLOY / "nginx.conf").read_text())
    assert bounded.LARGEST < plain < 2 * bounded.LARGEST
    (site,) = sizes((DEPLOY / "site.conf").read_text())
    annotations = yaml.safe_load((DEPLOY / "kubernetes/ingress.yaml").read_text())["metadata"]["annotations"]
    ingress = int(annotations["nginx.ingress.kubernetes.io/proxy-body-size"].removesuffix("m")) * 1024**2
    assert all(documents.LARGEST < size < 2 * documents.LARGEST for size in (files, site, ingress))


@pytest.mark.parametrize("name", NGINX)
def test_events_are_not_held_back_and_a_caller_is_known_to_come_from_elsewhere(name: str) -> None:
    text = (DEPLOY / name).read_text()
    assert "proxy_buffering off;" in text
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in text
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", text)
    assert int(seconds) > 120  # all tries of a route together, unless its `timeout` says otherwise


def test_systemd_and_docker_wait_until_running_requests_have_ended() -> None:
    (systemd,) = re.findall(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "ragstone.service").read_text(), re.MULTILINE)
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"]["app"]
    assert int(systemd) > GRACE
    assert int(compose["stop_grace_period"].removesuffix("s")) > GRACE
