"""A study of human raters as files: the questions, what a rating page shows of them, and each rater's answers.

`study.json`, written by `Study.save`:

    {"format": 1, "title": "ours against the rest", "questions": [
      {"kind": "pair", "id": "q1", "group": "MUG", "text": "Which video clip is more realistic?",
       "clips": ["ours/0.mp4", "mocogan/0.mp4"], "methods": ["ours", "MoCoGAN"]},
      {"kind": "keyed", "id": "q2", "group": "d_0", "text": "What moves the most?",
       "clip": "d0/0.mp4", "options": ["mouth", "head"], "key": "mouth"}]}

One file for each rater, written by `Answers.save`; a question that was skipped is not in it:

    {"format": 1, "study": "2f1c...", "rater": "r01", "chosen": {"q1": "ours/0.mp4", "q2": "mouth"}}

Pairs are the questions of 4.4.3 and 5.3.5 (tables 3.6, 4.2 and 5.6), keyed ones those of tables 5.7 and 5.8.
"""

import hashlib
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from vg_metrics.files import write_file

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class PairQuestion:
    """Which of two clips: an answer is the path of the clip that the rater prefers."""

    id: str
    text: str
    clips: tuple[str, str]
    methods: tuple[str, str]  # what made each clip; never shown to raters
    group: str = ""  # rows of a table are made for each group, such as a data set

    def __post_init__(self) -> None:
        for name, values in (("clips", self.clips), ("methods", self.methods)):
            if len(values) != 2 or values[0] == values[1]:
                raise ValueError(f"question {self.id!r} has {name} {list(values)}, wanted two different ones")

    @property
    def answers(self) -> tuple[str, ...]:
        """What can be answered."""
        return self.clips

    def category(self, answer: str) -> str:
        """The method whose clip was preferred."""
        return self.methods[self.clips.index(answer)]

    def shown(self, answers: list[str]) -> dict[str, Any]:
        """What a page may show, with the possible answers in this order."""
        return {"id": self.id, "text": self.text, "clips": answers, "options": []}


@dataclass(frozen=True, kw_only=True)
class KeyedQuestion:
    """One clip and some options, of which one is right: an answer is the option that the rater chooses."""

    id: str
    text: str
    clip: str
    options: tuple[str, ...]
    key: str  # the right option; never shown to raters
    group: str = ""  # rows of a table are made for each group, such as a direction

    def __post_init__(self) -> None:
        if len(self.options) < 2 or len(set(self.options)) < len(self.options):
            raise ValueError(
                f"question {self.id!r} has options {list(self.options)}, wanted two or more different ones"
            )
        if self.key not in self.options:
            raise ValueError(f"question {self.id!r} has the key {self.key!r}, wanted one of {list(self.options)}")

    @property
    def answers(self) -> tuple[str, ...]:
        """What can be answered."""
        return self.options

    def category(self, answer: str) -> str:
        """The option itself."""
        return answer

    def shown(self, answers: list[str]) -> dict[str, Any]:
        """What a page may show, with the possible answers in this order."""
        return {"id": self.id, "text": self.text, "clips": [self.clip], "options": answers}


Question = PairQuestion | KeyedQuestion
KINDS: dict[str, type[PairQuestion] | type[KeyedQuestion]] = {"pair": PairQuestion, "keyed": KeyedQuestion}


