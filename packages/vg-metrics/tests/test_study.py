"""A study as files, its sheets for raters, and the tables made of their answers."""

import json
from dataclasses import replace

import pytest
from vg_metrics.judgment import accuracy_table, preference_table, rank_methods
from vg_metrics.study import Answers, KeyedQuestion, PairQuestion, Study, check_answers, read_answers

PAIRS = [("ours", "MoCoGAN"), ("MoCoGAN", "ours"), ("ours", "VGAN"), ("MoCoGAN", "VGAN")]


@pytest.fixture
def study() -> Study:
    pairs = [
        PairQuestion(
            id=f"pair{n}",
            group="MUG",
            text="Which video clip is more realistic?",
            clips=(f"{first}/{n}.mp4", f"{second}/{n}.mp4"),
            methods=(first, second),
        )
        for n, (first, second) in enumerate(PAIRS)
    ]
    keyed = [
        KeyedQuestion(
            id=f"keyed{n}",
            group=f"d_{n % 2}",
            text="What moves the most?",
            clip=f"{n}.mp4",
            options=("mouth", "head"),
            key=("mouth", "head")[n % 2],
        )
        for n in range(4)
    ]
    return Study("ours – und die anderen", (*pairs, *keyed))


def answered(study: Study, rater: str, **chosen: str) -> Answers:
    return Answers(study.fingerprint, rater, chosen)


@pytest.fixture
def answers(study) -> list[Answers]:
    """Three raters; the last answers little."""
    return [
        answered(
            study, "r1", pair0="ours/0.mp4", pair1="ours/1.mp4", pair2="ours/2.mp4", keyed0="mouth", keyed1="head"
        ),
        answered(
            study, "r2", pair0="MoCoGAN/0.mp4", pair1="ours/1.mp4", pair2="VGAN/2.mp4", keyed0="head", keyed2="mouth"
        ),
        answered(study, "r3", pair1="MoCoGAN/1.mp4", pair3="MoCoGAN/3.mp4"),
    ]


def test_preferences_are_counted_by_method_whichever_side_it_was_on(study, answers):
    rows = preference_table(study, answers)
    assert [(r.group, r.methods, r.first.hits, r.first.count, r.raters) for r in rows] == [
        ("MUG", ("ours", "MoCoGAN"), 3, 5, 3),
        ("MUG", ("ours", "VGAN"), 1, 2, 2),
        ("MUG", ("MoCoGAN", "VGAN"), 1, 1, 1),
    ]
    # pair0: 1 of 2 for ours, pair1: 2 of 3; agreement 0 and 1/3, by chance 0.6^2 + 0.4^2
    assert rows[0].kappa == pytest.approx((1 / 6 - 0.52) / 0.48)
    assert rows[2].kappa is None  # one rater


def test_accuracies_are_counted_against_the_key(study, answers):
    rows = accuracy_table(study, answers)
    assert [(r.group, r.right.hits, r.right.count, r.raters) for r in rows] == [("d_0", 2, 3, 2), ("d_1", 1, 1, 1)]
    assert rows[0].kappa == pytest.approx(-1)  # the two disagree on the one clip both saw
    assert 0 < rows[0].right.low < 2 / 3 < rows[0].right.high < 1


def test_rows_nobody_answered_are_left_out(study, answers):
    assert [r.methods for r in preference_table(study, answers[:1])] == [("ours", "MoCoGAN"), ("ours", "VGAN")]
    assert accuracy_table(study, answers[2:]) == []


def test_rows_rank_the_methods(study, answers):
    with pytest.raises(ValueError, match="always won or always lost"):
        rank_methods(preference_table(study, answers)[::2])  # VGAN never won
    answers[0] = replace(answers[0], chosen={**answers[0].chosen, "pair3": "VGAN/3.mp4"})
    ranking = rank_methods(preference_table(study, answers))
    assert ranking.methods[0] == "ours" and ranking.strengths.sum().item() == pytest.approx(0, abs=1e-9)


def test_study_and_answers_survive_their_files(study, answers, tmp_path):
    study.save(tmp_path / "study.json")
    assert Study.load(tmp_path / "study.json") == study
    folder = tmp_path / "answers"
    folder.mkdir()
    for given in answers:
        given.save(folder / f"{given.rater}.json")
    assert read_answers(folder, study) == answers
    assert sorted(path.name for path in folder.iterdir()) == ["r1.json", "r2.json", "r3.json"]  # nothing temporary


