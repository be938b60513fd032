"""A step of GCL's joint training, 4 persons at 256x128, beside the same step done the official way.

The plain form runs each structure, and each generated image, through its net alone, and grows maps before it convolves
them. It takes real logits and R1 anew for each of the three generated images, computes gradients of weights that it
then throws away, and holds all graphs until one backward pass at the end. Both forms have the weights, draws and losses
of the released code's settings. The optimizers work at a rate that changes nothing, and batch statistics and bank are
put back, so that each call is the same step.

What differs is measured on the losses: random nets make images that hardly differ, and batch norm of E_id blows up
their rounding. The tests compare losses and gradients in float64.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial

import torch
from harness import Case, Form, Setting
from released import NO_RATE, repeated
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers import SingleDevice
from vg_layers.norm import InstanceNorm, SampleLayerNorm
from vg_reid.contrastive import Pairs, draw_pairs
from vg_reid.gcl import GCLConfig, TrainState, official, tiny
from vg_reid.gcl.batches import Batch
from vg_reid.gcl.step import Losses, contrast_terms, update
from vg_reid.reflect import ReflectConv
from vg_reid.upsample import UpsampledConv


class PlainUpsampledConv(nn.Module):
    """Upsampling, then the convolution, with its weights."""

    def __init__(self, ours: UpsampledConv) -> None:
        super().__init__()
        self.weight, self.bias = ours.weight, ours.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(F.interpolate(x, scale_factor=2), (2, 2, 2, 2), "reflect"), self.weight, self.bias)


class PlainLayerNorm(nn.Module):
    """The layer norm of the released code, one pass over the maps after another, with the weights of ours."""

    def __init__(self, ours: SampleLayerNorm) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = ours.weight, ours.bias, ours.eps

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(len(x), -1)
        x = (x - flat.mean(1).view(-1, 1, 1, 1)) / (flat.std(1).view(-1, 1, 1, 1) + self.eps)
        return x * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)


def plainly(state: TrainState) -> TrainState:
    """The same run with plain layers in plain memory."""
    for unit in state.generator.decoder.tail:
        if isinstance(unit, nn.Sequential) and isinstance(unit[0], UpsampledConv):
            unit[0], unit[1] = PlainUpsampledConv(unit[0]), PlainLayerNorm(unit[1])
    for net in state.nets.values():
        for layer in net.modules():
            if isinstance(layer, ReflectConv):
                layer.forward = partial(nn.Conv2d.forward, layer)  # pads by PyTorch's own reflect mode
            elif isinstance(layer, InstanceNorm):
                layer.forward = F.instance_norm
        net.to(memory_format=torch.contiguous_format)
    for optimizer in state.optimizers.values():
        for group in optimizer.param_groups:
            group["fused"] = False
    return state


def plain_discriminator_loss(state: TrainState, real: Tensor, fake: Tensor) -> Tensor:
    """Least squares with R1 against one kind of generated images."""
    real = real.detach().requires_grad_()
    loss = real.new_zeros(())
    for at_real, at_fake in zip(state.discriminator(real), state.discriminator(fake.detach()), strict=True):
        (slope,) = torch.autograd.grad(at_real.sum(), real, create_graph=True)
        penalty = slope.square().flatten(1).sum(1).mean()
        loss = loss + (at_real - 1).square().mean() + at_fake.square().mean() + 0.01 * penalty
    return loss


def plain_update(state: TrainState, batch: Batch) -> Losses:
    """The step of the released code."""
    x, (s_ori, s_new) = batch.images, batch.structures.chunk(2)
    e_id, e_str, g = state.encoder.train(), state.generator.structure_encoder, state.generator.decoder
    codes = e_id(x)
    f_ori, f_new = e_str(s_ori), e_str(s_new)
    recon, new = g(f_ori, codes.part_code), g(f_new, codes.part_code)
    recon_codes, new_codes = e_id(recon), e_id(new)
    cycle = g(f_ori, new_codes.part_code)
    cycle_codes = e_id(cycle)

    state.optimizers["discriminator"].zero_grad()
    d_loss = sum(plain_discriminator_loss(state, x, fake) for fake in (recon, new, cycle))
    d_loss.backward()
    state.optimizers["discriminator"].step()

    target = codes.part_code.detach()
    losses = {
        "adversarial": sum(2 * (at - 1).square().mean() for f in (recon, new, cycle) for at in state.discriminator(f)),
        "image": 5 * (F.l1_loss(recon, x) + F.l1_loss(cycle, x)),
        "feature": 5 * (F.l1_loss(recon_codes.part_code, target) + F.l1_loss(cycle_codes.part_code, target)),
        **contrast_terms(state, codes.unit, new_codes.unit, batch.pairs),
    }
    for name in ("generator", "encoder"):
        state.optimizers[name].zero_grad()
    sum(losses.values()).backward()
    for name in ("generator", "encoder"):
        state.optimizers[name].step()
    state.bank.update(batch.indices, codes.unit.detach())
    return {"discriminator": d_loss.detach()} | {name: loss.detach() for name, loss in losses.items()}


def joint_state(config: GCLConfig, persons: int, setting: Setting) -> TrainState:
    """A run at the start of its stage 3 whose rates change nothing, with four images of each person in the bank."""
    schedule = dataclasses.replace(
        config.schedule, warm_up_epochs=0, learning_rate=NO_RATE, encoder_rate=NO_RATE, weight_decay=0.0
    )
    state = TrainState(dataclasses.replace(config, schedule=schedule), engine=SingleDevice(setting.device))
    vectors = torch.randn(4 * persons, config.encoder.embedding_dim, generator=torch.Generator().manual_seed(0))
    state.start_bank(F.normalize(vectors).to(setting.device))
    return state


def training_step(step: Callable[[TrainState, Batch], Losses], state: TrainState, batch: Batch) -> Form:
    """A step from the same statistics and bank at each call; its losses."""
    found: Losses = {}
    losses = lambda: torch.stack([found[name] for name in sorted(found)])  # noqa: E731
    return repeated(lambda: found.update(step(state, batch)), state.nets | {"bank": state.bank}, losses)


def cases(setting: Setting) -> Iterator[Case]:
    config = official()
    if setting.tiny:
        small = tiny()
        config = dataclasses.replace(
            config,
            encoder=dataclasses.replace(small.encoder, height=64, width=48),
            generator=dataclasses.replace(small.generator, height=64, width=48),
            discriminator=small.discriminator,
        )
    batch_size, persons = 4, 16 if setting.tiny else 3234  # 12,936 images in the bank
    height, width = config.encoder.height, config.encoder.width
    indices, labels = torch.arange(0, 4 * batch_size, 4), torch.arange(4 * persons) // 4
    pairs = draw_pairs(indices, labels, torch.Generator().manual_seed(0), config.contrast.negatives)
    batch = Batch(
        indices.to(setting.device),
        setting.randn(batch_size, 3, height, width, requires_grad=False),
        setting.randn(2 * batch_size, 1, height, width, requires_grad=False).tanh(),
        Pairs(*(rows.to(setting.device) for rows in pairs)),
    )
    plain, ours = (joint_state(config, persons, setting) for _ in range(2))
    forms = {
        "plain": training_step(plain_update, plainly(plain), batch),
        "ours": training_step(update, ours, batch),
    }
    yield Case(name=f"joint step, {batch_size} persons at {height}x{width}", forms=forms)
