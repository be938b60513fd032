"""Tables of a study of human raters: preferences, accuracies, one ranking of the methods (4.4.3, 5.3.5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vg_metrics.functional.preference import BradleyTerry, Share, bradley_terry, fleiss_kappa
from vg_metrics.study import Answers, KeyedQuestion, PairQuestion, Question, Study, check_answers


@dataclass(frozen=True)
class Preference:
    """One row of a preference table (tables 3.6, 4.2 and 5.6).

    Attributes:
        group: of the questions, such as a data set.
        methods: the two that were compared.
        first: share of the answers that prefer the first, over all raters and clips, with its interval.
        raters: how many answered.
        kappa: their agreement over the pairs that two of them or more answered; None if there is no such pair, or if
            all their answers are the same.
    """

    group: str
    methods: tuple[str, str]
    first: Share
    raters: int
    kappa: float | None


@dataclass(frozen=True)
class Accuracy:
    """One row of an accuracy table (tables 5.7 and 5.8).

    Attributes:
        group: of the questions, such as a direction.
        right: share of the answers that are the key, over all raters and clips, with its interval.
        raters: how many answered.
        kappa: their agreement, as in `Preference`.
    """

    group: str
    right: Share
    raters: int
    kappa: float | None


def preference_table(study: Study, answers: Sequence[Answers]) -> list[Preference]:
    """A row for each group and two methods that were compared, in the study's order; rows nobody answered are left out.

    Raises:
        ValueError: as `vg_metrics.study.check_answers`.
    """
    check_answers(study, answers)
    rows: dict[tuple[str, tuple[str, str]], list[PairQuestion]] = {}
    for question in study.questions:
        if isinstance(question, PairQuestion):
            turned = (question.group, question.methods[::-1])
            rows.setdefault(turned if turned in rows else (question.group, question.methods), []).append(question)
    table = []
    for (group, methods), questions in rows.items():
        tally, raters = _tally(questions, methods, answers)
        if raters:
            first = Share.of(int(tally[:, 0].sum()), int(tally.sum()))
            table.append(Preference(group, methods, first, raters, _agreement(tally)))
    return table


def accuracy_table(study: Study, answers: Sequence[Answers]) -> list[Accuracy]:
    """A row for each group of keyed questions, in the study's order; rows nobody answered are left out.

    Raises:
        ValueError: as `vg_metrics.study.check_answers`.
    """
    check_answers(study, answers)
    rows: dict[str, list[KeyedQuestion]] = {}
    for question in study.questions:
        if isinstance(question, KeyedQuestion):
            rows.setdefault(question.group, []).append(question)
    table = []
    for group, questions in rows.items():
        options = tuple(dict.fromkeys(option for question in questions for option in question.options))
        tally, raters = _tally(questions, options, answers)
        if raters:
            right = sum(int(tally[row, options.index(question.key)]) for row, question in enumerate(questions))
            table.append(Accuracy(group, Share.of(right, int(tally.sum())), raters, _agreement(tally)))
    return table


def rank_methods(table: Sequence[Preference]) -> BradleyTerry:
    """One ranking of all methods from the rows of a preference table, all groups together.

    Raises:
        ValueError: as `vg_metrics.functional.bradley_terry`: the rows must connect all methods.
    """
    methods = list(dict.fromkeys(method for row in table for method in row.methods))
    wins = torch.zeros(len(methods), len(methods), dtype=torch.float64)
    for row in table:
        first, second = (methods.index(method) for method in row.methods)
        wins[first, second] += row.first.hits
        wins[second, first] += row.first.count - row.first.hits
    return bradley_terry(wins, methods)


def _tally(questions: Sequence[Question], categories: Sequence[str], answers: Sequence[Answers]) -> tuple[Tensor, int]:
    """How many raters gave each question each answer, (questions, categories), and how many raters there are."""
    tally = torch.zeros(len(questions), len(categories), dtype=torch.int64)
    raters = 0
    for given in answers:
        answered = [row for row, question in enumerate(questions) if question.id in given.chosen]
        for row in answered:
            tally[row, categories.index(questions[row].category(given.chosen[questions[row].id]))] += 1
        raters += bool(answered)
    return tally, raters


def _agreement(tally: Tensor) -> float | None:
    """Fleiss' kappa over the questions with two answers or more."""
    shared = tally[tally.sum(1) > 1]
    return fleiss_kappa(shared) if len(shared) else None
