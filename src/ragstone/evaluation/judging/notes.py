"""What a reader must know of a judge's figures, in sentences: who it is, what it leans to, and whom it agrees with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ragstone.evaluation.judging.agreement import FEWEST, Agreement, rho_interval, spearman
from ragstone.evaluation.outcomes import Outcome

__all__ = ["Graded", "about_itself", "about_people", "beyond_people", "graded_of", "named", "notes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """What is remembered of one grade: that, the words of the answer, and the model that wrote it, "" if unknown."""

    grade: int
    words: int
    writer: str = ""


def graded_of(outcomes: Iterable[Outcome], *, metric: str = "judge") -> list[Graded]:
    """The grades that a run holds: those of a run that was cut short, too, which no judge remembers."""
    return [
        Graded(
            grade=round(one.rows[metric][0]),
            words=len((one.text or one.marked).split()),
            writer=str(one.answer.get("model", "")),
        )
        for one in outcomes
        if metric in one.rows
    ]


def notes(
    graded: Sequence[Graded],
    *,
    name: str,
    models: Collection[str],
    ungraded: int = 0,
    agreement: Agreement | None = None,
) -> list[str]:
    """Sentences about grades: `name` is the judge's connector, and `models` are those that have graded."""
    return [
        f"The judge is {named(name, models)}.",
        *about_itself([one.writer for one in graded], models),
        *([f"{ungraded:,} of its replies ended with no grade, and count for nothing."] if ungraded else []),
        _about_length(graded),
        *about_people(agreement),
    ]


def named(name: str, models: Collection[str]) -> str:
    """A judge by its connector, with the models that answered as it."""
    return f"{name} ({', '.join(sorted(models))})" if models and set(models) != {name} else name


def about_itself(writers: Sequence[str], models: Collection[str]) -> list[str]:
    """That the judge wrote what it judges: a model prefers its own words (Panickssery et al. 2024)."""
    own = sum(writer in models for writer in writers)
    if not own:
        return []
    which = "all the answers" if own == len(writers) else f"{own:,} of the {len(writers):,} answers"
    return [
        f"The same model wrote {which}: a model tends to prefer its own words (arXiv 2404.13076). "
        "Have another one judge: --model NAME."
    ]


def _about_length(graded: Sequence[Graded]) -> str:
    """Whether longer answers get better grades: judges tend to favour them (Zheng et al. 2023; Saito et al. 2023)."""
    count, grades, words = len(graded), [one.grade for one in graded], [one.words for one in graded]
    if count < FEWEST:
        return f"Whether it favours long answers cannot be told from fewer than {FEWEST} ({count} graded)."
    found = _followed(grades, words)
    if found is None:
        same = "grade" if len(set(grades)) == 1 else "length"
        return f"Whether it favours long answers cannot be told: all {count:,} have the same {same}."
    way, figures = found
    if not way:
        return f"Grades do not follow the length of the answers beyond doubt ({figures})."
    better, for_length = ("better", "favours") if way > 0 else ("worse", "is against")
    return f"Longer answers have {better} grades ({figures}): they may be {better}, or the judge {for_length} length."


def beyond_people(human: Sequence[int], graded: Sequence[Graded]) -> list[str]:
    """Whether longer answers have other grades where people's are alike: that is a bias, for people have read them too.

    The partial correlation takes out what length and both graders have in common: good answers may well be long.
    """
    grades, words = [one.grade for one in graded], [one.words for one in graded]
    found = _followed(grades, words, human) if len(graded) >= FEWEST else None
    if found is None:
        return []
    way, figures = found
    if not way:
        return [f"Where people's grades are alike, its own do not follow length beyond doubt ({figures})."]
    return [
        f"Where people's grades are alike, it gives longer answers {'better' if way > 0 else 'worse'} ones ({figures})."
    ]


def _followed(
    grades: Sequence[float], words: Sequence[int], human: Sequence[float] | None = None
) -> tuple[int, str] | None:
    """Whether grades go up (1) or down (-1) with length beyond doubt, or not (0), and by which figures.

    None where all grades, or all lengths, are the same, or the judge's grades are those of people.
    """
    given = (grades, words) if human is None else (grades, words, human)
    # Answers come in any order, and the bootstrap must draw the same ones each time.
    columns = [*zip(*sorted(zip(*given, strict=True)), strict=True)]
    rho, interval = spearman(*columns), rho_interval(*columns)
    if rho is None or interval is None:
        return None
    low, high = interval
    name = "Spearman's rho" if human is None else "partial Spearman's rho"
    figures = f"{name} {rho:+.2f}, 95 % interval {low:+.2f} to {high:+.2f}, n = {len(grades):,}"
    return (low > 0) - (high < 0), figures


def about_people(agreement: Agreement | None) -> list[str]:
    """How far the judge agrees with people, or that nobody knows."""
    if agreement is None:
        return ["How far it agrees with people is not known. To find out: ragstone eval judge LABELS.jsonl"]
    kappa = "" if agreement.kappa is None else f", quadratic kappa {agreement.kappa:.2f}"
    low, high = agreement.leniency_interval
    if low > 0:
        leaning = f"it is kinder than they are by {agreement.leniency:.2f}"
    elif high < 0:
        leaning = f"it is stricter than they are by {-agreement.leniency:.2f}"
    else:
        leaning = "it is neither kinder nor stricter beyond doubt"
    share = f"{100 * agreement.exact:.0f} % equal, {100 * agreement.within_one:.0f} % at most one apart{kappa}"
    few = f" From fewer than {FEWEST} answers that says little." if agreement.answers < FEWEST else ""
    return [f"Beside people's grades of {agreement.answers:,} answers: {share}; {leaning}.{few}"]
