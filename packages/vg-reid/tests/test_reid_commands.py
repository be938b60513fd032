import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from vg_reid import Gallery
from vg_reid.features import Features, save_features

needs_metrics = pytest.mark.skipif(importlib.util.find_spec("vg_metrics") is None, reason="vg-metrics is not installed")


def test_photos_become_features_a_gallery_and_a_ranking(vg_reid, persons, model, tmp_path):
    test_images = persons / "bounding_box_test"
    code, out, _ = vg_reid("embed", test_images, "--out", tmp_path / "f.npz", "--model", model)
    assert code == 0
    assert "12 vectors of length 512 by tiny, random weights" in out
    with np.load(tmp_path / "f.npz", allow_pickle=False) as arrays:  # by hand, as for an index of one's own
        np.testing.assert_allclose(np.linalg.norm(arrays["vectors"], axis=1), 1, atol=1e-5)
        assert sorted(set(arrays["pids"].tolist())) == [4, 5, 6]
        assert all(json.loads(line)["path"].endswith(".jpg") for line in arrays["metadata"].tolist())

    assert vg_reid("index", tmp_path / "f.npz", "-o", tmp_path / "from_features")[0] == 0
    code, out, _ = vg_reid("index", persons, "-o", tmp_path / "g", "--model", model)
    assert code == 0
    assert "12 images by tiny, random weights" in out  # the gallery part of an official split
    one, other = Gallery.load(tmp_path / "g"), Gallery.load(tmp_path / "from_features")
    assert one.entries() == other.entries()

    queries = sorted((persons / "query").iterdir())[:2]
    code, out, _ = vg_reid(
        "search", tmp_path / "g", *queries, "-k", 5, "--picture", tmp_path / "r.png", "--model", model, "--cross-camera"
    )
    assert code == 0
    lines = out.splitlines()
    assert len([line for line in lines if " right " in line]) == 4  # both images under the other camera, for each
    assert len([line for line in lines if " right " in line or " wrong " in line]) == 10
    assert "random weights" in out
    assert Image.open(tmp_path / "r.png").width > 6 * 96


def test_large_galleries_are_searched_by_an_index_and_the_rule_is_printed(vg_reid, persons, model, embedder, tmp_path):
    pytest.importorskip("faiss", reason="FAISS is not installed")
    photo = sorted((persons / "query").iterdir())[0]
    gallery = Gallery(512, source=embedder.name)
    gallery.add(torch.randn(1200, 512), [5] * 1200, [0] * 1200, [{"path": str(photo)}] * 1200)
    gallery.add(embedder.embed([photo]), [4], [0], [{"path": str(photo), "best": True}])
    gallery.save(tmp_path / "g")
    words = (
        "search",
        tmp_path / "g",
        photo,
        "--model",
        model,
        "--picture",
        "None",
        "--index-cache",
        tmp_path / "cache",
    )
    code, out, _ = vg_reid(*words)
    assert code == 0
    assert "index: exact, for 1201 entries (exact up to 50000, pq up to 5000000, then ivfpq)" in out
    assert not (tmp_path / "cache").exists()
    assert vg_reid(*words, "--index", "pq")[0] == 0
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".faiss"]


def test_search_can_re_rank_the_best(vg_reid, persons, model, tmp_path):
    photo = sorted((persons / "query").iterdir())[0]
    assert vg_reid("index", persons, "-o", tmp_path / "g", "--model", model)[0] == 0
    plain = vg_reid("search", tmp_path / "g", photo, "--model", model, "--picture", "None", "-k", 12)[1]
    code, out, _ = vg_reid(
        "search", tmp_path / "g", photo, "--model", model, "--picture", "None", "-k", 12, "--rerank", 12
    )
    assert code == 0

    def shown(text):
        return [tuple(line.split()[1:]) for line in text.splitlines() if line.endswith(".jpg")][1:]

    assert sorted(shown(out)) == sorted(shown(plain))


