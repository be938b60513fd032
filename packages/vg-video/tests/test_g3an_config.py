import dataclasses
import json

import pytest
from vg_layers.configs import config_dict, from_dict
from vg_video import g3an


def test_defaults_are_the_numbers_of_the_thesis():
    config = g3an.G3ANConfig()
    assert (config.generator.appearance_dim, config.generator.motion_dim) == (128, 10)  # 4.4.1
    assert len(config.generator.widths) == 5  # N in 4.4.1
    assert config.generator.attention_after == 3  # table 4.5
    assert config.generator.convolution == "1+2d"  # table 4.4
    assert (config.learning_rate, config.betas, config.frames_per_clip) == (2e-4, (0.5, 0.999), 1)  # 4.4.1
    assert (config.r1_weight, config.augment, config.ema_decay, config.final_rate) == (0, False, 0, 1)


def test_tiny_keeps_every_module_of_the_thesis():
    config = g3an.tiny(("bend", "wave"))
    assert config.generator.spatial_stream and config.generator.temporal_stream
    assert config.generator.attention_after is not None
    assert config.generator.classes == ("bend", "wave")
    assert config.video_discriminator.classes == 2


@pytest.mark.parametrize("config", [g3an.G3ANConfig(), g3an.tiny(("bend", "wave"))])
def test_a_config_survives_json(config):
    values = json.loads(json.dumps(config_dict(config)))
    assert from_dict(g3an.G3ANConfig, values) == config


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (g3an.GeneratorConfig, {"widths": (8, 8)}, "widths has 2 entries, wanted 5"),
        (g3an.GeneratorConfig, {"widths": (8, 8, 8, 0, 8)}, "wanted positive"),
        (g3an.GeneratorConfig, {"motion_dim": 0}, "motion_dim=0, wanted a positive number"),
        (g3an.GeneratorConfig, {"convolution": "2d"}, "convolution='2d', wanted one of 1+2d, 2+1d, 3d"),
        (g3an.GeneratorConfig, {"attention_after": 5}, "attention_after=5, wanted a module from 0 to 4"),
        (g3an.GeneratorConfig, {"classes": ("a", "a")}, "distinct"),
        (g3an.GeneratorConfig, {"classes": ("a",), "temporal_stream": False}, "temporal_stream=False with classes"),
        (g3an.VideoDiscriminatorConfig, {"kind": "2d"}, "kind='2d', wanted one of 3d, 2+1d"),
        (g3an.VideoDiscriminatorConfig, {"classes": -1}, "classes=-1"),
        (g3an.ImageDiscriminatorConfig, {"norm": "batch"}, "norm='batch', wanted one of spectral, none"),
        (g3an.G3ANConfig, {"steps": 0}, "steps=0"),
        (g3an.G3ANConfig, {"betas": (0.5, 1.0)}, "betas"),
        (g3an.G3ANConfig, {"ema_decay": 1.0}, "ema_decay=1.0"),
        (g3an.G3ANConfig, {"r1_weight": -1.0}, "r1_weight=-1.0"),
        (g3an.G3ANConfig, {"final_rate": -1.0}, "final_rate=-1.0"),
        (g3an.G3ANConfig, {"video_discriminator": g3an.VideoDiscriminatorConfig(classes=3)}, "classes=3, wanted 0"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(kind, settings, message):
    with pytest.raises(ValueError, match="wanted") as error:
        kind(**settings)
    assert message in str(error.value)


def test_an_unknown_setting_is_named():
    with pytest.raises(ValueError, match="depth"):
        from_dict(g3an.G3ANConfig, {"generator": {"depth": 3}})


def test_with_classes_conditions_generator_and_video_discriminator_alike():
    config = g3an.G3ANConfig().with_classes(("bend", "wave"))
    assert (config.generator.classes, config.video_discriminator.classes) == (("bend", "wave"), 2)
    assert config.with_classes(()) == g3an.G3ANConfig()


@pytest.mark.parametrize("length", [1, 2, 3, 9])
def test_frames_are_four_times_the_motion_vectors_and_three(length):
    assert g3an.motion_length(4 * (length + 3)) == length


@pytest.mark.parametrize(("frames", "nearest"), [(0, "16"), (15, "16"), (17, "16 or 20"), (47, "44 or 48")])
def test_an_impossible_number_of_frames_names_the_nearest(frames, nearest):
    with pytest.raises(ValueError, match=rf"frames={frames}, .*nearest: {nearest}\)"):
        g3an.motion_length(frames)


def test_configs_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        g3an.G3ANConfig().steps = 3  # type: ignore[misc]
