import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from vg_reid import Gallery
from vg_reid.index import exact_search


def unit(n, dim, rng):
    return torch.nn.functional.normalize(torch.randn(n, dim, generator=rng))


@pytest.fixture
def gallery(rng):
    gallery = Gallery(16, source="a test")
    gallery.add(
        unit(40, 16, rng), [i // 4 for i in range(40)], [i % 4 for i in range(40)], [{"n": i} for i in range(40)]
    )
    return gallery


def slow_search(queries, vectors, k):
    """Sort all inner products of each query, one pair after another; equal ones stay in order."""
    found = []
    for q in queries.double():
        scores = [float(q @ v) for v in vectors.double()]
        found.append(sorted(range(len(scores)), key=lambda row: -scores[row])[:k])
    return found


@pytest.mark.parametrize(("n", "q", "k", "block"), [(1, 1, 1, 7), (23, 5, 3, 7), (50, 9, 50, 7), (64, 3, 10, 1)])
def test_exact_search_is_the_full_sort_whatever_the_block(n, q, k, block, rng, monkeypatch):
    monkeypatch.setattr("vg_reid.index.ROWS_PER_BLOCK", block)
    monkeypatch.setattr("vg_reid.index.QUERIES_PER_BLOCK", 2)
    vectors, queries = unit(n, 8, rng), unit(q, 8, rng)
    scores, rows = exact_search(queries, vectors, k)
    assert rows.tolist() == slow_search(queries, vectors, k)
    torch.testing.assert_close(scores, (queries @ vectors.T).gather(1, rows))


@pytest.mark.parametrize("block", [4, 100])
def test_equal_scores_come_in_the_order_of_the_rows(block, monkeypatch):
    monkeypatch.setattr("vg_reid.index.ROWS_PER_BLOCK", block)
    vectors = torch.eye(3)[torch.tensor([1, 0, 0, 2, 0, 1, 0, 0, 2, 0, 1])]  # exact products, many of them equal
    for k in range(1, 12):
        scores, rows = exact_search(torch.tensor([[2.0, 1.0, 0.0]]), vectors, k)
        assert rows[0].tolist() == [1, 2, 4, 6, 7, 9, 0, 5, 10, 3, 8][:k]
        assert scores[0].tolist() == [2.0] * min(k, 6) + [1.0] * min(max(k - 6, 0), 3) + [0.0] * max(k - 9, 0)


def test_search_gives_keys_identities_and_cameras(gallery):
    result = gallery.search(gallery.vectors[[5, 30]] * 3.0, 4)
    assert result.keys[:, 0].tolist() == [5, 30]
    assert result.pids[:, 0].tolist() == [1, 7]
    assert result.camids[:, 0].tolist() == [1, 2]
    torch.testing.assert_close(result.scores[:, 0], torch.ones(2))
    assert (result.scores.diff(dim=1) <= 0).all()
    assert gallery.search(gallery.vectors[:1], 1000).keys.shape == (1, 40)


def test_without_faiss_the_error_names_both_extras(gallery, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(
        ValueError, match=r"index='hnsw' needs FAISS: install vg-reid\[cpu\] or vg-reid\[gpu\], never both"
    ):
        gallery.search(gallery.vectors[:1], 1, index="hnsw")
    assert gallery.search(gallery.vectors[:1], 1).keys.item() == 0


def test_removed_entries_are_gone_and_their_keys_are_not_given_out_again(gallery, rng):
    before = gallery.vectors.clone()
    gallery.remove([39, 3])
    assert len(gallery) == 38
    assert 3 not in gallery
    assert gallery.entry(4).metadata == {"n": 4}
    assert torch.equal(gallery.vectors, before[[i for i in range(40) if i not in (3, 39)]])
    assert 3 not in gallery.search(before[3:4], 38).keys
    assert gallery.add(unit(2, 16, rng), [1, 1], [0, 0]) == [40, 41]


def test_changes_of_any_order_and_size_leave_what_a_plain_dict_has(rng):
    gallery, plain = Gallery(16), {}
    for step in range(200):
        count = int(torch.randint(0, 12, (), generator=rng))
        if step % 3 == 2:
            gone = [list(plain)[i] for i in torch.randperm(len(plain), generator=rng)[: 2 * count]]
            gallery.remove(gone)
            plain = {key: entry for key, entry in plain.items() if key not in gone}
        else:
            vectors = unit(count, 16, rng)
            keys = gallery.add(vectors, [step] * count, [count] * count, [{"n": n} for n in range(count)])
            plain |= {key: (vector, step, count, n) for n, (key, vector) in enumerate(zip(keys, vectors, strict=True))}
    assert len(plain) > 30
    assert gallery.keys.tolist() == list(plain)
    assert [(e.pid, e.camid, e.metadata["n"]) for e in gallery.entries()] == [entry[1:] for entry in plain.values()]
    torch.testing.assert_close(gallery.vectors, torch.stack([entry[0] for entry in plain.values()]))
    query = unit(3, 16, rng)
    scores, rows = exact_search(query, gallery.vectors, 20)
    found = gallery.search(query, 20)
    assert torch.equal(found.keys, gallery.keys[rows])
    torch.testing.assert_close(found.scores, scores)


def test_entry_is_updated_by_removing_and_adding_under_its_key(gallery, rng):
    new = unit(1, 16, rng)
    gallery.remove([7])
    assert gallery.add(new, [77], [2], [{"n": "new"}], keys=[7]) == [7]
    assert gallery.entry(7) == (7, 77, 2, {"n": "new"})
    assert gallery.search(new, 1).keys.item() == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.add(torch.ones(2, 15), [1, 1], [0, 0]), r"shape \(2, 15\), wanted \(n, 16\)"),
        (lambda g: g.add(torch.ones(16), [1], [0]), r"shape \(16,\), wanted \(n, 16\)"),
        (lambda g: g.add(torch.ones(1, 16) * torch.nan, [1], [0]), "vector 0 .* is zero or not finite"),
        (lambda g: g.add(torch.tensor([[1.0] * 16, [torch.inf] * 16]), [1, 1], [0, 0]), "vector 1 .* not finite"),
        (lambda g: g.add(torch.zeros(1, 16), [1], [0]), "vector 0 .* is zero"),
        (lambda g: g.add(torch.ones(2, 16), [1], [0, 0]), "pids has 1 items for 2 vectors"),
        (lambda g: g.add(torch.ones(2, 16), [1, 1], [0]), "camids has 1 items for 2 vectors"),
        (lambda g: g.add(torch.ones(2, 16), [1, 1], [0, 0], [{}]), "metadata has 1 items for 2 vectors"),
        (lambda g: g.add(torch.ones(1, 16), [1], [0], [{"x": object()}]), "metadata cannot be stored as JSON"),
        (lambda g: g.add(torch.ones(1, 16), [1], [0], keys=[5]), "key 5 .* is already in the gallery"),
        (lambda g: g.add(torch.ones(2, 16), [1, 1], [0, 0], keys=[90, 90]), "a key is given twice"),
        (lambda g: g.add(torch.ones(1, 16), [1], [0], keys=[-2]), "key -2, wanted keys >= 0"),
        (lambda g: g.remove([3, 400]), "key 400 is not in the gallery of 40 entries"),
        (lambda g: g.entry(400), "key 400 is not in the gallery"),
        (lambda g: g.search(torch.ones(1, 4), 3), r"shape \(1, 4\), wanted \(n, 16\)"),
        (lambda g: g.search(torch.full((1, 16), torch.nan), 3), "not finite"),
        (lambda g: g.search(torch.ones(1, 16), 0), "k=0, wanted at least 1"),
        (lambda g: g.search(torch.ones(1, 16), 1, index="annoy"), "index='annoy', wanted one of auto, exact, flat"),
        (lambda g: g.search(torch.ones(1, 16), 1, index="pq"), "index='pq' for 40 entries, wanted at least 1000"),
        (lambda g: g.build("ivf"), "index='ivf' for 40 entries, wanted at least 1000"),
        (lambda g: Gallery(16).build("pq"), "the gallery is empty"),
        (lambda g: Gallery(16).search(torch.ones(1, 16), 1), "the gallery is empty"),
        (lambda g: Gallery(0), "dim=0, wanted at least 1"),
    ],
)
def test_bad_use_is_an_error_that_changes_nothing(gallery, call, message):
    vectors = gallery.vectors.clone()
    with pytest.raises(ValueError, match=message) as caught:
        call(gallery)
    assert "\n" not in str(caught.value)
    assert torch.equal(gallery.vectors, vectors)
    assert gallery.keys.tolist() == list(range(40))


