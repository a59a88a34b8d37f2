"""What a `Rag` hands out, each waiting for its asynchronous twin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragstone.batch.results import BatchAnswer, BatchProgress, BatchReport
from ragstone.batch.run import AsyncBatch
from ragstone.caches import AsyncCache
from ragstone.chats import AsyncChat
from ragstone.files import AsyncFiles
from ragstone.gateway import NO_OPTIONS, AsyncRoute
from ragstone.health import AsyncHealth, HealthReport
from ragstone.histories import AsyncConversations
from ragstone.indexes import AsyncIndex
from ragstone.ingestions import AsyncIngestions
from ragstone.keys import AsyncKeys, NewKey
from ragstone.models import AsyncModels
from ragstone.prompt_files import AsyncPrompts, ListedPrompt, ShownPrompt
from ragstone.reports import CacheReport, Difference, ExplainedRoute, IndexStatus, KeptCall
from ragstone.state.conversations import PAGE
from ragstone.state.jobs import Job
from ragstone.state.keys import Grant, Key
from ragstone.state.listing import DocumentsPage
from ragstone.streams import AnswerStream
from ragstone.sync.loop import next_of, waited
from ragstone.turns import Conversation, Turn
from ragstone.types import Answer, Chunk, Completion, Delta, Document, Message, Options

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "Batch",
    "Cache",
    "Chat",
    "Conversations",
    "Files",
    "Health",
    "Index",
    "Ingestions",
    "Keys",
    "Models",
    "Prompts",
    "Route",
    "Stream",
]


class Stream:
    """An answer while it is said. Iterate over its deltas; afterwards `answer` is the checked whole.

    stream = rag.stream("When does it ship?")
    for delta in stream:
        print(delta.text, end="")
    print(stream.answer.citations)

    What was said before a delta with `restart` is void: see AnswerStream.
    """

    def __init__(self, stream: AnswerStream) -> None:
        self._stream = stream
        self._deltas = stream.__aiter__()

    @property
    def answer(self) -> Answer:
        """The whole answer. Raises UsageError while it is still being said."""
        return self._stream.answer

    def __iter__(self) -> Iterator[Delta]:
        try:
            while (delta := waited(next_of(self._deltas))) is not None:
                yield delta
        except GeneratorExit:  # the caller has left the loop
            self.close()
            raise

    def close(self) -> None:
        """Stops what is still being said; the model is told. After the last delta there is nothing to stop."""
        waited(self._close())

    async def _close(self) -> None:
        await self._deltas.aclose()
        await self._stream.close()


class Chat:
    """One conversation with the documents."""

    def __init__(self, chat: AsyncChat) -> None:
        self._chat = chat

    def ask(self, question: str, /, *, output: type[BaseModel] | None = None, **inputs: Any) -> Answer:
        """An answer to the next question."""
        return waited(self._chat.ask(question, output=output, **inputs))

    def stream(self, question: str, /, *, output: type[BaseModel] | None = None, **inputs: Any) -> Stream:
        """The same answer while it is said."""
        return Stream(self._chat.stream(question, output=output, **inputs))


class Conversations:
    """The conversations of one person. See AsyncConversations for what each method raises."""

    def __init__(self, conversations: AsyncConversations) -> None:
        self._conversations = conversations

    def begin(self, *, title: str = "") -> Conversation:
        """A new one, without turns. Without a title it is called after its first question."""
        return waited(self._conversations.begin(title=title))

    def newest(self, *, limit: int = 20, before: str = "") -> list[Conversation]:
        """Those that were changed last first; `before` is the id of the last one of the page before. At most 200."""
        return waited(self._conversations.newest(limit=limit, before=before))

    def show(self, conversation: str) -> Conversation:
        """One of them, without its turns."""
        return waited(self._conversations.show(conversation))

    def turns(self, conversation: str, *, limit: int = PAGE, before: int = 0) -> list[Turn]:
        """The last turns of one, oldest first, or the last ones before a number. At most 200."""
        return waited(self._conversations.turns(conversation, limit=limit, before=before))

    def rename(self, conversation: str, title: str) -> Conversation:
        """Gives one another title, of at most 200 characters."""
        return waited(self._conversations.rename(conversation, title))

    def branch(self, conversation: str, *, at: int | None = None, title: str = "") -> Conversation:
        """A new one that begins with the turns of another up to number `at`, or with all of them."""
        return waited(self._conversations.branch(conversation, at=at, title=title))

    def delete(self, conversation: str) -> None:
        """Removes one with all that was said in it. Its branches stay."""
        waited(self._conversations.delete(conversation))


class Models:
    """The models of one pipeline's route."""

    def __init__(self, models: AsyncModels) -> None:
        self._models = models

    def explain(
        self,
        question: str | None = None,
        /,
        *,
        prompt: str | None = None,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
        principals: Iterable[str] = (),
        **inputs: Any,
    ) -> ExplainedRoute:
        """Which models a question would go to, in order, and why; nothing is sent but questions of a server's load."""
        return waited(self._models.explain(question, prompt=prompt, k=k, where=where, principals=principals, **inputs))

    def probe(self) -> None:
        """Has each model find out what its server can do, unless it is known of the last day."""
        waited(self._models.probe())


