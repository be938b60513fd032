import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from vg_reid import official, official_keys
from vg_reid.decoder import Decoder
from vg_reid.discriminator import Discriminator
from vg_reid.encoder import Encoder, EncoderConfig, random_encoder
from vg_reid.generative import (
    GenerativeConfig,
    discriminator_loss,
    feature_loss,
    gan_loss,
    generator_loss,
    image_loss,
)
from vg_reid.structure import StructureEncoder

# Outputs of GCL's nets (chenhao2345/GCL @88aed52, torch 2.15, CPU), for weights that are pure functions of the keys:
# every 4th value of each axis of E_str's map, every 4th pixel of G's image, every 8th AdaIN parameter.
GOLDEN = Path(__file__).parent / "data" / "gcl_view_generator.npz"

# One stage-2 iteration there, 128x64, batch 2, all nets filled in that way; the D step is before the generator's loss.
STEP_2 = {
    "discriminator": 7129.35791015625,
    "image": 0.9517845511436462 + 0.9523455500602722,
    "feature": 67.45223236083984 + 67.58809661865234,
    "generator": 163.7781982421875 + 148.25747680664062 + 167.62008666992188,
    "total": 1164.3780517578125,
}

PARTS = {
    "structure_encoder": (StructureEncoder, official_keys.STRUCTURE_ENCODER, "gcl_estr"),
    "decoder": (Decoder, official_keys.DECODER, "gcl_gen"),
    "discriminator": (Discriminator, official_keys.DISCRIMINATOR, "gcl_dis"),
}


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def official_shapes(part: str) -> dict[str, list[int]]:
    build, layers, _ = PARTS[part]
    with torch.device("meta"):
        state = build().state_dict()
    return {official_keys.official_key(key, layers): list(value.shape) for key, value in state.items()}


@pytest.fixture(scope="module")
def states(fill) -> dict[str, dict[str, np.ndarray]]:
    return {part: {key: fill(key, shape) for key, shape in official_shapes(part).items()} for part in PARTS}


@pytest.fixture(scope="module")
def identity_state(fill) -> dict[str, np.ndarray]:
    with torch.device("meta"):
        state = Encoder(EncoderConfig()).state_dict()
    return {key: fill(key, value.shape) for key, value in state.items()}


@pytest.mark.parametrize("part", PARTS)
def test_keys_and_shapes_are_gcls(part, fixtures):
    tensors = json.loads((fixtures / PARTS[part][2] / "keys.json").read_text())["tensors"]
    unread = ("running_mean", "running_var")
    assert official_shapes(part) == {key: value[0] for key, value in tensors.items() if not key.endswith(unread)}


