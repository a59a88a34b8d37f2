"""The image of the Dockerfile, built without a Docker engine, and run as a container engine would run it.

buildah runs each step in a chroot, on a base that debootstrap makes: no image can be pulled here. The commands run in
namespaces of their own: without a network, on a root that is read only, as the image's user and without any right.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers import missing

__all__ = ["Image", "built"]

ROOT = Path(__file__).parents[2]
BASE = "localhost/ragstone-test-base:bookworm"
NAME = "localhost/ragstone-test"
PACKAGES = "ca-certificates,python3,python3-venv"
MIRROR = "http://deb.debian.org/debian"
SLIM = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists")
"""What Debian's slim images lack."""
PASSED = ("/etc/pip.conf", "/etc/ssl/certs")
"""How packages are found on this machine: the image keeps none of it."""

CONTAINER = """
mount --make-rprivate /
mount --bind {root} {root}
mount -t proc proc {root}/proc
mount -t tmpfs tmpfs {root}/dev
for device in null zero random urandom; do touch {root}/dev/$device; mount --bind /dev/$device {root}/dev/$device; done
ln -s /proc/self/fd {root}/dev/fd
mount -t tmpfs -o mode=1777,noexec tmpfs {root}/tmp
mount --bind {volume} {root}{state}
mount -o remount,bind,ro {root}
ip link set lo up
exec chroot {root} setpriv --reuid {user} --regid {group} --clear-groups --bounding-set=-all --no-new-privs \
  env -i {environment} sh -c {script}
"""


@dataclass(frozen=True, slots=True)
class Image:
    """What was built: its root as a folder here, and what it says of how it is run."""

    root: Path
    config: Mapping[str, Any]

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        found = {(stat.st_dev, stat.st_ino): stat.st_size for stat in _stats(self.root)}
        return sum(found.values())

    def run(self, script: str, *, volume: Path, timeout: float, **environment: str) -> subprocess.CompletedProcess[str]:
        """A shell script in a container, where `volume` is the folder of the project's state. All ends with it."""
        user, group = self.config["User"].split(":")
        given = dict(word.split("=", 1) for word in self.config["Env"]) | environment
        os.chown(volume, int(user), int(group))
        words = {
            "root": shlex.quote(str(self.root)),
            "volume": shlex.quote(str(volume)),
            "state": "/project/.ragstone",
            "user": user,
            "group": group,
            "environment": shlex.join(f"{name}={value}" for name, value in given.items()),
            "script": shlex.quote(f"cd {self.config['WorkingDir']}\n{script}"),
        }
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec"]
        return subprocess.run(
            [*command, CONTAINER.format(**words)], capture_output=True, text=True, timeout=timeout, check=False
        )


@contextmanager
def built(folder: Path) -> Iterator[Image]:
    """Builds it, with `folder` for what is needed on the way. Skips the test where it cannot be built here."""
    for program in ("buildah", "debootstrap", "unshare", "setpriv"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            missing(program, "Run: make test-servers")
    if os.geteuid() != 0:
        missing("root", "Building an image in a chroot takes it.")
    if not _done("buildah", "images", "--quiet", "--filter", f"reference={BASE}"):
        _make_base(folder / "base")
    passed = [word for path in PASSED if Path(path).exists() for word in ("--volume", f"{path}:{path}:ro")]
    _done(
        "buildah",
        "bud",
        "--format=docker",
        "--isolation=chroot",
        "--build-arg",
        f"BASE={BASE}",
        *passed,
        "-t",
        NAME,
        ROOT,
    )
    container = _done("buildah", "from", NAME)
    try:
        config = json.loads(_done("buildah", "inspect", "--type=image", NAME))["Docker"]["config"]
        yield Image(Path(_done("buildah", "mount", container)), config)
    finally:
        _done("buildah", "rm", container)
        _done("buildah", "rmi", NAME)


def _make_base(folder: Path) -> None:
    """A Debian with Python, as the official image is one; kept for the next time."""
    _done("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", folder, MIRROR)
    for each in SLIM:
        shutil.rmtree(folder / each)
        (folder / each).mkdir()
    container = _done("buildah", "from", "scratch")
    _done("buildah", "copy", "--quiet", container, folder, "/")
    _done("buildah", "commit", "--quiet", "--rm", container, BASE)
    shutil.rmtree(folder)


def _done(*command: str | Path) -> str:
    """What a command prints last. Raises AssertionError with its log where it fails."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


def _stats(root: Path) -> Iterator[os.stat_result]:
    for where, folders, files in os.walk(root):
        for name in (*folders, *files):
            yield Path(where, name).lstat()
