import pytest
import torch
from vg_video import g3an
from vg_video.labels import class_index

CLASSES = ("bend", "wave1", "wave2")


@pytest.fixture
def generator() -> g3an.Generator:
    config = g3an.GeneratorConfig(
        appearance_dim=6, widths=(8, 8, 8, 8, 4), classes=CLASSES, attention_after=1, spectral_norm=False
    )
    return g3an.Generator(config).eval()


def test_clip_i_depends_on_seed_and_i_alone(generator):
    clips = g3an.sample(generator, 5, seed=3, batch_size=2)
    assert clips.shape == (5, 3, 16, 64, 64) and clips.abs().max() <= 1
    torch.testing.assert_close(g3an.sample(generator, 3, seed=3, batch_size=16), clips[:3], rtol=1e-5, atol=1e-6)
    assert (clips[0] - clips[1]).abs().max() > 1e-4
    assert (clips[0] - g3an.sample(generator, 1, seed=4)[0]).abs().max() > 1e-4


def test_a_clip_does_not_depend_on_the_others_of_its_batch(generator):
    """No statistic is taken over a batch, though the generator may come straight from training."""
    generator.train()
    alone = g3an.sample(generator, 1, seed=3)
    assert generator.training
    torch.testing.assert_close(g3an.sample(generator, 4, seed=3)[:1], alone, rtol=1e-5, atol=1e-6)


def test_a_label_is_a_name_or_an_index(generator):
    by_name = g3an.sample(generator, 2, seed=0, label="wave1")
    assert torch.equal(by_name, g3an.sample(generator, 2, seed=0, label=1))
    assert not torch.equal(by_name, g3an.sample(generator, 2, seed=0, label="bend"))


def test_without_a_label_each_clip_draws_its_own(generator):
    drawn = g3an.sample(generator, 12, seed=0)
    by_class = [g3an.sample(generator, 12, seed=0, label=name) for name in CLASSES]
    chosen = [
        [index for index, clips in enumerate(by_class) if torch.allclose(clips[i], drawn[i], atol=1e-6)]
        for i in range(12)
    ]
    assert all(len(indices) == 1 for indices in chosen)
    assert {index for (index,) in chosen} == {0, 1, 2}


def test_longer_clips_come_from_the_same_appearance(generator):
    seen = []
    generator.register_forward_pre_hook(lambda _, args, inputs: seen.append(inputs), with_kwargs=True)
    assert g3an.sample(generator, 1, seed=0, frames=24).shape[2] == 24
    g3an.sample(generator, 1, seed=0)
    long, short = seen
    assert torch.equal(long["appearance"], short["appearance"]) and torch.equal(long["label"], short["label"])
    assert (long["motion"].shape[1], short["motion"].shape[1]) == (3, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 0}, "count=0"),
        ({"seed": -1}, "negative"),
        ({"frames": 18}, "nearest: 16 or 20"),
        ({"label": "jump"}, "label='jump', wanted one of bend, wave1, wave2"),
        ({"label": 3}, "label=3, wanted"),
        ({"label": -1}, "label=-1, wanted"),
    ],
)
def test_impossible_wishes_are_refused(generator, settings, message):
    with pytest.raises(ValueError, match=message):
        g3an.sample(generator, **({"count": 1, "seed": 0} | settings))


def test_a_label_for_an_unlabelled_model_is_refused():
    config = g3an.GeneratorConfig(appearance_dim=6, widths=(8, 8, 8, 8, 4), attention_after=None, spectral_norm=False)
    with pytest.raises(ValueError, match="trained without labels"):
        g3an.sample(g3an.Generator(config), 1, seed=0, label="bend")


def test_class_names_that_are_numbers_win_over_indices():
    assert class_index("0", ("1", "0")) == 1
    assert class_index(0, ("1", "0")) == 0