def test_structure_encoder_is_gcls(states):
    encoder = official.load(states["structure_encoder"], "structure_encoder")
    with torch.inference_mode():
        structure = encoder(normal(2, 1, 1, 256, 128))
    wanted = np.load(GOLDEN)["structure"]
    np.testing.assert_allclose(structure[:, ::4, ::4, ::4].numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_decoder_is_gcls(states):
    golden = np.load(GOLDEN)
    decoder = official.load(states["decoder"], "decoder")
    code = torch.from_numpy(golden["code"])
    with torch.inference_mode():
        styles = decoder.styles(code)
        image = decoder(normal(3, 2, 128, 32, 16), code)
    for name, values in (("scales", [s.scale for s in styles]), ("shifts", [s.shift for s in styles])):
        np.testing.assert_allclose(torch.cat(values, 1)[:, ::8].numpy(), golden[name], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(image[:, :, ::4, ::4].numpy(), golden["image"], rtol=1e-4, atol=3e-5)


def test_losses_of_a_stage_2_iteration_are_gcls(states, identity_state):
    encoder = official.load(identity_state).requires_grad_(False)
    structure, decoder, discriminator = (official.load(states[part], part) for part in PARTS)
    x, mesh, new_mesh = normal(12, 2, 3, 128, 64), normal(13, 2, 1, 128, 64), normal(14, 2, 1, 128, 64)
    config = GenerativeConfig(adversarial="lsgan_r1", features="official")
    code, own = encoder(x).part_code, structure(mesh)
    recon, new = decoder(own, code), decoder(structure(new_mesh), code)
    cycle = decoder(own, encoder(new).part_code)

    losses = {"discriminator": discriminator_loss(discriminator, x, (recon, new, cycle), config)}
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=1e-4, betas=(0.0, 0.999), weight_decay=5e-4)
    losses["discriminator"].backward()
    optimizer.step()
    losses["image"] = image_loss(x, recon, cycle)
    losses["feature"] = feature_loss(code, encoder(recon).part_code, encoder(cycle).part_code)
    losses["generator"] = generator_loss(discriminator, (recon, new, cycle), config)
    losses["total"] = gan_loss(losses["image"], losses["feature"], losses["generator"], config)
    # Adam's first step goes by the sign of a gradient, however small, so rounding shows in what comes after it
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(STEP_2, rel=1e-4)


def test_one_file_of_gcls_generator_gives_both_of_its_parts(states, tmp_path):
    both = states["structure_encoder"] | states["decoder"]
    both["dec.model.1.model.0.model.0.norm.running_mean"] = np.zeros(128, np.float32)
    tensors = {f"module.{key}": torch.from_numpy(value) for key, value in both.items()}
    torch.save({"gen": tensors}, tmp_path / "gen_00030000.pt")
    structure = official.load(tmp_path / "gen_00030000.pt", "structure_encoder")
    decoder = official.load(tmp_path / "gen_00030000.pt", "decoder")
    assert not structure.training and not decoder.training
    first, last = both["enc_content.model.0.conv.weight"], both["dec.model.8.conv.bias"]
    np.testing.assert_array_equal(structure.stem[0][0].weight.detach(), first)
    np.testing.assert_array_equal(decoder.tail[4].bias.detach(), last)


@pytest.mark.parametrize("part", PARTS)
def test_a_key_that_is_missing_unknown_or_of_another_shape_is_named(part, states):
    state = states[part]
    first, *rest = state
    with pytest.raises(ValueError, match=rf"lacks 1 keys of \w+: {first}"):
        official.load({key: state[key] for key in rest}, part)
    unknown = "dec.model.9.conv.weight" if part == "decoder" else "enc_content.model.9.conv.weight"
    with pytest.raises(ValueError, match=rf"1 keys that \w+ does not know: {unknown}"):
        official.load(state | {unknown: state[first]}, part)
    with pytest.raises(ValueError, match="does not fit"):
        official.load(state | {first: np.zeros((2, 2, 1, 1), np.float32)}, part)


@pytest.mark.parametrize(("layout", "norm"), [("MMCL", "bn."), ("ACT", "feat_bn.")])
def test_encoders_without_a_linear_layer_keep_the_pooled_map(layout, norm, identity_state, fill, rng):
    state = {f"base.{key}": value for key, value in identity_state.items() if not key.startswith("feat")}
    state |= {"base.fc.weight": np.zeros((1000, 2048), np.float32), "base.fc.bias": np.zeros(1000, np.float32)}
    names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    shapes = [() if name == "num_batches_tracked" else (2048,) for name in names]
    state |= {f"{norm}{name}": fill(f"{norm}{name}", shape) for name, shape in zip(names, shapes, strict=True)}
    encoder = official.load({"state_dict": state, "epoch": 3})
    assert (encoder.config.linear, encoder.config.embedding_dim, encoder.config.weights) == (False, 2048, "trained")
    images = torch.randn(2, 3, 64, 32, generator=rng)
    with torch.inference_mode():
        codes, pooled = encoder(images), encoder.features(images).mean((2, 3))
    mean, variance = (torch.from_numpy(state[f"{norm}{name}"]) for name in ("running_mean", "running_var"))
    weight, bias = (torch.from_numpy(state[f"{norm}{name}"]) for name in ("weight", "bias"))
    wanted = (pooled - mean) / (variance + 1e-5).sqrt() * weight + bias
    torch.testing.assert_close(codes.embedding, wanted, rtol=1e-4, atol=1e-4)
    assert codes.unit.shape == (2, 2048)


def test_act_keeps_its_linear_layer_which_has_no_biases(identity_state, fill):
    state = {f"base.{key}": value for key, value in identity_state.items() if not key.startswith("feat")}
    state |= {"feat.weight": fill("feat.weight", (2048, 2048))}
    state |= {f"feat_bn.{name}": np.ones(2048, np.float32) for name in ("weight", "bias", "running_mean")}
    state |= {"feat_bn.running_var": np.ones(2048, np.float32), "classifier_x2.weight": np.zeros((9, 2048), np.float32)}
    encoder = official.load(state)
    assert isinstance(encoder.feat, nn.Linear) and encoder.config.embedding_dim == 2048
    assert not encoder.feat.bias.any()


def test_without_a_linear_layer_the_embedding_is_as_long_as_the_pooled_map():
    with pytest.raises(ValueError, match="embedding_dim=512, wanted 2048 as there is no linear layer"):
        EncoderConfig(linear=False)
    assert random_encoder(EncoderConfig(backbone="tiny", linear=False, embedding_dim=2048)).config.code_dim == 1024
