"""tools/equations.py: every cited thesis number exists, and the page that lists them is up to date."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import citations
import equations

ROOT = Path(__file__).parent.parent


@pytest.fixture
def tree(tmp_path) -> Path:
    """A project of one module, one test and no page."""
    for folder in ("packages/vg-x/src/vg_x", "packages/vg-x/tests", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "packages/vg-x/src/vg_x/attention.py").write_text(
        'def attend(x):\n    """Temporal attention (eq. 4.1-4.2, 4.3.1)."""\n    return x  # figure 4.5\n'
    )
    (tmp_path / "packages/vg-x/tests/test_attention.py").write_text("def test_attend_is_equation_4_1():\n    pass\n")
    return tmp_path


def test_all_numbers_cited_in_this_project_exist_in_the_thesis():
    errors = [error for error in equations.run(ROOT, check=True) if "out of date" not in error]
    assert errors == []


def test_the_page_joins_an_equation_with_its_function_and_its_test(tree):
    assert equations.run(tree, check=False) == []
    rows = (tree / "docs/equations.md").read_text().splitlines()
    code = "[`attend`](../packages/vg-x/src/vg_x/attention.py)"
    test = "[`test_attend_is_equation_4_1`](../packages/vg-x/tests/test_attention.py)"
    assert f"| 4.1 | {code} | {test} |" in rows
    assert f"| 4.2 | {code} | – |" in rows  # the range 4.1-4.2 was filled, and no test names its end
    assert f"| 4.3.1 | {code} | – |" in rows
    assert f"| 4.5 | {code} | – |" in rows  # a comment counts


def test_the_same_tree_gives_the_same_page_and_a_changed_one_is_out_of_date(tree):
    equations.run(tree, check=False)
    assert equations.run(tree, check=True) == []
    source = tree / "packages/vg-x/src/vg_x/attention.py"
    source.write_text(source.read_text().replace("figure 4.5", "figure 4.4"))
    assert equations.run(tree, check=True) == ["docs/equations.md is out of date: run python tools/equations.py"]


@pytest.mark.parametrize(
    ("cited", "wrong"),
    [
        ("eq. 4.7", "equation 4.7"),
        ("Equations 6.8 and 6.10", "equation 6.10"),
        ("eq. 4.5-4.8", "equation 4.8"),
        ("table 4.6", "table 4.6"),
        ("Fig. 5.11", "figure 5.11"),
        ("algorithm 2", "algorithm 2"),
        ("(4.3.4)", "section 4.3.4"),
        ("section 4.5", "section 4.5"),
    ],
)
def test_a_number_that_the_thesis_does_not_have_is_named_with_its_line(tree, cited, wrong):
    source = tree / "packages/vg-x/src/vg_x/wrong.py"
    source.write_text(f'"""A module."""\n\nWIDTH = 64  # {cited}\n')
    assert f"packages/vg-x/src/vg_x/wrong.py:3: the thesis has no {wrong}" in equations.run(tree, check=False)
    assert not (tree / "docs/equations.md").exists(), "a page with a wrong number must not be written"


def test_a_wrong_number_on_a_page_of_the_documentation_is_found_too(tree):
    (tree / "docs/learn.md").write_text("# G3AN\n\nSee eq. 7.1.\n")
    assert equations.run(tree, check=False) == ["docs/learn.md:3: the thesis has no equation 7.1"]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("eq. 4.1 to eq. 4.4", ["4.1", "4.2", "4.3", "4.4"]),
        ("eqs. 6.1-6.3; 6.6 and (6.8)", ["6.1", "6.2", "6.3", "6.6", "6.8"]),
        ("Equation (5.8)", ["5.8"]),
        ("eq. 4.12", ["4.12"]),
        ("(eq. 4.6, 4.3.3)", ["4.6"]),  # the second is a section
    ],
)
def test_lists_and_ranges_of_equations_are_read(text, numbers):
    found = [number for kind, number in citations.citations(text) if kind == "equation"]
    assert sorted(found, key=citations.natural) == numbers


@pytest.mark.parametrize("text", ["torch==2.15.0", "needs numpy>=1.26.4", "v1.2.3", "0.1.0", "10.2.2.1", "lr of 4.1"])
def test_versions_and_plain_numbers_are_no_citations(text):
    assert citations.citations(text) == set()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_attention_is_equation_4_1_and_4_2", {("equation", "4.1"), ("equation", "4.2")}),
        ("test_losses_of_equations_6_6_to_6_8", {("equation", "6.6"), ("equation", "6.7"), ("equation", "6.8")}),
        ("test_switches_of_table_4_3", {("table", "4.3")}),
        ("test_loop_is_algorithm_1", {("algorithm", "1")}),
        ("test_sizes_of_section_4_4_1", {("section", "4.4.1")}),
        ("test_scores_are_equal_4_1", set()),
    ],
)
def test_names_of_tests_cite_numbers(name, expected):
    assert citations.name_citations(name) == expected


def test_the_index_holds_the_numbers_of_every_chapter():
    index = json.loads(equations.NUMBERS.read_text())
    last = {"2": 8, "3": 4, "4": 6, "5": 9, "6": 9}  # the last equation of each chapter, read off the thesis
    assert index["equation"] == [f"{chapter}.{n}" for chapter, end in last.items() for n in range(1, end + 1)]
    assert [len(index[kind]) for kind in ("table", "figure", "algorithm")] == [32, 79, 1]
    assert {"4.3.1", "4.4.5", "5.2.5", "6.4.2"} < set(index["section"])


def test_the_index_is_read_from_tags_captions_and_headings():
    thesis = "\n".join(
        [
            "## 4.1 Introduction",
            r"$$a = b, \quad (4.1)$$",
            r"$$c = d\tag{4.2}$$",
            "as equation (4.2) says",
            "Table 4.1 **Sizes.**",
            "Figure 4.1 **A figure.**",
            "#### Algorithm 1 Training",
        ]
    )
    expected = {"equation": ["4.1", "4.2"], "table": ["4.1"], "figure": ["4.1"], "algorithm": ["1"], "section": ["4.1"]}
    assert equations.read_index(thesis) == expected


def test_a_hole_in_the_thesis_text_is_an_error():
    with pytest.raises(ValueError, match=r"equation 4\.3 follows number 1"):
        equations.read_index("$$a \\quad (4.1)$$\n$$b \\quad (4.3)$$")
