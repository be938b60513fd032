from collections import Counter

import pytest
from PIL import Image
from vg_reid.data.people import Person, read_people


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_market1501_folder_is_read_as_published(tmp_path):
    base = touch(
        tmp_path / "Market-1501-v15.09.15",
        "bounding_box_train/0002_c1s1_000451_03.jpg",
        "bounding_box_train/0007_c6s3_077419_03.jpg",
        "query/0001_c1s1_001051_00.jpg",
        "bounding_box_test/-1_c1s1_000401_03.jpg",
        "bounding_box_test/0000_c3s1_000151_01.jpg",
        "bounding_box_test/0001_c2s1_000301_00.jpg",
        "bounding_box_test/Thumbs.db",
    )
    for root in (base, tmp_path):  # the folder itself, or the one it was unpacked in
        people = read_people(root)
        assert people.layout == "Market-1501"
        assert people.official_split
        assert people.train == [
            Person(base / "bounding_box_train" / "0002_c1s1_000451_03.jpg", 2, 0),
            Person(base / "bounding_box_train" / "0007_c6s3_077419_03.jpg", 7, 5),
        ]
        assert [(p.pid, p.camid) for p in people.query] == [(1, 0)]
        assert [(p.pid, p.camid) for p in people.gallery] == [(0, 2), (1, 1)]
        assert people.notes == [
            "bounding_box_test: 1 junk images (identity -1) dropped",
            "bounding_box_test: 1 distractors (identity 0) kept, never as queries",
        ]


def test_images_with_market_names_are_split_by_identity_and_camera(tmp_path):
    names = [f"gallery/{pid:04d}_c{cam}s1_{n:06d}_00.jpg" for pid in (3, 5) for cam in (1, 4) for n in range(3)]
    root = touch(tmp_path, *names, "gallery/0000_c1s1_000001_00.jpg", "gallery/-1_c1s1_000001_00.jpg")
    people = read_people(root, seed=1)
    assert sorted((p.pid, p.camid) for p in people.query) == [(3, 0), (3, 3), (5, 0), (5, 3)]
    assert Counter((p.pid, p.camid) for p in people.gallery) == {(3, 0): 2, (3, 3): 2, (5, 0): 2, (5, 3): 2, (0, 0): 1}
    assert not people.official_split
    assert people.images == sorted(people.query + people.gallery)
    assert "of each identity one image per camera is query, the rest gallery (seed 1)" in people.split
    assert read_people(root, seed=1) == people
    assert any(read_people(root, seed=seed).query != people.query for seed in range(2, 6))


def test_one_folder_a_person_gives_names_and_cameras(tmp_path):
    root = touch(
        tmp_path, *(f"{who}/{cam}_{n}.png" for who in ("bob", "Ann") for cam in ("door", "yard") for n in (1, 2))
    )
    people = read_people(root)
    assert people.layout == "one folder a person"
    assert people.names == {1: "Ann", 2: "bob"}
    assert {(p.path.parent.name, p.path.name.split("_")[0], p.pid, p.camid) for p in people.images} == {
        ("Ann", "door", 1, 0),
        ("Ann", "yard", 1, 1),
        ("bob", "door", 2, 0),
        ("bob", "yard", 2, 1),
    }
    assert len(people.query) == len(people.gallery) == 4


@pytest.mark.parametrize("name", ["IMG_{}.jpg", "{}.jpg"])
def test_folder_that_names_no_camera_is_told_what_happens(name, tmp_path):
    root = touch(tmp_path, *(f"{who}/" + name.format(n) for who in ("ann", "bob") for n in (1, 2, 3)))
    people = read_people(root)
    assert {p.camid for p in people.images} == {-1}
    assert len(people.query) == 2
    assert any("6 images of unknown camera" in note for note in people.notes)
    assert any("all names begin with 'IMG'" in note for note in people.notes) == name.startswith("IMG")


def test_images_without_labels_are_all_gallery(tmp_path):
    people = read_people(touch(tmp_path, "b.JPG", "a.png", ".hidden.jpg", "notes.txt"))
    assert [p.path.name for p in people.gallery] == ["a.png", "b.JPG"]
    assert {(p.pid, p.camid) for p in people.gallery} == {(-1, -1)}
    assert not people.query
    assert people.notes == ["2 images without identities: to be searched, not to be scored"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"has no images \(it holds nothing\), wanted \.jpg"),
        (["a.txt", "b/c.txt", "d"], r"has no images \(it holds 2 x \.txt, 1 x no suffix\)"),
        (["query/0001_c1s1_0_0.jpg"], "has no folder bounding_box_test, wanted bounding_box_train and query and"),
        (["query/0001_c1s1_0_0.jpg", "bounding_box_test/me.jpg"], r"me\.jpg .* is not named as in Market-1501"),
        (["query/0001_c1s1_0_0.jpg", "bounding_box_test/me.txt"], r"bounding_box_test has no images"),
        (["loose.jpg", "ann/c1_1.jpg"], r"has 1 images beside its folders \(loose\.jpg\), wanted all in folders"),
    ],
)
def test_folder_of_no_known_layout_is_a_one_line_error(names, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        read_people(touch(tmp_path, *names))
    assert "\n" not in str(caught.value)


def test_folder_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        read_people(tmp_path / "nowhere")


def test_real_market_subset_has_its_854_crops(realdata):
    people = read_people(realdata / "market1501_subset")
    assert len(people.images) == 854
    assert len({p.pid for p in people.images}) == 100
    assert {p.camid for p in people.images} == set(range(6))
    assert all(Image.open(p.path).size == (64, 128) for p in people.query[:20])
    assert len(people.query) == len({(p.pid, p.camid) for p in people.images})
