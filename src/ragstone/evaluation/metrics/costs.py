"""What an answer takes: money, tokens, calls of models; and how long it is."""

from __future__ import annotations

import re

from ragstone.evaluation.metrics.metric import Metric, Row, Tools
from ragstone.evaluation.outcomes import Outcome

__all__ = ["Calls", "Cost", "InputTokens", "OutputTokens", "Words"]

_WORD = re.compile(  # a character of a script without spaces, or a run of other letters and digits with what joins them
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W_](?:[^\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|['’.,-](?=[^\W_]))*"
)


class _Taken(Metric):
    better = "lower"
    most = None
    passing = None

    key = ""  # of `Answer.as_dict()`, or of its usage

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """What one question took, an abstention as well; None for a search alone."""
        answer = outcome.answer
        found = answer.get(self.key, answer.get("usage", {}).get(self.key))
        return None if found is None else (float(found),)


class Cost(_Taken):
    """Cost of a question in USD.

    cost = the sum over its calls of models of tokens · price, as the models' connectors state their prices. An answer
    from the cache costs nothing.
    Range: 0 and up, lower is better; the mean over the questions.
    Source: Ragstone's own count; see `Answer.cost`.
    """

    unit = "USD"
    key = "cost"


class InputTokens(_Taken):
    """Tokens that were sent for a question.

    input_tokens = the sum over its calls of models of the tokens of the prompt, as the server counts them.
    Range: 0 and up, lower is better; the mean over the questions.
    Source: the model's server; see `Usage`.
    """

    unit = "tokens"
    key = "input_tokens"


class OutputTokens(_Taken):
    """Tokens that models said for a question.

    output_tokens = the sum over its calls of models of the tokens that were generated, as the server counts them.
    Range: 0 and up, lower is better; the mean over the questions.
    Source: the model's server; see `Usage`.
    """

    unit = "tokens"
    key = "output_tokens"


class Calls(_Taken):
    """Calls of models for a question.

    calls = how many completions were asked for: one, and more for rewriting, sampling, checks and second tries.
    Range: 0 and up, lower is better; the mean over the questions.
    Source: Ragstone's own count; see `Completion.calls`.
    """

    unit = "calls"
    key = "calls"


class Words(Metric):
    """Length of an answer in words.

    words = the words of an answer without its markers; Chinese, Japanese and Thai count by character. Abstentions are
    left out.
    Range: 0 and up; lower counts as better, since a reader's time is a cost. The mean over the answers.
    Source: Ragstone's own count.
    """

    better = "lower"
    unit = "words"
    most = None
    passing = None

    async def row(self, outcome: Outcome, tools: Tools) -> Row | None:
        """The words of one answer; None where it abstains."""
        return (float(len(_WORD.findall(outcome.text))),) if outcome.answers else None