def test_file_brings_everything_back_bit_for_bit(gallery, tmp_path):
    gallery.remove([39])
    gallery.save(tmp_path / "new" / "gallery.safetensors")
    loaded = Gallery.load(tmp_path / "new" / "gallery.safetensors")
    assert torch.equal(loaded.vectors, gallery.vectors)
    assert loaded.entries() == gallery.entries() == [gallery.entry(key) for key in range(39)]
    assert loaded.source == "a test"
    assert loaded.add(torch.ones(1, 16), [0], [0]) == [40]  # 39 was given out once
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["gallery.safetensors"]


def test_file_is_plain_safetensors_of_the_entries_alone(gallery, tmp_path):
    gallery.remove([3, 17])
    gallery.add(gallery.vectors[:1], [5], [6], [{"name": "Zoë"}])
    gallery.save(tmp_path / "g")
    with safe_open(tmp_path / "g", framework="pt") as file:
        assert file.metadata() == {"format": "vg-reid/gallery 2", "source": "a test", "next_key": "41"}
    stored = load_file(tmp_path / "g")
    assert torch.equal(stored["vectors"], gallery.vectors)
    assert stored["ids"][-1].tolist() == [40, 5, 6]
    assert json.loads(stored["metadata"].numpy().tobytes()[stored["ends"][-2] :]) == {"name": "Zoë"}
    gallery.save(tmp_path / "same")
    assert (tmp_path / "same").read_bytes() == (tmp_path / "g").read_bytes()


