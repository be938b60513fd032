import importlib.util
import os
import stat
import sys
import threading

import pytest
import torch
from vg_reid import Gallery, gallery_file
from vg_reid.index import EXACT_UP_TO, FEWEST, PQ_UP_TO, choose_index, recipe
from vg_reid.index_cache import user_cache

needs_faiss = pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="FAISS is not installed")
KINDS = ["flat", "ivf", "hnsw", "pq", "ivfpq"]


def clustered(n, dim, rng, centers=None):
    """Unit vectors around centers, about 17 each, as of persons, and the centers."""
    if centers is None:
        centers = torch.randn(n // 17, dim, generator=rng)
    around = centers[torch.randint(len(centers), (n,), generator=rng)]
    return torch.nn.functional.normalize(around + 0.8 * torch.randn(n, dim, generator=rng)), centers


@pytest.fixture(scope="module")
def filled():
    """2000 entries of width 32, whose identity is their key, and 30 queries."""
    rng = torch.Generator().manual_seed(3)
    vectors, centers = clustered(2000, 32, rng)
    gallery = Gallery(32)
    gallery.add(vectors, range(2000), [0] * 2000)
    return gallery, clustered(30, 32, rng, centers)[0]


@pytest.fixture
def gallery(filled, tmp_path):
    """The same as a gallery of its own, from a file."""
    filled[0].save(tmp_path / "gallery")
    return Gallery.load(tmp_path / "gallery")


def recall(found, exact):
    return (exact.keys[:, :, None] == found.keys[:, None, :]).any(dim=2).double().mean().item()


def test_index_is_chosen_by_size_and_the_rule_is_said(monkeypatch):
    monkeypatch.setattr("vg_reid.index.find_spec", lambda name: name)
    sizes = [1, EXACT_UP_TO, EXACT_UP_TO + 1, PQ_UP_TO, PQ_UP_TO + 1]
    assert [choose_index(n)[0] for n in sizes] == ["exact", "exact", "pq", "pq", "ivfpq"]
    assert choose_index(60_000)[1] == "index: pq, for 60000 entries (exact up to 50000, pq up to 5000000, then ivfpq)"
    assert choose_index(10**6, "cuda:1") == ("exact", "index: exact, on cuda:1")
    monkeypatch.setattr("vg_reid.index.find_spec", lambda name: None)
    kind, rule = choose_index(10**6)
    assert kind == "exact"
    assert "vg-reid[cpu] or vg-reid[gpu]" in rule


def test_codes_have_4_bits_for_as_many_numbers_as_divide_the_width():
    assert [recipe("pq", FEWEST, dim) for dim in (512, 2048, 30, 7)] == [
        "PQ128x4fs",
        "PQ512x4fs",
        "PQ10x4fs",
        "PQ7x4fs",
    ]
    assert recipe("ivf", 10**6, 512) == "IVF4000,SQ8"
    assert recipe("ivfpq", 10**6, 512) == "IVF4000,PQ128x4fs"


@needs_faiss
@pytest.mark.parametrize("kind", KINDS)
def test_faiss_finds_what_exact_search_finds_with_the_exact_scores(kind, filled):
    gallery, queries = filled
    exact, found = gallery.search(queries, 10), gallery.search(queries, 10, index=kind)
    assert recall(found, exact) == 1 if kind == "flat" else recall(found, exact) > 0.95
    torch.testing.assert_close(found.scores, (queries[:, None] * gallery.vectors[found.keys]).sum(dim=2))
    assert (found.scores.diff(dim=1) <= 0).all()
    assert torch.equal(found.pids, found.keys)


@needs_faiss
@pytest.mark.parametrize("dim", [5, 6, 30])
def test_any_width_has_codes(dim, rng):
    gallery = Gallery(dim)
    vectors, centers = clustered(1500, dim, rng)
    gallery.add(vectors, range(1500), [0] * 1500)
    queries = clustered(20, dim, rng, centers)[0]
    assert recall(gallery.search(queries, 5, index="pq"), gallery.search(queries, 5)) > 0.9


@needs_faiss
@pytest.mark.parametrize("kind", KINDS)
def test_changes_after_an_index_was_built_are_seen_at_once(kind, gallery, rng):
    gallery.build(kind)
    query = torch.nn.functional.normalize(torch.randn(1, 32, generator=rng))
    keys = gallery.add(query.repeat(3, 1) + 0.01 * torch.randn(3, 32, generator=rng), [7, 8, 9], [0] * 3)
    assert set(gallery.search(query, 3, index=kind).keys[0].tolist()) == set(keys)
    gallery.remove([keys[1]])
    best = gallery.search(query, 3, index=kind).keys[0].tolist()
    assert set(best[:2]) == {keys[0], keys[2]}
    gallery.remove(best)
    assert not set(best) & set(gallery.search(query, 100, index=kind).keys[0].tolist())


@needs_faiss
@pytest.mark.parametrize("kind", ["ivf", "hnsw", "pq"])
def test_a_query_never_gets_fewer_than_k_however_many_are_removed(kind, gallery, filled):
    gallery.build(kind)
    gone = gallery.search(filled[1][:1], 900).keys[0]
    gallery.remove(gone)
    exact, found = gallery.search(filled[1], 200), gallery.search(filled[1], 200, index=kind)
    assert found.keys.shape == (30, 200)
    assert not torch.isin(found.keys, gone).any()
    assert found.scores.isfinite().all()
    assert recall(found, exact) > 0.8
    assert torch.equal(gallery.search(filled[1], 5000, index=kind).keys, gallery.search(filled[1], 5000).keys)


@needs_faiss
def test_index_is_built_anew_once_many_entries_came_after_it(gallery, rng):
    gallery.build("pq")
    rows = gallery._view.rows
    gallery.add(torch.randn(1000, 32, generator=rng), [0] * 1000, [0] * 1000)
    gallery.search(torch.randn(1, 32, generator=rng), 1, index="pq")
    assert rows.indexes["pq"].rows == 2000
    gallery.add(torch.randn(1, 32, generator=rng), [0], [0])
    gallery.search(torch.randn(1, 32, generator=rng), 1, index="pq")
    assert rows.indexes["pq"].rows == 3001


def test_readers_see_whole_changes_while_others_write(rng):
    """Entries come and go in pairs with equal vectors: a search must see both of a pair, or neither."""
    gallery = Gallery(8)
    vectors = torch.nn.functional.normalize(torch.randn(50, 8, generator=rng))
    errors, done = [], threading.Event()

    def change(first):
        draw = torch.Generator().manual_seed(first)
        try:
            for _ in range(120):
                pid = first + 2 * int(torch.randint(25, (), generator=draw))
                keys = gallery.add(vectors[[pid, pid]], [pid, pid], [0, 1])
                if len(keys) == 2 and int(torch.randint(3, (), generator=draw)):
                    gallery.remove(keys)
        except Exception as error:
            errors.append(error)

    def read():
        try:
            while not done.is_set():
                if not gallery:
                    continue
                found = gallery.search(vectors[:4], 10_000)
                wanted = (vectors[:4, None] * vectors[found.pids]).sum(dim=2)
                torch.testing.assert_close(found.scores, wanted)
                counts = torch.bincount(found.pids[0])
                assert not (counts % 2).any()
                entries = gallery.entries()
                assert 2 * sum(entry.camid for entry in entries) == len(entries)
        except Exception as error:
            errors.append(error)

    writers = [threading.Thread(target=change, args=(first,)) for first in (0, 1)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in [*writers, *readers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert not errors, errors[0]
    assert len(gallery) % 2 == 0


def test_rank_gives_what_is_known_of_the_best(filled):
    gallery, queries = filled
    found = gallery.search(queries[:1], 3)
    ranked = gallery.rank(queries[0], 3)
    assert [entry for entry, _ in ranked] == [gallery.entry(key) for key in found.keys[0].tolist()]
    torch.testing.assert_close(torch.tensor([score for _, score in ranked]), found.scores[0])


@needs_faiss
class TestCache:
    @pytest.fixture
    def file(self, filled, tmp_path):
        filled[0].save(tmp_path / "people.gallery")
        return tmp_path / "people.gallery"

    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "cache"

    @pytest.fixture
    def no_training(self, monkeypatch):
        def refuse(*_):
            raise AssertionError("the index was built again")

        return lambda: monkeypatch.setattr("vg_reid.gallery.build_index", refuse)

    @pytest.mark.parametrize("kind", KINDS)
    def test_next_process_reads_the_index_and_finds_the_same(self, kind, file, folder, filled, no_training):
        found = Gallery.load(file, index_cache=folder).search(filled[1], 10, index=kind)
        assert len(list(folder.iterdir())) == 1
        no_training()
        again = Gallery.load(file, index_cache=folder)
        assert torch.equal(again.search(filled[1], 10, index=kind).keys, found.keys)
        key = again.add(filled[1][:1], [0], [0])[0]
        assert again.search(filled[1][:1], 1, index=kind).keys.item() == key

    def test_gallery_saved_anew_gets_a_new_index_in_the_place_of_the_old(self, file, folder, filled):
        Gallery.load(file, index_cache=folder).build("pq")
        (old,) = folder.iterdir()
        changed = Gallery.load(file)
        changed.remove([0])
        changed.save(file)
        Gallery.load(file, index_cache=folder).build("pq")
        (new,) = folder.iterdir()
        assert new.name != old.name

    def test_index_of_another_dimension_or_size_or_a_damaged_one_is_not_used(self, file, folder, filled, rng):
        import faiss

        gallery = Gallery.load(file, index_cache=folder)
        wanted = gallery.search(filled[1], 5, index="pq").keys
        (cached,) = folder.iterdir()
        other = faiss.IndexFlatIP(8)
        other.add(torch.randn(2000, 8, generator=rng).numpy())
        faiss.write_index(other, str(cached))
        assert torch.equal(Gallery.load(file, index_cache=folder).search(filled[1], 5, index="pq").keys, wanted)
        cached.write_bytes(cached.read_bytes()[:1000])
        assert torch.equal(Gallery.load(file, index_cache=folder).search(filled[1], 5, index="pq").keys, wanted)

    @pytest.mark.skipif(not hasattr(os, "getuid"), reason="rights are those of POSIX")
    def test_folder_that_others_can_write_is_not_read(self, file, folder, filled, monkeypatch):
        import faiss

        Gallery.load(file, index_cache=folder).build("pq")
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder.chmod(0o777)
        monkeypatch.setattr(faiss, "read_index", lambda _: pytest.fail("an index of others was read"))
        with pytest.raises(ValueError, match=r"cache can be written by others \(mode drwxrwxrwx\)"):
            Gallery.load(file, index_cache=folder).build("pq")
        with pytest.warns(UserWarning, match=r"cache can be written by others \(mode drwxrwxrwx\)"):
            Gallery.load(file, index_cache=folder).search(filled[1], 1, index="pq")

    def test_cache_that_cannot_be_written_is_a_warning_and_searching_goes_on(self, file, folder, filled, no_training):
        folder.write_text("no folder")
        gallery = Gallery.load(file, index_cache=folder)
        with pytest.warns(UserWarning, match=f"the index is not kept in {folder}: ") as told:
            found = gallery.search(filled[1], 5, index="pq")
        assert told[0].filename == __file__
        with pytest.raises(OSError, match=str(folder)):
            Gallery.load(file, index_cache=folder).build("pq")
        no_training()
        assert torch.equal(gallery.search(filled[1], 5, index="pq").keys, found.keys)

    def test_gallery_that_outgrew_a_small_file_is_indexed(self, folder, filled, tmp_path):
        small = Gallery(32)
        small.add(filled[0].vectors[:500], range(500), [0] * 500)
        small.save(tmp_path / "small.gallery")
        gallery = Gallery.load(tmp_path / "small.gallery", index_cache=folder)
        with pytest.raises(ValueError, match="index='pq' for 500 entries"):
            gallery.search(filled[1], 5, index="pq")
        gallery.add(filled[0].vectors[500:], range(500, 2000), [0] * 1500)
        exact = gallery.search(filled[1], 5)
        assert recall(gallery.search(filled[1], 5, index="pq"), exact) > 0.95
        assert not folder.exists()

    def test_index_of_a_file_replaced_while_it_was_opened_is_not_taken_for_the_new_ones(
        self, file, folder, filled, monkeypatch
    ):
        turned = Gallery(32)
        turned.add(filled[0].vectors.flip(0), range(2000), [0] * 2000)
        real_open = gallery_file.safe_open

        def open_and_replace(*args, **kwargs):
            opened = real_open(*args, **kwargs)
            monkeypatch.setattr(gallery_file, "safe_open", real_open)
            turned.save(file)
            return opened

        monkeypatch.setattr(gallery_file, "safe_open", open_and_replace)
        Gallery.load(file, index_cache=folder).build("pq")
        after = Gallery.load(file, index_cache=folder)
        assert recall(after.search(filled[1], 5, index="pq"), turned.search(filled[1], 5)) > 0.95

    def test_rows_that_were_moved_together_are_not_searched_by_the_cached_index(self, file, folder, filled):
        gallery = Gallery.load(file, index_cache=folder)
        gallery.build("pq")
        gallery.remove(range(1500))
        gallery.add(filled[0].vectors[:1500], range(1500), [0] * 1500)  # as many as before, in another order
        exact = gallery.search(filled[1], 5)
        assert recall(gallery.search(filled[1], 5, index="pq"), exact) > 0.95

    def test_user_cache_is_where_the_system_wants_it(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert user_cache() == tmp_path / "vg-reid"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert user_cache() == tmp_path / ".cache" / "vg-reid"


def test_without_faiss_the_error_names_both_extras(filled, monkeypatch):
    gallery, queries = filled
    monkeypatch.setitem(sys.modules, "faiss", None)
    fresh = Gallery(32)
    fresh.add(gallery.vectors, gallery.pids, gallery.camids)
    with pytest.raises(ValueError, match=r"needs FAISS: install vg-reid\[cpu\] or vg-reid\[gpu\], never both"):
        fresh.build("hnsw")
    assert fresh.search(queries, 1).keys.shape == (30, 1)