class Prompts:
    """The prompt files of a project."""

    def __init__(self, prompts: AsyncPrompts) -> None:
        self._prompts = prompts

    def all(self) -> list[ListedPrompt]:
        """Every prompt by name, as its file stands now."""
        return waited(self._prompts.all())

    def show(self, name: str) -> ShownPrompt:
        """One prompt. Raises UsageError where there is none of that name."""
        return waited(self._prompts.show(name))

    def has(self, name: str) -> bool:
        """Whether there is a prompt of that name."""
        return waited(self._prompts.has(name))


class Health:
    """The parts of one answer pipeline."""

    def __init__(self, health: AsyncHealth) -> None:
        self._health = health

    def check(self) -> HealthReport:
        """The state of each part, after two seconds at most."""
        return waited(self._health.check())


class Cache:
    """The caches of a project's pipelines, or of one of them."""

    def __init__(self, cache: AsyncCache) -> None:
        self._cache = cache

    def stats(self) -> CacheReport:
        """What each cache holds, and what was counted."""
        return waited(self._cache.stats())

    def count(self, rooms: Iterable[str] = (), *, tenant: str | None = None) -> dict[str, int]:
        """How many entries `clear` would remove, by room."""
        return waited(self._cache.count(rooms, tenant=tenant))

    def clear(self, rooms: Iterable[str] = (), *, tenant: str | None = None) -> int:
        """Removes all entries, or those of some rooms or of one tenant, and says how many that were."""
        return waited(self._cache.clear(rooms, tenant=tenant))

    def explain(self, key: str) -> KeptCall:
        """What is kept under a key, as a trace's step `cache` shows it."""
        return waited(self._cache.explain(key))


class Index:
    """What one index holds."""

    def __init__(self, index: AsyncIndex) -> None:
        self._index = index

    def status(self) -> IndexStatus:
        """Documents by state, chunks, failures, sizes."""
        return waited(self._index.status())

    def verify(self) -> list[Difference]:
        """Every chunk that the vector store or the lexical index lacks, or holds and should not."""
        return waited(self._index.verify())

    def repair(self) -> list[Difference]:
        """Mends every difference from `project.db` alone, and says what it found."""
        return waited(self._index.repair())

    def documents(self, uri: str) -> list[Document]:
        """The documents of a uri, those inside it too."""
        return waited(self._index.documents(uri))

    def chunks(self, uri: str) -> list[Chunk]:
        """The chunks of a document and of those inside it, in order."""
        return waited(self._index.chunks(uri))

    def forget(self, uri: str) -> int:
        """Removes a document from everywhere and keeps it out; returns how many documents went."""
        return waited(self._index.forget(uri))

    def allow(self, uri: str) -> None:
        """Lets a forgotten document in again, with the next ingestion."""
        waited(self._index.allow(uri))