def test_gallery_can_be_saved_over_the_file_that_it_is_read_from(gallery, tmp_path):
    gallery.save(tmp_path / "g")
    loaded = Gallery.load(tmp_path / "g")
    loaded.remove([0])
    loaded.add(torch.ones(1, 16), [50], [0])
    loaded.save(tmp_path / "g")
    again = Gallery.load(tmp_path / "g")
    assert again.entries() == loaded.entries()
    assert torch.equal(again.vectors, loaded.vectors)


OPEN_LARGE = """
import sys
import torch
from vg_reid import Gallery

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

Gallery.load(sys.argv[2])  # a small one: what loading needs of code is there
before = resident()
gallery = Gallery.load(sys.argv[1])
opened = resident() - before
gallery.search(gallery.vectors[:1], 1)
print(opened, resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="memory is read as on Linux")
def test_vectors_stay_on_disk_until_they_are_searched(tmp_path, rng):
    large, small = Gallery(2048), Gallery(2048)
    large.add(torch.rand(16_384, 2048, generator=rng), [0] * 16_384, [0] * 16_384)  # 128 MB
    small.add(torch.rand(16, 2048, generator=rng), [0] * 16, [0] * 16)
    large.save(tmp_path / "large")
    small.save(tmp_path / "small")
    child = subprocess.run(
        [sys.executable, "-c", OPEN_LARGE, tmp_path / "large", tmp_path / "small"], capture_output=True, text=True
    )
    opened, searched = (int(word) for word in child.stdout.split())
    assert opened < 40e6, child.stderr
    assert searched > 120e6  # the way of counting sees mapped vectors once they are read


def test_empty_gallery_can_be_saved(tmp_path):
    Gallery(3).save(tmp_path / "empty")
    assert len(Gallery.load(tmp_path / "empty")) == 0


def edit(path, **changes):
    """Write a gallery file with other tensors under an intact header."""
    header = {"format": "vg-reid/gallery 2", "source": "", "next_key": "0"}
    save_file(load_file(path) | changes, path, metadata=header)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]), "is no whole gallery file"),
        (lambda p: p.write_bytes(b""), "is no whole gallery file"),
        (lambda p: p.write_text("some text"), "is no whole gallery file"),
        (lambda p: save_file({"vectors": torch.ones(1, 16)}, p), "its format is None"),
        (lambda p: edit(p, vectors=torch.ones(40, 16)), "not of length 1"),
        (lambda p: edit(p, vectors=torch.full((40, 16), torch.nan)), "not of length 1"),
        (lambda p: edit(p, ids=torch.zeros(40, 3, dtype=torch.long)), "a key is given twice"),
        (lambda p: edit(p, ids=torch.zeros(40, dtype=torch.long)), "is no whole gallery file"),
        (lambda p: edit(p, ids=torch.arange(90).reshape(30, 3)), r"its ids are \(30, 3\) .* for 40 vectors"),
        (lambda p: edit(p, ids=torch.arange(-9, 111).reshape(40, 3)), "key -9, wanted keys >= 0"),
        (lambda p: edit(p, metadata=torch.tensor(list(b"{}"), dtype=torch.uint8)), "cut otherwise than it is long"),
        (lambda p: edit(p, ends=torch.arange(40).flip(0)), "cut otherwise than it is long"),
        (lambda p: edit(p, ends=torch.arange(-5, 35)), "cut otherwise than it is long"),
        (lambda p: edit(p, vectors=torch.ones(40, 16).double()), "its tensors are"),
        (lambda p: edit(p, vectors=torch.ones(40, 0)), r"its vectors are \(40, 0\)"),
    ],
)
def test_damaged_file_is_a_one_line_error_naming_it(damage, message, gallery, tmp_path):
    path = tmp_path / "gallery.vg"
    gallery.save(path)
    damage(path)
    with pytest.raises(ValueError, match=message) as caught:
        Gallery.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_metadata_is_said_when_it_is_read(gallery, tmp_path):
    path = tmp_path / "gallery.vg"
    gallery.save(path)
    data = load_file(path)["metadata"]
    edit(path, metadata=data.new_full(data.shape, 200))
    with pytest.raises(ValueError, match=r"gallery\.vg: the metadata of row 3 is damaged"):
        Gallery.load(path).entry(3)
    edit(path, metadata=torch.tensor(list(b"7" * len(data)), dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"gallery\.vg: the metadata of row 3 is 7+, wanted a JSON object"):
        Gallery.load(path).entry(3)


def test_missing_file_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Gallery.load(tmp_path / "nowhere")


FULL_DISK_AND_KILL = """
import json, os, resource, signal, sys
from pathlib import Path
import torch
from vg_reid import Gallery
from vg_reid.encoder import EncoderConfig, random_encoder
from vg_reid.features import Features, save_features

