"""Results survive their file, say whether they are complete, and are compared only where they may be."""

import json
import warnings
from dataclasses import replace

import pytest
from vg_metrics.protocol import PROTOCOLS, Result, compare

RESULT = Result(
    score="video-fid",
    values={"frechet_distance": 1.5, "motion_map_distance": 0.25},
    protocol=PROTOCOLS["thesis_ch4"].settings(),
    network="resnext3d-101/pool",
    label="3-D ResNeXt-101",
    checksum="ab12",
    counts={"real": 3, "fake": 5},
    skipped={"fake": ["a b.mp4: damaged"]},
    fingerprint={"real": "12", "fake": "34"},
    shortfalls=("5 fake samples, wanted 10,000",),
    command=("python", "-m", "vg_metrics", "video-fid", "a folder", "fake"),
)


def test_a_result_is_what_its_file_holds(tmp_path):
    RESULT.save(tmp_path / "result.json")
    assert Result.load(tmp_path / "result.json") == RESULT
    stored = json.loads((tmp_path / "result.json").read_text())
    assert stored["title"] == "incomplete thesis_ch4" and not stored["complete"]
    assert stored["command"].endswith("video-fid 'a folder' fake")
    assert stored["versions"].keys() >= {"python", "torch", "vg-metrics"} and stored["date"].endswith("+00:00")


def test_only_a_complete_result_has_the_plain_name():
    complete = replace(RESULT, shortfalls=())
    assert (RESULT.complete, complete.complete) == (False, True)
    assert (complete.title, complete.value) == ("thesis_ch4", 1.5)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"title": "a"}', '{"values": {}, "command": 1}'])
def test_other_files_are_refused_by_name(tmp_path, text):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(ValueError, match=r"other\.json holds no result of vg-metrics"):
        Result.load(tmp_path / "other.json")


def test_results_of_one_protocol_are_set_side_by_side():
    other = replace(RESULT, values={"frechet_distance": 2.5, "kernel_distance": 0.1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = compare(RESULT, other)
    assert table == {
        "frechet_distance": [1.5, 2.5],
        "motion_map_distance": [0.25, None],
        "kernel_distance": [None, 0.1],
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": PROTOCOLS["thesis_ch5"].settings()}, "name is thesis_ch4 and thesis_ch5"),
        ({"protocol": PROTOCOLS["thesis_ch4"].settings() | {"ddof": 0}}, "ddof is 1 and 0"),
        ({"protocol": PROTOCOLS["thesis_ch4"].settings() | {"subsets": 3}}, "subsets is None and 3"),
        ({"score": "kvd"}, "score is video-fid and kvd"),
        ({"checksum": "cd"}, "weights is ab12 and cd"),
    ],
)
def test_results_of_different_protocols_are_not_compared(changes, message):
    with pytest.raises(ValueError, match=f"the results are of different protocols: {message}"):
        compare(RESULT, RESULT, replace(RESULT, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fingerprint": {"real": "99", "fake": "34"}}, "different real samples"),
        ({"counts": {"real": 3, "fake": 6}}, "different numbers of samples"),
        ({"shortfalls": ()}, "different parts of their protocol"),
    ],
)
def test_what_weakens_a_comparison_is_said(changes, message):
    with pytest.warns(UserWarning, match=message):
        compare(RESULT, replace(RESULT, **changes))


def test_one_result_is_no_comparison():
    with pytest.raises(ValueError, match="found 1 results, wanted at least 2"):
        compare(RESULT)