class Files:
    """What one index holds as one may see it, and a door for new files. See AsyncFiles for what each method raises."""

    def __init__(self, files: AsyncFiles) -> None:
        self._files = files

    def listed(
        self, *, principals: Iterable[str] | None = (), after: str = "", named: str = "", limit: int = 100
    ) -> DocumentsPage:
        """A page of the documents that the principals may see; None stands for the operator, who sees all."""
        return waited(self._files.listed(principals=principals, after=after, named=named, limit=limit))

    def put(self, name: str, data: Iterable[bytes], *, source: str = "") -> str:
        """Puts a file into the folder of a source, and gives its uri; ingest it then."""

        async def parts() -> AsyncIterator[bytes]:
            for part in data:
                yield part

        return waited(self._files.put(name, parts(), source=source))

    def remove(self, name: str, *, source: str = "") -> str | None:
        """Removes a file from the folder of a source, and gives its uri; None where there is none."""
        return waited(self._files.remove(name, source=source))

    def fingerprint(self) -> str:
        """Another one as soon as a file of the sources' folders was added, changed, removed or labelled otherwise."""
        return waited(self._files.fingerprint())


class Ingestions:
    """What was asked to be ingested; its twin is AsyncIngestions."""

    def __init__(self, ingestions: AsyncIngestions) -> None:
        self._ingestions = ingestions

    def ask(
        self,
        *,
        only: Sequence[str] = (),
        rebuild: bool = False,
        tenant: str = "default",
        pipeline: str = "ingest",
    ) -> Job:
        """Writes it down, and gives it; one that waits already and wants the same is given in its place."""
        return waited(self._ingestions.ask(only=only, rebuild=rebuild, tenant=tenant, pipeline=pipeline))

    def all(self, *, limit: int = 20, tenant: str | None = None) -> list[Job]:
        """The last ones, the newest first: of one tenant, or of all."""
        return waited(self._ingestions.all(limit=limit, tenant=tenant))

    def show(self, job_id: str) -> Job | None:
        """One of them."""
        return waited(self._ingestions.show(job_id))

    def work(self) -> Job | None:
        """Does the next one, and gives it as it has ended; None where nothing waits, or somebody else ingests."""
        return waited(self._ingestions.work())


class Route:
    """The models of one pipeline's route. See AsyncRoute for what each method raises."""

    def __init__(self, route: AsyncRoute) -> None:
        self._route = route

    def complete(
        self,
        messages: Sequence[Message],
        *,
        options: Options = NO_OPTIONS,
        output: Mapping[str, Any] | None = None,
        n: int = 1,
    ) -> list[Completion]:
        """What a model says to these messages, `n` times; `output` is a JSON Schema that each must obey."""
        return waited(self._route.complete(messages, options=options, output=output, n=n))

    def stream(self, messages: Sequence[Message], *, options: Options = NO_OPTIONS) -> Generator[Delta]:
        """The same piece by piece; the last delta carries the completion. Who leaves early stops the model."""
        deltas = self._route.stream(messages, options=options)
        try:
            while (delta := waited(next_of(deltas))) is not None:
                yield delta
        finally:
            waited(deltas.aclose())


class Batch:
    """Many questions that are asked side by side: iterate over what comes of each, or `write` it into a file."""

    def __init__(self, batch: AsyncBatch) -> None:
        self._batch = batch

    def __iter__(self) -> Iterator[BatchAnswer]:
        found = self._batch.__aiter__()
        try:
            while (one := waited(next_of(found))) is not None:
                yield one
        finally:  # the caller may have left the loop
            waited(found.aclose())

    def write(
        self,
        answers: str | Path,
        *,
        retry_failed: bool = False,
        progress: Callable[[BatchProgress], None] | None = None,
    ) -> BatchReport:
        """Asks each line of a file and writes a line for each, in their order; run again, it goes on."""
        return waited(self._batch.write(answers, retry_failed=retry_failed, progress=progress))


class Keys:
    """Who may ask over HTTP; its twin is AsyncKeys."""

    def __init__(self, keys: AsyncKeys) -> None:
        self._keys = keys

    def create(self, grant: Grant) -> NewKey:
        """A new key. Raises UsageError where another one of that name is in use."""
        return waited(self._keys.create(grant))

    def all(self) -> list[Key]:
        """Every key, also those that count no longer, the newest first."""
        return waited(self._keys.all())

    def exist(self) -> bool:
        """Whether a key was ever made."""
        return waited(self._keys.exist())

    def revoke(self, name: str) -> Key:
        """Ends a key, by its name or id. Raises UsageError where no such key is in use."""
        return waited(self._keys.revoke(name))

    def admit(self, token: str) -> Key:
        """The key that a bearer has sent. Raises AccessDenied, or RateLimited where its minute is full."""
        return waited(self._keys.admit(token))
