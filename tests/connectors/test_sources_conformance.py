"""Every source passes the suite of its protocol."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import fsspec
import pytest

from ragstone.connectors.files import FilesSource, FrontMatter, Sidecar
from ragstone.connectors.loaders import LangChainSource, LlamaIndexSource
from ragstone.connectors.sql import Column, SqlSource
from ragstone.connectors.table import TableSource
from ragstone.connectors.web import WebSource
from ragstone.protocols import Source
from ragstone.testing import MemorySource
from ragstone.testing.suites import SourceSuite

FISH = {"cod.md": "---\nallow: [anna]\n---\n# Cod", "eel.md": "# Eel"}
TABLE = "id,name,readers\n1,Cod,anna\n2,Eel,\n"


def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir(exist_ok=True)
    for name, text in FISH.items():
        if not (made / name).exists():
            (made / name).write_text(text)
    return made


class TestMemorySource(SourceSuite):
    unreachable = False

    def make(self, tmp_path: Path) -> Source:
        return MemorySource(FISH, acl={"cod.md": ["anna"]})


class TestFilesSource(SourceSuite):
    def make(self, tmp_path: Path) -> Source:
        return FilesSource(folder(tmp_path), tmp_path)

    def make_unreachable(self, tmp_path: Path) -> Source:
        return FilesSource(tmp_path / "none", tmp_path)


class TestFilesSourceWithSidecars(TestFilesSource):
    def make(self, tmp_path: Path) -> Source:
        (folder(tmp_path) / "cod.md.acl.yaml").write_text("allow: [anna]")
        return FilesSource(folder(tmp_path), tmp_path, acl=Sidecar.model_validate({"from": "sidecar"}))


class TestFilesSourceWithFrontMatter(TestFilesSource):
    def make(self, tmp_path: Path) -> Source:
        return FilesSource(folder(tmp_path), tmp_path, acl=FrontMatter.model_validate({"from": "front-matter"}))


class TestFilesSourceOfAStore(SourceSuite):
    vendors = ("fsspec",)

    @pytest.fixture(autouse=True)
    def _store(self) -> Iterator[None]:
        self.url = f"memory://{uuid4().hex}"
        files = fsspec.filesystem("memory")
        for name, text in FISH.items():
            files.pipe_file(f"{self.url.removeprefix('memory:/')}/{name}", text.encode())
        yield
        files.rm(self.url.removeprefix("memory:/"), recursive=True)

    def make(self, tmp_path: Path) -> Source:
        return FilesSource(self.url)

    def make_unreachable(self, tmp_path: Path) -> Source:
        return FilesSource("memory://none")


class TestSqlSource(SourceSuite):
    vendors = ("sqlalchemy", "sqlite3")

    def make(self, tmp_path: Path) -> Source:
        path = tmp_path / "fish.db"
        if not path.exists():
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE fish (id, name, readers)")
                db.executemany("INSERT INTO fish VALUES (?,?,?)", [(1, "Cod", "anna"), (2, "Eel", None)])
            db.close()
        return self.of(path)

    def make_unreachable(self, tmp_path: Path) -> Source:
        return self.of(tmp_path / "none.db")

    def of(self, path: Path) -> Source:
        acl = Column(column="readers")
        return SqlSource(
            url=f"sqlite:///{path}", query="SELECT * FROM fish", key="id", text=["name"], metadata=["name"], acl=acl
        )


class TestTableSource(SourceSuite):
    def make(self, tmp_path: Path) -> Source:
        path = tmp_path / "fish.csv"
        path.write_text(TABLE)
        return TableSource(path, tmp_path, template="{name}", key="id", metadata=["name"])

    def make_unreachable(self, tmp_path: Path) -> Source:
        return TableSource(tmp_path / "none.csv", tmp_path, template="{name}")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class TestWebSource(SourceSuite):
    vendors = ("httpx",)
    server: ClassVar[ThreadingHTTPServer]

    @pytest.fixture(autouse=True)
    def _site(self, tmp_path: Path) -> Iterator[None]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder(tmp_path))))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.site = f"http://127.0.0.1:{server.server_port}"
        yield
        server.shutdown()
        server.server_close()

    def make(self, tmp_path: Path) -> Source:
        return WebSource(urls=[f"{self.site}/cod.md", f"{self.site}/eel.md"], allow_private=True)

    def make_unreachable(self, tmp_path: Path) -> Source:
        return WebSource(urls=["http://127.0.0.1:9/"], allow_private=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:langchain_community")
@pytest.mark.filterwarnings("ignore:.langchain-community:DeprecationWarning")
class TestLangChainSource(SourceSuite):
    def make(self, tmp_path: Path) -> Source:
        path = tmp_path / "fish.csv"
        path.write_text(TABLE)
        return self.of(path)

    def make_unreachable(self, tmp_path: Path) -> Source:
        return self.of(tmp_path / "none.csv")

    def of(self, path: Path) -> Source:
        return LangChainSource(
            loader="langchain_community.document_loaders.CSVLoader", arguments={"file_path": str(path)}
        )


class TestLlamaIndexSource(SourceSuite):
    def make(self, tmp_path: Path) -> Source:
        return self.of(folder(tmp_path))

    def make_unreachable(self, tmp_path: Path) -> Source:
        return self.of(tmp_path / "none")

    def of(self, path: Path) -> Source:
        return LlamaIndexSource(reader="llama_index.core.SimpleDirectoryReader", arguments={"input_dir": str(path)})
