"""Old Word and PowerPoint files, which LibreOffice turns into new ones where it is installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ragstone.errors import ParseError
from ragstone.ingestion.parsers.docx import DocxParser
from ragstone.ingestion.parsers.pptx import PptxParser
from ragstone.protocols import Parser
from ragstone.types import Parsed

__all__ = ["EncryptedParser", "LegacyParser"]

TIMEOUT = 100.0  # seconds; the limit of the whole file is a little more

_NEW = {"application/msword": "docx", "application/vnd.ms-powerpoint": "pptx"}


class LegacyParser(Parser):
    """Converts in a folder of its own that is removed afterwards, with a profile of its own, and no macro runs."""

    media_types: ClassVar[tuple[str, ...]] = tuple(_NEW)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """The text and its spans. Raises ParseError, saying what to install, without LibreOffice."""
        is_slides = "PowerPoint Document".encode("utf-16-le") in data
        media_type = "application/vnd.ms-powerpoint" if is_slides else "application/msword"
        new = _NEW[media_type]
        office = shutil.which("soffice") or shutil.which("libreoffice")
        if office is None:
            packages = "libreoffice-impress-nogui" if is_slides else "libreoffice-writer-nogui"
            looks = "PowerPoint presentation" if is_slides else "Word document"
            raise ParseError(
                f"is an old {looks}, which LibreOffice must convert",
                where=uri,
                hint=f"Install LibreOffice (Debian: apt install {packages}), or save it as .{new}.",
            )
        parser = PptxParser() if is_slides else DocxParser()
        return replace(parser.parse(_converted(office, data, new, uri), uri=uri), media_type=media_type)


def _converted(office: str, data: bytes, new: str, uri: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="ragstone-") as name:
        folder = Path(name)
        source = folder / f"document.{'doc' if new == 'docx' else 'ppt'}"
        source.write_bytes(data)
        command = [office, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless", "--norestore"]
        command += ["--convert-to", new, "--outdir", str(folder), str(source)]
        environment = {**os.environ, "HOME": name}
        with subprocess.Popen(  # noqa: S603 - a program of this machine, and files of ours
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
        ) as process:
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise ParseError("LibreOffice took too long to convert it", where=uri) from error
        target = folder / f"document.{new}"
        if not target.exists():
            raise ParseError("LibreOffice cannot convert it: it may be damaged or encrypted", where=uri)
        return target.read_bytes()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the program with what it has started: it is a script that starts another."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


class EncryptedParser(Parser):
    """Says what an Office file with a password is."""

    media_types: ClassVar[tuple[str, ...]] = ("application/x-ole-encrypted",)

    def parse(self, data: bytes, *, uri: str) -> Parsed:
        """Always raises ParseError."""
        raise ParseError("is encrypted: it opens only with its password", where=uri, hint="Save it without one.")
