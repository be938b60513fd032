"""Miniatures of the public data sets, laid out to the letter as their authors give them."""

import shutil

import pytest
from PIL import Image
from vg_reid.data.people import read_people
from vg_reid.data.published import PUBLISHED, Count, Published, check_people, compare

MSMT17 = {
    "list_train.txt": ["0000/0000_000_01_0303morning_0008_0.jpg 0", "0001/0001_004_15_0113noon_1103_2_ex.jpg 1"],
    "list_val.txt": ["0000/0000_042_03_0303noon_0102_1.jpg 0"],
    "list_query.txt": ["0000/0000_000_07_0302afternoon_1215_1.jpg 0"],
    "list_gallery.txt": ["0000/0000_021_08_0302afternoon_0300_0.jpg 0", "0001/0001_000_01_0303morning_0018_1.jpg 1"],
}
DUKE = [
    "bounding_box_train/0001_c2_f0046182.jpg",
    "bounding_box_train/0005_c8_f0052099.jpg",
    "query/0002_c1_f0044158.jpg",
    "bounding_box_test/0002_c7_f0045005.jpg",
    "bounding_box_test/0007_c3_f0080025.jpg",
]


@pytest.fixture
def photograph(tmp_path):
    """Put a photo at each of some places."""
    Image.effect_noise((8, 16), 60).convert("RGB").save(tmp_path / "photo.jpeg")

    def place(root, *names):
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tmp_path / "photo.jpeg", root / name)
        return root

    return place


@pytest.fixture(params=["v1", "v2"])
def msmt17(request, photograph, tmp_path):
    root = tmp_path / f"MSMT17_{request.param.upper()}"
    train, test = {"v1": ("train", "test"), "v2": ("mask_train_v2", "mask_test_v2")}[request.param]
    for name, lines in MSMT17.items():
        folder = train if name in ("list_train.txt", "list_val.txt") else test
        photograph(root, *(f"{folder}/{line.split()[0]}" for line in lines))
        (root / name).write_text("\n".join(lines) + "\n")
    return root


def test_dukemtmc_is_read_and_told_to_be_withdrawn(photograph, tmp_path):
    people = read_people(photograph(tmp_path / "DukeMTMC-reID", *DUKE))
    assert people.layout == "DukeMTMC-reID"
    assert [(p.pid, p.camid) for p in people.train] == [(1, 1), (5, 7)]
    assert [(p.pid, p.camid) for p in people.query] == [(2, 0)]
    assert [(p.pid, p.camid) for p in people.gallery] == [(2, 6), (7, 2)]
    assert "withdrawn by its authors in 2019" in people.notes[0]


def test_msmt17_has_cameras_of_names_and_no_number_for_two_persons(msmt17):
    for root in (msmt17, msmt17.parent):
        people = read_people(root)
        assert people.layout == f"MSMT17 {msmt17.name[-2:].lower()}"
        assert people.official_split
        assert [(p.pid, p.camid) for p in people.train] == [(1, 0), (1, 2), (2, 14)]
        assert [(p.pid, p.camid) for p in people.query] == [(1042, 6)]
        assert [(p.pid, p.camid) for p in people.gallery] == [(1042, 7), (1043, 0)]
        assert all(p.path.is_file() for p in people.images)
    apart = read_people(msmt17, merge_val=False)
    assert [(p.pid, p.camid) for p in apart.train] == [(1, 0), (2, 14)]
    assert apart.notes == ["1 images of list_val.txt are left out"]


def test_images_that_a_list_names_must_be_there(msmt17):
    gone = next(msmt17.rglob("0001_000_01_*.jpg"))
    gone.unlink()
    with pytest.raises(ValueError, match=rf"list_gallery.txt names 1 images .* is .*{gone.name}; wanted all 2"):
        read_people(msmt17)
    people = read_people(msmt17, allow_missing=True)
    assert len(people.gallery) == 1
    assert "list_gallery.txt names 1 images that are not there" in people.missing[0]


def test_an_image_missing_from_lists_of_ones_own_is_a_problem_and_told_once(photograph, tmp_path):
    root = photograph(tmp_path / "own", "a.jpg", "b.jpg")
    (root / "query.txt").write_text("a.jpg 7 1\n")
    (root / "gallery.txt").write_text("b.jpg 7 2\ngone.jpg 7 3\n")
    check = check_people(read_people(root, allow_missing=True))
    assert not check.complete
    assert check.problems == [f"gallery.txt names 1 images that are not there, the first is {root}/gone.jpg: left out"]
    assert [line for line in check.lines if "not there" in line] == check.problems


