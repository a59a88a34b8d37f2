"""Tesseract: reads the words on images and scanned pages.

    kind: ocr
    type: tesseract
    languages: [eng, deu]

It is a program of its own: `apt install tesseract-ocr tesseract-ocr-deu` on Debian.
"""

from __future__ import annotations

import shutil
import subprocess

from ragstone.errors import ConfigError, ParseError
from ragstone.protocols import Ocr

__all__ = ["Tesseract"]


class Tesseract(Ocr):
    """Runs the program once for each image, with a limit of `timeout` seconds.

    Raises ConfigError for a language's name that is none; ParseError when the program is missing, lacks a language or
    cannot read an image.
    """

    def __init__(self, *, languages: list[str] = ["eng"], timeout: float = 60.0) -> None:  # noqa: B006 - only read
        for name in languages:
            if not name.replace("_", "").isalnum():
                raise ConfigError(
                    "is no language of Tesseract's", expected="a name as in `tesseract --list-langs`", found=name
                )
        self.languages, self.timeout = tuple(languages), timeout
        self.fingerprint = "tesseract-" + "+".join(languages)

    def read(self, image: bytes) -> str:
        """The words on a PNG, JPEG or TIFF image."""
        program = shutil.which("tesseract")
        if program is None:
            raise ParseError(
                "the program tesseract is not installed",
                hint="Debian: apt install "
                + " ".join(["tesseract-ocr", *(f"tesseract-ocr-{n}" for n in self._extra())]),
            )
        command = [program, "stdin", "stdout", "-l", "+".join(self.languages)]
        try:
            done = subprocess.run(command, input=image, capture_output=True, timeout=self.timeout, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise ParseError(
                f"OCR took longer than {self.timeout:g} s", hint="Raise the connector's `timeout`."
            ) from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ParseError(f"tesseract cannot read it: {said[0] if said else done.returncode}")
        return done.stdout.decode("utf-8", "replace").replace("\f", "\n").strip()

    def _extra(self) -> list[str]:
        return [name.replace("_", "-") for name in self.languages if name != "eng"]