def test_compare_says_where_a_similarity_lies_among_known_pairs(vg_reid, persons, model, tmp_path):
    one, *_, other = sorted((persons / "query").iterdir())
    code, out, _ = vg_reid("compare", one, one, "--model", model)
    assert code == 0
    assert out.startswith("similarity 1.0000 (cosine")
    assert "random weights" in out
    assert "--gallery with known persons shows where it lies" in out
    assert vg_reid("index", persons, "-o", tmp_path / "g", "--model", model)[0] == 0
    code, out, _ = vg_reid("compare", one, one, "--model", model, "--gallery", tmp_path / "g")
    assert code == 0
    assert "of 48 pairs of two persons, 0.00% look at least so much alike" in out
    assert "of 18 pairs of one person, 100.00% look less alike" in out
    assert vg_reid("compare", one, other, "--model", model, "--gallery", tmp_path / "g")[0] == 0


def test_check_names_what_is_wrong(vg_reid, persons, tmp_path):
    code, out, err = vg_reid("check", persons)
    assert code == 2
    assert "published are 12936" in out
    assert "problems, named above" in err
    code, out, _ = vg_reid("check", persons, "--own")
    assert code == 0
    assert "nothing is wrong" in out


@needs_metrics
def test_evaluate_prints_the_scores_and_writes_them(vg_reid, persons, model, tmp_path):
    code, out, _ = vg_reid("evaluate", persons, "--model", model, "--json", tmp_path / "scores.json")
    assert code == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert f"mAP {scores['map']:.1%}" in out
    assert f"rank-10 {scores['rank10']:.1%}" in out
    assert "6 of 6 queries against 12 gallery images, by tiny, random weights" in out
    assert "split: as in query and bounding_box_test" in out


def test_default_split_is_printed_and_all_images_are_indexed(vg_reid, persons, model, tmp_path):
    train = persons / "bounding_box_train"
    code, out, _ = vg_reid("index", train, "-o", tmp_path / "g", "--model", model)
    assert code == 0
    assert "split: of each identity one image per camera is query, the rest gallery (seed 0)" in out
    assert len(Gallery.load(tmp_path / "g")) == 18
    assert vg_reid("index", train, "-o", tmp_path / "g", "--model", model, "--part", "query")[0] == 0
    assert len(Gallery.load(tmp_path / "g")) == 6


def test_index_leaves_an_encoder_that_searches_its_gallery(vg_reid, persons, tmp_path):
    gallery, encoder, photo = tmp_path / "g", tmp_path / "encoder", sorted((persons / "query").iterdir())[0]
    choice = ("--backbone", "tiny", "--seed", 3)
    assert vg_reid("index", persons, "-o", gallery, "--save-model", encoder, *choice)[0] == 0
    code, out, _ = vg_reid("search", gallery, photo, "--model", encoder, "--picture", tmp_path / "r.png")
    assert code == 0
    assert "by tiny, random weights" in out


def test_corrupt_photo_is_skipped_only_on_request(vg_reid, persons, model, tmp_path):
    photo = sorted((persons / "query").iterdir())[0]
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "good.jpg").write_bytes(photo.read_bytes())
    (folder / "cut.jpg").write_bytes(photo.read_bytes()[:500])
    code, _, err = vg_reid("embed", folder, "-o", tmp_path / "f.npz", "--model", model)
    assert code == 2
    assert "cut.jpg is not a readable image" in err
    assert not (tmp_path / "f.npz").exists()
    code, out, _ = vg_reid("embed", folder, "-o", tmp_path / "f.npz", "--model", model, "--skip-corrupt")
    assert code == 0
    assert not (tmp_path / "f.npz.parts").exists()
    assert "1 unreadable images skipped:" in out
    assert "1 vectors" in out