@dataclass(frozen=True)
class Study:
    """Questions to human raters; clip paths are relative to the folder of the study's file."""

    title: str
    questions: tuple[Question, ...]

    def __post_init__(self) -> None:
        if not self.questions:
            raise ValueError(f"study {self.title!r} has no questions")
        ids = [question.id for question in self.questions]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise ValueError(f"study {self.title!r} has several questions with the id {twice[0]!r}")

    def save(self, path: Path) -> None:
        """Write the study, whole or not at all."""
        _write(path, self._as_json())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; ValueError naming file and question if it is something else."""
        data = _read(path, {"title": str, "questions": list})
        try:
            return cls(data["title"], tuple(_question(item, n) for n, item in enumerate(data["questions"], 1)))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @property
    def fingerprint(self) -> str:
        """Checksum of title and questions, which ties answers to the study they were given to."""
        return hashlib.sha256(json.dumps(self._as_json(), sort_keys=True).encode()).hexdigest()[:16]

    def sheet(self, rater: str) -> list[dict[str, Any]]:
        """The questions as a page may show them to a rater: no methods, no keys, no groups.

        Questions, the two sides of a pair and options come in an order of the rater's own, always the same for the
        same study and rater (4.4.3).

        Returns:
            Dictionaries with `id`, `text`, `clips` (one or two) and `options` (empty for pairs: the answer is a clip).
        """
        order = random.Random(f"{self.fingerprint}/{rater}")
        questions = order.sample(self.questions, len(self.questions))
        return [question.shown(order.sample(question.answers, len(question.answers))) for question in questions]

    def _as_json(self) -> dict[str, Any]:
        kinds = {kind: name for name, kind in KINDS.items()}
        questions = [{"kind": kinds[type(question)], **asdict(question)} for question in self.questions]
        return {"format": FORMAT, "title": self.title, "questions": questions}


@dataclass(frozen=True)
class Answers:
    """What one rater chose: the path of a clip or an option, by the id of the question."""

    study: str  # fingerprint
    rater: str
    chosen: Mapping[str, str]

    def save(self, path: Path) -> None:
        """Write the answers, whole or not at all."""
        _write(path, {"format": FORMAT, **asdict(self)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; ValueError naming the file if it is something else."""
        data = _read(path, {"study": str, "rater": str, "chosen": dict})
        if not all(isinstance(choice, str) for choice in data["chosen"].values()):
            raise ValueError(f"{path}: chosen holds values that are no strings")
        return cls(data["study"], data["rater"], data["chosen"])


def read_answers(folder: Path, study: Study) -> list[Answers]:
    """All raters' answers to a study from the .json files of a folder, by file name.

    Raises:
        ValueError: if there are none, one is damaged, or `check_answers` finds fault.
    """
    answers = [Answers.load(path) for path in sorted(folder.glob("*.json"))]
    if not answers:
        raise ValueError(f"{folder} holds no answers: found no .json file")
    check_answers(study, answers)
    return answers


def check_answers(study: Study, answers: Iterable[Answers]) -> None:
    """ValueError, naming the rater, if answers are to another study, to no question of it, or not among its options."""
    questions = {question.id: question for question in study.questions}
    raters: set[str] = set()
    for given in answers:
        who = f"rater {given.rater!r}"
        if not given.rater or given.rater in raters:
            raise ValueError(f"{who} has answered more than once" if given.rater else "answers without a rater's name")
        raters.add(given.rater)
        if given.study != study.fingerprint:
            raise ValueError(f"{who} answered study {given.study}, wanted {study.fingerprint} ({study.title!r})")
        for name, choice in given.chosen.items():
            if name not in questions:
                raise ValueError(f"{who} answered question {name!r}, which the study does not have")
            if choice not in questions[name].answers:
                wanted = " or ".join(map(repr, questions[name].answers))
                raise ValueError(f"{who} answered {choice!r} to question {name!r}, wanted {wanted}")


def _question(data: object, number: int) -> Question:
    """A question from JSON, or a ValueError that says which one is wrong and why."""
    if not isinstance(data, dict) or data.get("kind") not in KINDS:
        found = data.get("kind") if isinstance(data, dict) else data
        raise ValueError(f"question {number} is of kind {found!r}, wanted {' or '.join(map(repr, KINDS))}")
    kind = KINDS[data["kind"]]
    wanted = {field.name: field.type for field in fields(kind)}
    given = {"group": "", **data}
    del given["kind"]
    if given.keys() != wanted.keys():
        names = ", ".join(sorted(given.keys() ^ wanted.keys()))
        raise ValueError(f"question {number} lacks, or has besides what it should: {names}")
    for name, value in given.items():
        texts = [value] if wanted[name] is str else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(
                f"question {number} has {name} {value!r}, wanted {'text' if wanted[name] is str else 'texts'}"
            )
    values: dict[str, Any] = {name: value if isinstance(value, str) else tuple(value) for name, value in given.items()}
    return kind(**values)


def _read(path: Path, wanted: Mapping[str, type]) -> dict[str, Any]:
    """A JSON object of this format with fields of these types."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON file ({error})") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise ValueError(f"{path} has format {found!r}, wanted {FORMAT}")
    for name, kind in wanted.items():
        if not isinstance(data.get(name), kind):
            raise ValueError(f"{path} has {name} {data.get(name)!r}, wanted a {kind.__name__}")
    return data


def _write(path: Path, data: Mapping[str, Any]) -> None:
    write_file(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())