def test_a_sheet_shows_neither_methods_nor_keys_and_is_the_raters_own(study):
    sheet = study.sheet("r1")
    assert sheet == study.sheet("r1") != study.sheet("r2")
    assert sorted(item["id"] for item in sheet) == sorted(q.id for q in study.questions)
    assert all(item.keys() == {"id", "text", "clips", "options"} for item in sheet)
    by_id = {q.id: q for q in study.questions}
    for item in sheet:
        question = by_id[item["id"]]
        shown = item["options"] or item["clips"]
        assert sorted(shown) == sorted(question.answers)
    sides = [
        item["clips"][0] == by_id[item["id"]].clips[0]
        for r in range(40)
        for item in study.sheet(str(r))
        if not item["options"]
    ]
    assert 40 < sum(sides) < 120  # of 160: both sides are shown first


def test_answers_to_a_changed_study_are_refused(study, answers):
    other = replace(study, questions=study.questions[:-1])
    assert other.fingerprint != study.fingerprint
    with pytest.raises(ValueError, match=f"rater 'r1' answered study {study.fingerprint}, wanted {other.fingerprint}"):
        preference_table(other, answers)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"pair9": "ours/9.mp4"}, "rater 'r9' answered question 'pair9', which the study does not have"),
        ({"keyed0": "eyes"}, "rater 'r9' answered 'eyes' to question 'keyed0', wanted 'mouth' or 'head'"),
        ({"pair0": "ours/1.mp4"}, "wanted 'ours/0.mp4' or 'MoCoGAN/0.mp4'"),
    ],
)
def test_answers_that_fit_no_question_are_refused(chosen, message, study):
    with pytest.raises(ValueError, match=message):
        check_answers(study, [answered(study, "r9", **chosen)])


def test_raters_are_named_and_answer_once(study):
    with pytest.raises(ValueError, match="rater 'a' has answered more than once"):
        check_answers(study, [answered(study, "a"), answered(study, "a")])
    with pytest.raises(ValueError, match="without a rater's name"):
        check_answers(study, [answered(study, "")])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "essay"}, "study.json: question 1 is of kind 'essay', wanted 'pair' or 'keyed'"),
        ({"clips": ["a.mp4", "a.mp4"]}, "question 'pair0' has clips .* wanted two different ones"),
        ({"methods": ["ours"]}, "question 'pair0' has methods .* wanted two different ones"),
        ({"key": "a.mp4"}, "question 1 lacks, or has besides what it should: key"),
        ({"text": 5}, "question 1 has text 5, wanted text"),
        ({"clips": "a.mp4"}, "question 1 has clips 'a.mp4', wanted texts"),
        ({"id": "keyed1"}, "several questions with the id 'keyed1'"),
    ],
)
def test_a_damaged_study_names_the_question(change, message, study, tmp_path):
    path = tmp_path / "study.json"
    study.save(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    data["questions"][0] |= change
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        Study.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON file"),
        ("[]", "has format 'list', wanted 1"),
        ('{"format": 2}', "has format 2, wanted 1"),
        ('{"format": 1, "title": "t"}', "has questions None, wanted a list"),
        ('{"format": 1, "title": "t", "questions": []}', "study 't' has no questions"),
        ('{"format": 1, "title": "t", "questions": [7]}', "question 1 is of kind 7"),
    ],
)
def test_a_file_that_is_no_study_is_refused_by_name(content, message, tmp_path):
    path = tmp_path / "study.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"study\.json.*{message}"):
        Study.load(path)


def test_files_that_are_no_answers_are_refused_by_name(study, tmp_path):
    with pytest.raises(ValueError, match=r"found no \.json file"):
        read_answers(tmp_path / "nowhere", study)
    path = tmp_path / "r1.json"
    path.write_text('{"format": 1, "study": "s", "rater": "r1", "chosen": {"q": 1}}')
    with pytest.raises(ValueError, match=r"r1\.json: chosen holds values that are no strings"):
        read_answers(tmp_path, study)


def test_questions_without_a_choice_are_refused():
    question = {"id": "q", "text": "What moves?", "clip": "a.mp4"}
    with pytest.raises(ValueError, match="has options \\['mouth'\\], wanted two or more different ones"):
        KeyedQuestion(**question, options=("mouth",), key="mouth")
    with pytest.raises(ValueError, match="has the key 'eyes', wanted one of"):
        KeyedQuestion(**question, options=("mouth", "head"), key="eyes")
