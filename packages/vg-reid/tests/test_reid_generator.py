import json
from pathlib import Path

import pytest
import torch
from vg_reid.decoder import DecoderConfig
from vg_reid.encoder import EncoderConfig, random_encoder
from vg_reid.generator import GeneratorConfig, ViewGenerator, random_generator, require_match
from vg_reid.structure import StructureEncoderConfig

TINY = GeneratorConfig(
    structure=StructureEncoderConfig(channels=16, blocks=1, dilations=(1, 2)),
    decoder=DecoderConfig(code_dim=1024, channels=16, blocks=2, hidden=8),
    height=64,
    width=32,
)


@pytest.mark.parametrize(("height", "width"), [(64, 32), (128, 64), (44, 20)])
def test_image_has_the_size_of_the_projection(height, width, rng):
    generator = random_generator(TINY)
    mesh, code = torch.randn(2, 1, height, width, generator=rng), torch.randn(2, 1024, generator=rng)
    with torch.inference_mode():
        image = generator(mesh, code)
    assert image.shape == (2, 3, height, width)
    with torch.inference_mode():
        assert not torch.allclose(generator(mesh.flip(3), code), image)
        assert not torch.allclose(generator(mesh, code.flip(0)), image)


def test_projections_that_would_not_keep_their_size_are_an_error():
    with pytest.raises(ValueError, match=r"mesh has shape \(1, 1, 65, 32\), wanted multiples of 4 pixels"):
        random_generator(TINY)(torch.zeros(1, 1, 65, 32), torch.zeros(1, 1024))


def test_random_generator_depends_on_the_seed_alone_and_leaves_the_global_state():
    before = torch.get_rng_state()
    first = random_generator(TINY, 3).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    again, other = random_generator(TINY, 3).state_dict(), random_generator(TINY, 4).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["decoder.tail.4.weight"], other["decoder.tail.4.weight"])


def test_model_folder_comes_back_bit_for_bit(tmp_path):
    generator = random_generator(TINY, 5)
    generator.save_pretrained(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["system"] == "vg-reid/generator"
    assert config["structure"]["dilations"] == [1, 2]
    loaded = ViewGenerator.from_pretrained(tmp_path / "model")
    assert loaded.config == generator.config
    assert not loaded.training
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in generator.state_dict().items())


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda f: (f / "config.json").unlink(), FileNotFoundError, r"config\.json is missing"),
        (lambda f: (f / "model.safetensors").unlink(), FileNotFoundError, r"model\.safetensors is missing"),
        (lambda f: edit(f, system="vg-reid/encoder"), ValueError, "'vg-reid/encoder', wanted 'vg-reid/generator'"),
        (lambda f: edit(f, decoder={"depth": 3}), ValueError, r"config\.json: .*'depth'"),
        (lambda f: edit(f, decoder={"channels": 8}), ValueError, "wanted decoder.channels=8"),
        (lambda f: edit(f, height=70), ValueError, "height=70, wanted a multiple of 4, at least 9"),
        (lambda f: edit(f, weights="mine"), ValueError, "weights 'mine' is unknown"),
        (
            lambda f: edit(f, structure={"channels": 16, "dilations": [1, 2]}),
            ValueError,
            r"model\.safetensors does not fit its config",
        ),
        (lambda f: (f / "model.safetensors").write_bytes(b"cut"), ValueError, r"model\.safetensors is damaged"),
    ],
)
def test_damaged_model_folder_is_an_error_naming_the_file(damage, error, message, tmp_path):
    random_generator(TINY).save_pretrained(tmp_path)
    damage(tmp_path)
    with pytest.raises(error, match=message) as caught:
        ViewGenerator.from_pretrained(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_encoder_of_another_part_code_is_an_error():
    tiny = random_encoder(EncoderConfig(backbone="tiny"))
    require_match(tiny, random_generator(TINY))
    with pytest.raises(ValueError, match="part codes of 512 numbers, but the view generator wants 1024"):
        require_match(random_encoder(EncoderConfig(backbone="tiny", parts=2)), random_generator(TINY))