def test_msmt17_without_a_list_or_with_odd_names_is_a_one_line_error(msmt17):
    (msmt17 / "list_query.txt").rename(msmt17 / "list_query.txt.bak")
    with pytest.raises(FileNotFoundError, match=r"list_query.txt is missing, wanted a list of the images in .*test"):
        read_people(msmt17)
    (msmt17 / "list_query.txt").write_text("0000/me.jpg 0\n")
    with pytest.raises(ValueError, match=r"names 0000/me.jpg, wanted a name such as 0000/0000_000_01_0303morning"):
        read_people(msmt17)
    (msmt17 / "list_query.txt").write_text("0000/0000_000_07_0302afternoon_1215_1.jpg\n")
    with pytest.raises(ValueError, match=r"list_query.txt, line 1 has 1 fields .* wanted 2"):
        read_people(msmt17)
    (msmt17 / "list_query.txt").write_text("\n")
    with pytest.raises(ValueError, match="is empty, wanted a line for each image"):
        read_people(msmt17)
    for folder in ("test", "mask_test_v2"):
        shutil.rmtree(msmt17 / folder, ignore_errors=True)
    with pytest.raises(ValueError, match="lists of MSMT17 without its images, wanted the folders train and test or"):
        read_people(msmt17)


def test_own_lists_give_identities_by_number_or_by_name(photograph, tmp_path):
    root = photograph(tmp_path / "own", "a/1.jpg", "a/2.jpg", "b/3 x.jpg")
    (root / "query.txt").write_text("a/1.jpg 7 12\n\n")
    (root / "gallery.txt").write_text("a/2.jpg 7 3\nb/3 x.jpg\t9\t12\n")
    people = read_people(root)
    assert people.layout == "lists"
    assert [(p.path.name, p.pid, p.camid) for p in people.query] == [("1.jpg", 7, 1)]
    assert [(p.path.name, p.pid, p.camid) for p in people.gallery] == [("2.jpg", 7, 0), ("3 x.jpg", 9, 1)]
    assert not people.train
    (root / "train.txt").write_text("a/1.jpg bob\n")
    people = read_people(root)
    assert people.names == {1: "7", 2: "9", 3: "bob"}
    assert people.train[0].camid == -1
    assert people.notes == ["1 lines without a camera: none of their matches is left out as of the same camera"]
    (root / "gallery.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"gallery.txt is missing"):
        read_people(root)


def test_check_names_what_is_damaged_and_what_nothing_answers(photograph, tmp_path):
    root = photograph(tmp_path / "DukeMTMC-reID", *DUKE, "query/0003_c4_f0044158.jpg")
    bad = root / "bounding_box_train/0001_c2_f0046182.jpg"
    bad.write_bytes(bad.read_bytes()[:300])
    seen = []
    check = check_people(read_people(root), published=False, progress=seen.append)
    assert not check.complete
    assert len(check.problems) == 2
    assert "1 of 2 queries have no match under another camera" in check.problems[0]
    assert "0003_c4_f0044158.jpg" in check.problems[0]
    assert "0001_c2_f0046182.jpg is not a readable image" in check.problems[1]
    assert sum(seen) == 6
    assert set(check.problems) < set(check.lines)
    assert len(check_people(read_people(root), published=False, decode=False).problems) == 1
    counted = check_people(read_people(root), decode=False).problems
    assert (
        "DukeMTMC-reID: train has 2 images, published are 16522: a part of it, or another set in its layout" in counted
    )


def test_sound_set_is_complete_whatever_its_counts(persons):
    check = check_people(read_people(persons), published=False)
    assert check.complete
    assert check.lines == read_people(persons).describe()


def test_counts_are_compared_part_by_part_and_camera_by_camera(photograph, tmp_path):
    people = read_people(photograph(tmp_path / "Duke", *DUKE))
    by_camera = (0, 1, 0, 0, 0, 0, 0, 1)
    right = Published(Count(2, 2), Count(1, 1), Count(2, 2), 5, by_camera)
    assert compare(people, right) == []
    wrong = Published(Count(3, 2), Count(1, 2), Count(1, 2), 8, (1, *by_camera[1:]))
    assert compare(people, wrong) == [
        "train has 2 images, published are 3: 1 are missing",
        "query has 1 identities, published are 2",
        "gallery has 2 images, published are 1: 1 too many",
        "camera 1 has 0 training images, published are 1",
        "5 cameras, published are 8",
    ]
    assert compare(
        read_people(photograph(tmp_path / "none", "query/0001_c1s1_1_0.jpg", "bounding_box_test/0001_c2s1_1_0.jpg")),
        right,
    )[0].endswith("published are 2: the folder is missing")


def test_published_counts_agree_with_each_other():
    for one in PUBLISHED.values():
        assert sum(one.train_by_camera) in (0, one.train.images)
        assert len(one.train_by_camera) in (0, one.cameras)
    assert PUBLISHED["MSMT17"].query.images + PUBLISHED["MSMT17"].gallery.images == 93820  # 6.4.1
    assert PUBLISHED["Market-1501"].gallery.images == 19732 - 3819  # 6.4.1, less the junk
