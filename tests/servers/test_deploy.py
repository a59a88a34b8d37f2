"""deploy/: the service on a machine without containers, behind nginx with TLS; and its unit for systemd."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from servers import free_port, missing, running

pytestmark = pytest.mark.servers

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = "ragstone.example.org"
QUESTION = {"question": "When does the halibut project ship?"}
EXPOSURE = "20"  # tenths: systemd calls 0 safe and 100 unsafe


def found(program: str, package: str) -> str:
    path = shutil.which(program, path="/usr/bin:/usr/sbin:/bin")
    if path is None:
        missing(program, f"Run: apt-get install {package}")
    return path


@dataclass(frozen=True, slots=True)
class Site:
    """The address of nginx, and who trusts its certificate."""

    url: str
    trust: ssl.SSLContext

    def ask(self, key: str = "", **more: object) -> HTTPResponse:
        headers = {"content-type": "application/json", "host": NAME} | (
            {"authorization": f"Bearer {key}"} if key else {}
        )
        request = urllib.request.Request(f"{self.url}/api/ask", json.dumps({**QUESTION, **more}).encode(), headers)
        return urllib.request.urlopen(request, timeout=60, context=self.trust)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    write(folder, model=Default.extractive)
    (folder / "documents/halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture
def site(tmp_path: Path, project: Path) -> Iterator[Site]:
    """The service and nginx, as deploy/site.conf has it: with other ports, and a certificate of the test's own."""
    pem, key = tmp_path / "site.pem", tmp_path / "site.key"
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    names = ["-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
    command = [found("openssl", "openssl"), "req", *options, *names, "-keyout", key, "-out", pem]
    subprocess.run(command, check=True, capture_output=True)
    app, door, beside = free_port(), free_port(), free_port()
    text = (DEPLOY / "site.conf").read_text()
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{door} ssl;"),
        ("http://127.0.0.1:8321", f"http://127.0.0.1:{app}"),
        (f"/etc/ssl/{NAME}.pem", str(pem)),
        (f"/etc/ssl/private/{NAME}.key", str(key)),
    ):
        assert old in text
        text = text.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text += f"server {{ listen 127.0.0.1:{beside}; return 200; }}\n"
    conf = tmp_path / "nginx.conf"
    begin = f"user root;\npid {tmp_path}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n"
    conf.write_text(f"{begin}{temporary}{text}}}\n")
    nginx = [found("nginx", "nginx-light"), "-e", "stderr", "-p", str(tmp_path), "-c", str(conf), "-g", "daemon off;"]
    serve = [sys.executable, "-m", "ragstone", "serve", "--port", str(app), "--project", str(project)]
    with (
        running(serve, health=f"http://127.0.0.1:{app}/healthz", log=tmp_path / "app.log"),
        running(nginx, health=f"http://127.0.0.1:{beside}", log=tmp_path / "nginx.log"),
    ):
        yield Site(f"https://127.0.0.1:{door}", ssl.create_default_context(cafile=str(pem)))


def made_key(project: Path, name: str) -> str:
    with ragstone.open(project) as rag:
        return rag.keys().create(ragstone.Grant(name=name)).token


def test_through_nginx_nobody_is_answered_without_a_key_and_a_key_is(site: Site, project: Path) -> None:
    for name in ("first", "second"):  # before any key was made, and after
        with pytest.raises(urllib.error.HTTPError) as refused:
            site.ask()
        assert refused.value.code == 401
        refused.value.close()
        key = made_key(project, name)
    with site.ask(key) as response:
        assert "3 May 2031" in json.load(response)["text"]


def test_events_come_through_nginx(site: Site, project: Path) -> None:
    with site.ask(made_key(project, "reader"), stream=True) as response:
        events = [line for line in response.read().decode().splitlines() if line.startswith("event: ")]
    assert events[0] == "event: hit"
    assert events[-1] == "event: done"


def test_what_is_too_long_is_refused_by_the_service_itself(site: Site, project: Path) -> None:
    key = made_key(project, "reader")
    with pytest.raises(urllib.error.HTTPError) as refused:
        site.ask(key, inputs={"long": "x" * 16_000_000})
    assert refused.value.code == 413
    assert json.load(refused.value)["message"].startswith("the request is too long")


def test_systemd_takes_the_unit_and_finds_little_exposed(tmp_path: Path) -> None:
    analyze = found("systemd-analyze", "systemd")
    unit = tmp_path / "ragstone.service"
    text = (DEPLOY / "ragstone.service").read_text()
    unit.write_text(text.replace("/opt/ragstone/bin/ragstone serve", "/bin/true serve"))  # it looks for the program
    for options in (["verify"], ["security", "--offline=true", f"--threshold={EXPOSURE}"]):
        done = subprocess.run([analyze, *options, unit], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Unknown" not in done.stderr, done.stderr