@pytest.fixture(scope="module")
def place(tmp_path_factory, persons, embedder):
    """A folder with one of everything that can be wrong, and a good gallery."""
    tmp_path = tmp_path_factory.mktemp("place")
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    (tmp_path / "text.npz").write_text("a")
    for folder, person in (("named", "ann"), ("renamed", "bob")):
        (tmp_path / folder / person).mkdir(parents=True)
        Image.new("RGB", (4, 8)).save(tmp_path / folder / person / "a.png")
    (tmp_path / "bare").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"system": "g3an"}')
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 cut")
    nan = Features(torch.full((2, 8), torch.nan), [1, 2], [0, 0], [{}, {}], "x")
    save_features(tmp_path / "nan.npz", nan)
    save_features(tmp_path / "odd.npz", nan._replace(vectors=torch.ones(3, 8)))
    narrow = Gallery(8)
    narrow.add(torch.eye(8), range(8), [0] * 8)
    narrow.save(tmp_path / "narrow")
    (tmp_path / "bad.pth").write_bytes(b"cut")
    gallery = Gallery(512, source=embedder.name)
    images = sorted((persons / "bounding_box_test").iterdir())
    gallery.add(embedder.embed(images), range(12), [0] * 12, [{"path": str(path)} for path in images])
    gallery.save(tmp_path / "gallery")
    whole = (tmp_path / "gallery").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    return tmp_path


BAD_INPUT = [  # command with {place}, {persons}, {query}, {model}; what the one line must say
    ("evaluate {place}/nowhere --model {model}", "nowhere is no folder: wanted a folder of person images"),
    ("index {place}/empty -o {place}/g --model {model}", "empty has no images (it holds nothing)"),
    ("index {place}/texts -o {place}/g --model {model}", "texts has no images (it holds 1 x .txt)"),
    ("index {place}/bad.npz -o {place}/g", "bad.npz is no whole features file"),
    ("index {place}/text.npz -o {place}/g", "text.npz is no whole features file (it is no .npz archive"),
    ("index {query} -o {place}/g --model {model}", "is no folder and no .npz file"),
    ("index {place}/nothing.npz -o {place}/g", "nothing.npz"),
    ("index {place}/nan.npz -o {place}/g", "nan.npz is no whole features file (vector 0 (2 in all) is not finite)"),
    ("index {place}/odd.npz -o {place}/g", "odd.npz is no whole features file (vectors (3, 8) with 2 pids"),
    ("search {place}/narrow {query} --model {model}", "narrow has vectors of length 8, but tiny, random weights"),
    ("search {place}/gallery {query} --model {model} --index pq", "index='pq' for 12 entries, wanted at least 1000"),
    ("search {place}/gallery {query} --model {model} --rerank -1", "rerank=-1"),
    ("compare {query} {query} --model {model} --gallery {place}/gallery", "has 11 known persons and 0 pairs"),
    ("compare {query} {place}/nobody.jpg --model {model}", "nobody.jpg"),
    ("check {place}/nowhere", "nowhere is no folder"),
    ("project {persons} {place}/p --kind precomputed", "kind='precomputed' without source, wanted its path"),
    ("project {persons} {place}/p --kind regressor --source {place}/nowhere --workers 1", "nowhere is no folder"),
    ("project {persons} {place}/p --workers -1", "workers=-1, wanted a number of processes, or 0"),
    ("index {persons}/bounding_box_train --part train -o {place}/g --model {model}", "has no train images"),
    ("embed {query} -o {place}/f.csv --model {model}", "f.csv ends in '.csv', wanted '.npz'"),
    ("embed {query} -o {place}/f.npz --model {place}/bare", "config.json is missing"),
    ("embed {query} -o {place}/f.npz --model {place}/other", "of system 'g3an', wanted 'vg-reid/encoder'"),
    ("embed {query} -o {place}/f.npz --model {place}/nowhere", "nowhere is no folder"),
    ("embed {query} -o {place}/f.npz --weights {place}/bad.pth", "bad.pth is not a readable checkpoint"),
    ("embed {query} -o {place}/f.npz --weights {place}/bad.pth --model {model}", "both given, wanted one of them"),
    ("embed {query} -o {place}/f.npz --model {model} --batch-size 0", "batch_size=0"),
    ("embed {place}/nowhere -o {place}/f.npz --model {model}", "nowhere does not exist, wanted photos or folders"),
    ("embed {query} {query} -o {place}/f.npz --model {model}", "1 photos are given twice, wanted each once"),
    ("embed {place}/named {place}/renamed -o {place}/f.npz --model {model}", "'bob' would count as 'ann'"),
    ("embed {place}/bomb.png -o {place}/f.npz --model {model}", "10000x10000 pixels, wanted at most 50000000"),
    ("embed -o {place}/f.npz --model {model}", "no images are given"),
    ("search {place}/half {query} --model {model}", "half is no whole gallery file"),
    ("search {place}/nowhere {query} --model {model}", "nowhere"),
    ("search {place}/gallery --model {model}", "no photos are given"),
    ("search {place}/gallery {query} -k 0 --model {model}", "k=0, wanted at least 1"),
    ("search {place}/gallery {query} --backbone tiny --seed 9", "wanted the same encoder"),
    ("search {place}/gallery {place}/nobody.jpg --model {model}", "nobody.jpg"),
    ("search {place}/gallery {query} --model {model} --picture {place}/r.xyz", "r.xyz ends in '.xyz', wanted '.png'"),
]