folder = Path(sys.argv[1])
gallery = Gallery(16)
encoder = random_encoder(EncoderConfig(backbone="tiny"))

def save_all():
    errors = {}
    features = Features(gallery.vectors, gallery.keys.tolist(), gallery.keys.tolist(), [{}] * len(gallery), "x")
    for name, save in {
        "gallery": lambda: gallery.save(folder / "gallery"),
        "encoder": lambda: encoder.save_pretrained(folder / "encoder"),
        "features": lambda: save_features(folder / "features.npz", features),
    }.items():
        try:
            save()
        except OSError as error:
            errors[name] = str(error)
    return errors

gallery.add(torch.eye(16), range(16), [0] * 16)
assert not save_all()
gallery.add(torch.rand(20_000, 16), [0] * 20_000, [0] * 20_000)
torch.nn.init.zeros_(encoder.feat.weight)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
print(json.dumps(save_all()), flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)  # all is written, nothing is in its place yet
gallery.save(folder / "gallery")
"""


def test_full_disk_and_kill_leave_the_last_good_files(tmp_path):
    child = subprocess.run(
        [sys.executable, "-c", FULL_DISK_AND_KILL, str(tmp_path)], capture_output=True, text=True, timeout=200
    )
    assert child.returncode == -9, child.stderr
    errors = json.loads(child.stdout)
    assert errors.keys() == {"gallery", "encoder", "features"}
    from vg_reid.encoder import Encoder
    from vg_reid.features import load_features

    assert torch.equal(Gallery.load(tmp_path / "gallery").vectors, torch.eye(16))
    assert len(load_features(tmp_path / "features.npz").pids) == 16
    assert Encoder.from_pretrained(tmp_path / "encoder").feat.weight.abs().sum() > 0
    left = sorted(path.name for path in tmp_path.iterdir() if path.name != ".gallery")
    assert [name for name in left if not name.startswith(".gallery.")] == ["encoder", "features.npz", "gallery"]
