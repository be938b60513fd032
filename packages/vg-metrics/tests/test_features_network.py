"""What every feature network does: batches, names in errors, and preparing samples while the network runs."""

import hashlib
import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from vg_metrics.features import FeatureNetwork, face_embedder, module_features
from vg_metrics.features.base import ahead, weights_digest
from vg_metrics.functional.content import acd, embed_frames

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")


class Mean(nn.Module):
    """Mean color of images (b, 3, h, w)."""

    def forward(self, images: Tensor) -> Tensor:
        return images.float().mean((2, 3))


MEAN = Mean()


def network(
    run: Callable[[Tensor], Tensor] = MEAN, prepare: Callable[[Tensor], Tensor] = Tensor.float, width: int = 3
) -> FeatureNetwork:
    words = {"name": "mean", "label": "mean color", "checksum": "0", "preprocessing": "none"}
    return FeatureNetwork(MEAN, run, prepare, width=width, **words)


@pytest.fixture
def images(rng) -> list[Tensor]:
    """Seven of three sizes."""
    sides = (4, 4, 4, 5, 6, 6, 4)
    return [torch.randint(256, (3, side, 4), generator=rng, dtype=torch.uint8) for side in sides]


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_samples_of_several_sizes_keep_their_order(batch_size, images):
    seen: list[int] = []

    def run(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        return MEAN(batch)

    got = network(run).extract(iter(images), batch_size=batch_size)
    torch.testing.assert_close(got, torch.stack([MEAN(image[None])[0] for image in images]))
    assert seen == {1: [1] * 7, 2: [2, 1, 1, 2, 1], 7: [3, 1, 2, 1]}[batch_size]


def test_samples_are_read_while_the_network_runs_but_at_most_two_batches_ahead():
    """Batch 2 is read between the begin and the end of the network's work on batch 0: each waits for the other."""
    running, read = threading.Event(), [threading.Event() for _ in range(5)]
    ran: list[int] = []

    def samples() -> Iterator[Tensor]:
        for index, event in enumerate(read):
            if index == 2:
                assert running.wait(60), "the network was not running"
            event.set()
            yield torch.full((3, 2, 2), float(index))

    def run(batch: Tensor) -> Tensor:
        running.set()
        ran.append(int(batch[0, 0, 0, 0]))
        ready = min(ran[-1] + 2, 4)
        assert read[ready].wait(60), f"sample {ready} was not read meanwhile"
        assert not any(event.is_set() for event in read[ready + 1 :])
        return MEAN(batch)

    assert network(run).extract(samples(), batch_size=1)[:, 0].tolist() == ran == [0, 1, 2, 3, 4]


def test_what_cannot_be_prepared_is_named():
    def prepare(batch: Tensor) -> Tensor:
        if batch.shape[-1] < 4:
            raise ValueError(f"width {batch.shape[-1]}, wanted at least 4")
        return batch.float()

    samples = [torch.zeros(3, 4, width) for width in (4, 4, 4, 3, 4)]
    names = ["a.png", "b.png", "c.png", "d.png", "e.png"]
    with pytest.raises(ValueError, match=r"^d\.png: width 3, wanted at least 4$"):
        network(prepare=prepare).extract(samples, batch_size=2, name=names.__getitem__)
    with pytest.raises(ValueError, match=r"^sample 3: width 3"):
        network(prepare=prepare).extract(samples)
    with pytest.raises(ValueError, match=r"^width 3"):
        network(prepare=prepare)(samples[3][None])


@pytest.mark.parametrize("error", [OSError(5, "Input/output error", "c.png"), ValueError("c.png is damaged")])
def test_what_cannot_be_read_is_raised_as_it_is_and_the_thread_ends(error, images):
    def samples() -> Iterator[Tensor]:
        yield from images[:3]
        raise error

    with pytest.raises(type(error)) as caught:
        network().extract(samples(), batch_size=1)
    assert caught.value is error
    assert not any(thread.name.startswith("prepare") for thread in threading.enumerate())


def test_a_network_that_fails_ends_the_thread_and_the_reading(images):
    read = []

    def samples() -> Iterator[Tensor]:
        for index in range(1000):
            read.append(index)
            yield images[0]

    def run(batch: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        network(run).extract(samples(), batch_size=1)
    assert len(read) <= 3
    assert not any(thread.name.startswith("prepare") for thread in threading.enumerate())


def test_no_gradients_are_recorded_while_reading_preparing_and_running():
    recorded = []

    def note(batch: Tensor) -> Tensor:
        recorded.append(torch.is_grad_enabled())
        return batch.float()

    def samples() -> Iterator[Tensor]:
        for _ in range(3):
            recorded.append(torch.is_grad_enabled())
            yield torch.zeros(3, 2, 2)

    network(lambda batch: MEAN(note(batch)), note).extract(samples())
    assert len(recorded) == 7 and not any(recorded)
    assert torch.is_grad_enabled()


def test_items_made_ahead_come_in_order_and_once():
    assert list(ahead(iter(range(100)), depth=3)) == list(range(100))
    assert list(ahead(iter([]))) == []


def test_nothing_and_features_of_another_shape_are_refused(images):
    with pytest.raises(ValueError, match="no clips or images"):
        network().extract([])
    with pytest.raises(ValueError, match=r"mean gives features of shape \(1, 3\), wanted \(1, 4\)"):
        network(width=4).extract(images[:1])
    with pytest.raises(ValueError, match=r"shape \(3,\), wanted \(1, 3\)"):
        network(lambda batch: batch.mean((0, 2, 3)))(images[0][None])


def test_a_module_of_the_caller_is_known_by_its_weights():
    def features(seed: int) -> FeatureNetwork:
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5))
        return module_features(module, Tensor.float, name="mine/2", width=5, preprocessing="none")

    first = features(0)
    assert first.checksum == features(0).checksum == weights_digest(first.module) != features(1).checksum
    assert (first.name, first.label, first.width, first.preprocessing) == (
        "mine/2",
        "mine/2, a module of the caller",
        5,
        "none",
    )
    assert not first.module.training and first(torch.zeros(2, 3, 2, 2)).shape == (2, 5)
    first.module[2].running_mean += 1
    assert weights_digest(first.module) != first.checksum  # buffers count


