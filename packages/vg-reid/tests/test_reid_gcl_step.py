import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from vg_reid import official as checkpoints
from vg_reid.contrastive import draw_pairs
from vg_reid.gcl import Contrast, GCLConfig, Schedule, TrainState, official, tiny
from vg_reid.gcl.batches import Batch
from vg_reid.gcl.step import kept_statistics, update

# One stage-2 iteration of the released code (chenhao2345/GCL @88aed52, torch 2.15, CPU), 128x64, batch 2, with weights
# that are functions of the keys; gradient norms just before each optimizer's step.
STEP_2 = {
    "discriminator": 7129.35791015625,
    "image": 5 * (0.9517845511436462 + 0.9523455500602722),
    "feature": 5 * (67.45223236083984 + 67.58809661865234),
    "adversarial": 163.7781982421875 + 148.25747680664062 + 167.62008666992188,
}
STEP_2_NORMS = {"discriminator": 72221.2523603744, "generator": 37991.45643682217}


def normal(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def filled(fill, module: torch.nn.Module, part: str) -> dict[str, Tensor]:
    """A net's state in the fixture's weights, by our keys."""
    layers = {
        "structure_encoder": checkpoints.official_keys.STRUCTURE_ENCODER,
        "decoder": checkpoints.official_keys.DECODER,
        "discriminator": checkpoints.official_keys.DISCRIMINATOR,
    }.get(part, {})
    keys = {key: checkpoints.official_keys.official_key(key, layers) if layers else key for key in module.state_dict()}
    return {key: torch.from_numpy(fill(keys[key], value.shape)) for key, value in module.state_dict().items()}


def norm_of(net: torch.nn.Module) -> float:
    return float(torch.nn.utils.get_total_norm([p.grad for p in net.parameters() if p.grad is not None]))


def test_a_whole_stage_2_step_is_that_of_the_released_code(fill):
    config = official()
    size = {"height": 128, "width": 64}
    config = dataclasses.replace(
        config,
        encoder=dataclasses.replace(config.encoder, **size),
        generator=dataclasses.replace(config.generator, **size),
    )
    state = TrainState(config)
    state.encoder.load_state_dict(filled(fill, state.encoder, "identity_encoder"))
    for part in ("structure_encoder", "decoder"):
        net = state.generator.get_submodule(part)
        net.load_state_dict(filled(fill, net, part))
    state.discriminator.load_state_dict(filled(fill, state.discriminator, "discriminator"))
    structures = torch.cat([normal(13, 2, 1, 128, 64), normal(14, 2, 1, 128, 64)])
    losses = update(state, Batch(torch.tensor([0, 1]), normal(12, 2, 3, 128, 64), structures, None))
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(STEP_2, rel=5e-5)
    assert {name: norm_of(state.nets[name]) for name in STEP_2_NORMS} == pytest.approx(STEP_2_NORMS, rel=1e-3)
    assert all(parameter.grad is None for parameter in state.encoder.parameters())


def small(config: GCLConfig) -> GCLConfig:
    """The same losses with nets of a few channels, at the start of stage 3."""
    narrow, size = tiny(), {"height": 48, "width": 40}
    return dataclasses.replace(
        config,
        encoder=dataclasses.replace(narrow.encoder, embedding_dim=16, **size),
        generator=dataclasses.replace(narrow.generator, **size),
        discriminator=narrow.discriminator,
        schedule=Schedule(warm_up_epochs=0, encoder_rate=1e-2),
    )


def joint_run(config: GCLConfig) -> tuple[TrainState, Batch]:
    """A state in float64 with a bank of 24 images of 6 persons, and a batch of 5."""
    state = TrainState(small(config))
    for net in state.nets.values():
        net.double()
    state.start_bank(normal(1, 24, 16).double())
    indices, labels = torch.tensor([0, 3, 8, 12, 23]), torch.arange(24) // 4
    pairs = draw_pairs(indices, labels, torch.Generator().manual_seed(0), 11)
    images, structures = normal(2, 5, 3, 48, 40), normal(3, 10, 1, 48, 40).tanh()
    return state, Batch(indices, images.double(), structures.double(), pairs)


def plain_step(state: TrainState, batch: Batch) -> dict[str, Tensor]:
    """Eq. 6.1 to 6.9 as they stand: each net on each image for itself, one walk back over all."""
    config, x, (own, turned) = state.config, batch.images, batch.structures.chunk(2)
    e_str, g, d = state.generator.structure_encoder, state.generator.decoder, state.discriminator
    is_log, thesis = config.generative.adversarial == "log", config.generative.features == "thesis"

    def e_id(images, name):
        with kept_statistics(state.encoder.train(), when=name not in config.norm_updates):
            return state.encoder(images)

    codes = e_id(x, "original")
    recon, new = g(e_str(own), codes.part_code), g(e_str(turned), codes.part_code)
    recon_codes, new_codes = e_id(recon, "reconstructed"), e_id(new, "new")
    cycle = g(e_str(own), new_codes.part_code)
    cycle_codes = e_id(cycle, "cycle")

    d_loss = torch.zeros((), dtype=x.dtype)
    for fake in (recon, new, cycle):
        real = x.clone().requires_grad_()
        for at_real, at_fake in zip(d(real), d(fake.detach()), strict=True):
            if is_log:
                d_loss = d_loss - at_real.sigmoid().log().mean() - (1 - at_fake.sigmoid()).log().mean()
            else:
                (slope,) = torch.autograd.grad(at_real.sum(), real, create_graph=True)
                d_loss = d_loss + (at_real - 1).square().mean() + at_fake.square().mean()
                d_loss = d_loss + 0.01 * slope.square().sum((1, 2, 3)).mean()
    state.optimizers["discriminator"].zero_grad()
    d_loss.backward()
    d_grads = [parameter.grad.clone() for parameter in d.parameters()]
    state.optimizers["discriminator"].step()

    logits = [at for fake in (recon, new, cycle) for at in d(fake)]
    first = new_codes if thesis else recon_codes
    target = codes.part_code.detach()
    f, f_new, bank, tau = codes.unit, new_codes.unit, state.bank.vectors, config.contrast.temperature
    pushed = f_new if config.contrast.negatives_from == "generated" else f
    negatives = torch.stack([bank[rows] @ one for rows, one in zip(batch.pairs.negatives, pushed, strict=True)])
    pairs = batch.pairs
    f_pos, released = bank[pairs.positive], config.contrast.released
    positives = {
        "original_memory": (f, bank[pairs.positive_again] if released else f_pos),
        "generated_original": (f_new, bank[pairs.own] if released else f.detach()),
        "generated_memory": (f_new, f_pos),
    }
    losses = {
        "feature": 5 * (F.l1_loss(first.part_code, target) + F.l1_loss(cycle_codes.part_code, target)),
        "adversarial": sum(-at.sigmoid().log().mean() if is_log else 2 * (at - 1).square().mean() for at in logits),
        "image": 5 * (F.l1_loss(recon, x) + F.l1_loss(cycle, x)),
    }
    for name, (a, b) in positives.items():
        if name in config.contrast.terms:
            ratio = (negatives / tau).exp().sum(1) / ((a * b).sum(1) / tau).exp()
            losses[name] = (1 + ratio).log().mean()
    for name in ("generator", "encoder"):
        state.optimizers[name].zero_grad()
    sum(losses.values()).backward()
    for parameter, grad in zip(d.parameters(), d_grads, strict=True):
        parameter.grad = grad  # as it was before D's step; the generator's loss has left its own there
    for name in ("generator", "encoder"):
        state.optimizers[name].step()
    for row, feature in zip(batch.indices.tolist(), f.detach(), strict=True):
        bank[row] = F.normalize(0.2 * bank[row] + 0.8 * feature, dim=0)
    return {"discriminator": d_loss} | losses


@pytest.mark.parametrize(
    "config",
    [
        GCLConfig(),
        official(),
        GCLConfig(
            contrast=Contrast(terms=("generated_memory",), negatives_from="original"),
            norm_updates=("original", "reconstructed"),
        ),
    ],
    ids=["thesis", "official", "one term, other passes"],
)
def test_a_joint_step_is_the_plain_one_with_less_work(config):
    ours, batch = joint_run(config)
    plain = copy.deepcopy(ours)
    wanted, found = plain_step(plain, batch), update(ours, batch)
    assert found.keys() == wanted.keys()
    for name, loss in wanted.items():
        torch.testing.assert_close(found[name], loss.detach(), rtol=1e-9, atol=1e-12)
    for name, net in plain.nets.items():
        other = dict(ours.nets[name].named_parameters())
        for key, parameter in net.named_parameters():
            torch.testing.assert_close(other[key].grad, parameter.grad, rtol=1e-6, atol=1e-9, msg=f"{name}.{key}")
    for after, wanted_after in zip(
        ours.encoder.state_dict().values(), plain.encoder.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(after, wanted_after, rtol=1e-6, atol=1e-9)  # SGD; Adam makes noise of zero gradients
    torch.testing.assert_close(ours.bank.vectors, plain.bank.vectors, rtol=1e-9, atol=1e-12)


def test_only_the_named_passes_move_running_statistics():
    state, batch = joint_run(dataclasses.replace(GCLConfig(), norm_updates=("original",)))
    before = copy.deepcopy(state.encoder)
    with torch.no_grad():
        before.train()(batch.images)
    update(state, batch)
    wanted, found = dict(before.named_buffers()), dict(state.encoder.named_buffers())
    torch.testing.assert_close(found, wanted)


def test_a_gradient_that_is_not_finite_is_not_applied():
    state, batch = joint_run(GCLConfig())
    batch.images[0, 0, 0, 0] = torch.nan
    before = copy.deepcopy({name: dict(net.named_parameters()) for name, net in state.nets.items()})
    bank = state.bank.vectors.clone()
    with pytest.raises(ValueError, match="gradient of the discriminator is nan at step 0, and was not applied"):
        update(state, batch)
    for name, net in state.nets.items():
        for key, parameter in net.named_parameters():
            assert torch.equal(parameter, before[name][key])
    assert torch.equal(state.bank.vectors, bank)