@pytest.mark.parametrize(("command", "message"), BAD_INPUT, ids=[command for command, _ in BAD_INPUT])
def test_bad_input_gets_one_line_and_exit_code_2(command, message, vg_reid, place, persons, model):
    query = sorted((persons / "query").iterdir())[0]
    words = command.format(place=place, persons=persons, query=query, model=model).split()
    code, _, err = vg_reid(*words)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert len(Gallery.load(place / "gallery")) == 12


def test_unknown_flag_is_answered_with_the_nearest(vg_reid):
    code, out, err = vg_reid("evaluate", "data", "--bakcbone", "tiny")
    assert code == 2
    assert "--backbone" in out + err


def test_unwritable_place_and_unknown_device_keep_to_the_rule(vg_reid, persons, model, tmp_path):
    (tmp_path / "file").touch()
    query = sorted((persons / "query").iterdir())[0]
    code, _, err = vg_reid("embed", query, "-o", tmp_path / "file" / "f.npz", "--model", model)
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = vg_reid("embed", query, "-o", tmp_path / "f.npz", "--model", model, "--device", "abacus")
    assert (code, err.count("\n")) == (2, 1)
    assert "abacus" in err


ALONE = """
import sys
for name in ("faiss", "vg_video", "vg_metrics", "lightning", "torchvision"):
    sys.modules[name] = None  # importing them is now an error
import vg_reid
heavy = {"torch", "huggingface_hub", "PIL", "safetensors"} & {name.split(".")[0] for name in sys.modules}
assert not heavy, heavy
import torch
gallery = vg_reid.Gallery(3)
gallery.add(torch.eye(3), [7, 8, 9], [0, 0, 0])
assert gallery.search(torch.tensor([[0.1, 0.9, 0.2]]), 2).pids.tolist() == [[8, 9]]
assert not {"huggingface_hub", "PIL"} & sys.modules.keys()
import runpy
runpy.run_module("vg_reid", run_name="__main__", alter_sys=True)  # python -m vg_reid
"""


def test_vg_reid_alone_imports_lightly_searches_exactly_and_says_what_evaluate_needs(persons, model):
    child = subprocess.run(
        [sys.executable, "-c", ALONE, "evaluate", persons, "--model", model],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert child.returncode == 2, child.stderr
    assert child.stderr == 'error: scoring needs vg-metrics: pip install "vg-reid[evaluate]"\n'


@needs_metrics
def test_real_photos_are_scored_and_searched(vg_reid, realdata, model, tmp_path):
    data = realdata / "market1501_subset"
    code, out, _ = vg_reid("evaluate", data, "--model", model)
    assert code == 0
    assert "299 of 319 queries against 535 gallery images" in out
    assert "20 queries have no match in another camera and are in no mean:" in out
    assert vg_reid("index", data, "-o", tmp_path / "g", "--model", model)[0] == 0
    photo = next((data / "gallery").glob("0001_c1*"))
    code, out, _ = vg_reid("search", tmp_path / "g", photo, "--picture", tmp_path / "r.png", "--model", model)
    assert code == 0
    assert len(out.splitlines()) == 3 + 10 + 2
    assert str(photo.resolve()) not in "".join(out.splitlines()[2:])