def test_a_torchscript_file_is_known_by_its_bytes(images, tmp_path):
    path = tmp_path / "mean.pt"
    torch.jit.script(Mean()).save(path)
    features = module_features(path, Tensor.float, name="mean", width=3, preprocessing="none")
    assert features.checksum == hashlib.sha256(path.read_bytes()).hexdigest()
    assert features.label == "mean, mean.pt"
    torch.testing.assert_close(features.extract(images), network().extract(images))
    with pytest.raises(FileNotFoundError, match="absent"):
        module_features(tmp_path / "absent.pt", Tensor.float, name="mean", width=3, preprocessing="none")


def test_faces_are_embedded_by_any_function_of_a_frame():
    """Frames without a face are skipped and counted by the content distance."""

    def embed(frame: Tensor) -> Tensor | None:
        return None if frame.float().mean() < 10 else frame.float().mean((1, 2)) / 255

    video = torch.randint(100, 256, (1, 3, 5, 4, 4), dtype=torch.uint8)
    video[:, :, 2] = 0
    embeddings = embed_frames(video, face_embedder(embed, width=3))
    assert embeddings.isnan().all(-1).tolist() == [[False, False, True, False, False]]
    torch.testing.assert_close(embeddings[0, 4], video[0, :, 4].float().mean((1, 2)) / 255)
    assert acd(embeddings).skipped_frames == 1
    for wrong in (torch.zeros(1, 3), torch.zeros(4), torch.tensor([1, torch.nan, 0])):
        with pytest.raises(ValueError, match=r"wanted \(3,\), all finite"):
            face_embedder(lambda frame, wrong=wrong: wrong, width=3)(video[0].transpose(0, 1))
