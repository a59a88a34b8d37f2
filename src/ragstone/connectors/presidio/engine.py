"""Presidio's analyzer as we need it: without a language model unless one is named, and without a network."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

from ragstone.errors import NotConfigured
from ragstone.text.personal.finding import find
from ragstone.text.personal.spans import TYPES

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["NAMES", "Own", "Words", "analyzer", "pipeline"]

NAMES = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "LOCATION": "LOCATION",
    "GPE": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "ORGANIZATION": "ORGANIZATION",
    "NORP": "NRP",
}
"""What spaCy's labels are called here. Its dates, numbers and works of art are no names."""

LANGUAGE = "en"  # of Presidio's own patterns; ours know no language
SURE = 0.85  # how sure a name is: spaCy does not say

logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)  # it warns of each of its patterns for other languages
tldextract.tldextract.TLD_EXTRACTOR.suffix_list_urls = ()  # else it fetches the list when it reads its first address


class Words(NlpEngine):
    """The words of a text, as Presidio's patterns need them for what is said beside a number; and names, if any."""

    def __init__(self, language: Language, *, names: bool) -> None:
        self.language, self.names = language, names

    def load(self) -> None:
        """It is loaded."""

    def is_loaded(self) -> bool:
        """It is."""
        return True

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """The words of a text in lower case, and the names in it."""
        self.language.max_length = max(self.language.max_length, len(text) + 1)
        said = self.language(text)
        entities = [one for one in said.ents if one.label_ in NAMES] if self.names else []
        for one in entities:
            one.label_ = NAMES[one.label_]
        return NlpArtifacts(
            entities=entities,
            tokens=said,
            tokens_indices=[token.idx for token in said],
            lemmas=[token.lower_ for token in said],
            nlp_engine=self,
            language=language,
            scores=[SURE] * len(entities),
        )

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **kwargs: Any
    ) -> Iterator[tuple[str, NlpArtifacts]]:
        """Each of the texts."""
        for text in texts:
            yield text, self.process_text(text, language)

    def is_stopword(self, word: str, language: str) -> bool:
        """Whether a word says nothing."""
        return bool(self.language.vocab[word].is_stop)

    def is_punct(self, word: str, language: str) -> bool:
        """Whether it is a mark."""
        return bool(self.language.vocab[word].is_punct)

    def get_supported_entities(self) -> list[str]:
        """The kinds of names."""
        return sorted(set(NAMES.values())) if self.names else []

    def get_supported_languages(self) -> list[str]:
        """The one that its patterns are for."""
        return [LANGUAGE]


class Own(EntityRecognizer):
    """Our patterns among Presidio's."""

    def __init__(self) -> None:
        super().__init__(supported_entities=[*TYPES], name="ragstone", supported_language=LANGUAGE)

    def load(self) -> None:
        """It is loaded."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """What `ragstone.text.personal` finds."""
        return [
            RecognizerResult(entity_type=span.type, start=span.start, end=span.end, score=span.score)
            for span in find(text, entities)
        ]


def pipeline(names: str | None) -> Language:
    """A spaCy pipeline by its name or folder, or one that only cuts a text into words. Raises NotConfigured."""
    if names is None:
        return spacy.blank(LANGUAGE)
    try:
        found = spacy.load(names)
    except OSError as error:
        raise NotConfigured(
            f"the spaCy pipeline {names!r} is not installed", hint=f"Run: python -m spacy download {names}"
        ) from error
    if "ner" not in found.pipe_names and "entity_ruler" not in found.pipe_names:
        raise NotConfigured(
            f"the spaCy pipeline {names!r} finds no names", expected="one with `ner`", found=", ".join(found.pipe_names)
        )
    return found


def analyzer(language: Language, *, names: bool, own: bool = True) -> AnalyzerEngine:
    """Presidio's analyzer. With `own` our patterns stand in place of Presidio's for the types that both know."""
    engine = Words(language, names=names)
    registry = RecognizerRegistry(supported_languages=[LANGUAGE])
    registry.load_predefined_recognizers(languages=[LANGUAGE], nlp_engine=engine)
    if not names:
        registry.remove_recognizer("SpacyRecognizer")
    if own:
        theirs = cast("list[EntityRecognizer]", registry.recognizers)  # pyright: ignore[reportUnknownMemberType]
        for name in [one.name for one in theirs if set(one.supported_entities) <= set(TYPES)]:
            registry.remove_recognizer(name)
        registry.add_recognizer(Own())
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])
