"""The training procedure of G3AN (4.3.3, 4.4.1)."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from vg_layers import Engine, Step, consistent_augment, sample_frames

from vg_video.g3an.config import G3ANConfig, motion_length
from vg_video.g3an.losses import Logits, discriminator_losses, generator_losses, gradient_penalties
from vg_video.g3an.state import Nets, TrainState
from vg_video.seeds import seeded

if TYPE_CHECKING:
    from vg_video.data.clips import Batch


def train(state: TrainState, batches: Iterable["Batch"], *, engine: Engine | None = None) -> Iterator[Step]:
    """Train until `config.steps` are done, one step at each turn.

    A step improves both discriminators on real and generated clips, then the generator through the improved
    discriminators on the same clips. All draws are functions of (seed, step, rank).

    Args:
        state: the run; it is updated before each step is yielded, so it can be saved then.
        batches: batches of clips from the state's step on: video (b, 3, t, 64, 64) in [-1, 1], t = 16, 20, 24, ...,
            and the label (b,) when the config has classes.
        engine: where to train; that of the state unless given.
    Yields:
        The step's index and losses: both discriminators', the generator's two, and the penalties when there are any.
    Raises:
        ValueError: if a batch is of another step, its labels are missing, or its clips have another shape.
    """
    engine = engine or state.engine
    for batch in islice(batches, max(0, state.config.steps - state.step)):
        if batch.index != state.step:
            raise ValueError(
                f"batch {batch.index} came at step {state.step}, wanted batches that start at the state's step"
            )
        losses = _train_step(state, batch, engine)
        index, state.step = state.step, state.step + 1
        yield Step(index, losses)


def learning_rate(config: G3ANConfig, step: int) -> float:
    """The rate of a step: constant, or in the second half in a straight line to the final one."""
    if config.final_learning_rate is None:
        return config.learning_rate
    done = max(0.0, 2 * step / config.steps - 1)
    return config.learning_rate + done * (config.final_learning_rate - config.learning_rate)


def _train_step(state: TrainState, batch: "Batch", engine: Engine) -> dict[str, Tensor]:
    config, nets, optimizers = state.config, state.wrapped, state.wrapped_optimizers
    for optimizer in state.optimizers:
        optimizer.param_groups[0]["lr"] = learning_rate(config, state.step)
    generator = seeded(state.seed, state.step, engine.global_rank)
    view = partial(consistent_augment, generator=generator) if config.augment else torch.nn.Identity()
    pick = partial(sample_frames, count=config.frames_per_clip, generator=generator)
    label = batch.label.to(engine.device) if config.generator.classes and batch.label is not None else None
    penalize = config.r1_weight > 0 and state.step % config.r1_every == 0

    real = view(batch.video.to(engine.device)).requires_grad_(penalize)
    real_frames = pick(real.detach()).requires_grad_(penalize)
    with engine.autocast():
        fake = view(nets.generator(*_noise(config, batch.video, generator, engine), label))
        fake_frames = pick(fake)

        real_logits = _judge(nets, real, real_frames, label)
        fake_logits = _judge(nets, fake.detach(), fake_frames.detach(), label)
        losses = discriminator_losses(real_logits, fake_logits)
    if penalize:
        losses |= gradient_penalties(real_logits, real, real_frames, config.r1_weight * config.r1_every)
    optimizers.video_discriminator.zero_grad()  # also drops what the generator's step left here
    optimizers.image_discriminator.zero_grad()
    engine.backward(sum(losses.values(), torch.zeros((), device=engine.device)))
    optimizers.video_discriminator.step()
    optimizers.image_discriminator.step()

    with engine.autocast():
        g_losses = generator_losses(_judge(nets, fake, fake_frames, label))
    optimizers.generator.zero_grad()
    engine.backward(g_losses["generator_video"] + g_losses["generator_image"])  # eq. 4.5
    optimizers.generator.step()
    state.ema.update(state.nets.generator)
    return {name: loss.detach() for name, loss in (losses | g_losses).items()}


def _judge(nets: Nets, video: Tensor, frames: Tensor, label: Tensor | None) -> Logits:
    return Logits(nets.video_discriminator(video, label), nets.image_discriminator(frames))


def _noise(config: G3ANConfig, video: Tensor, generator: torch.Generator, engine: Engine) -> tuple[Tensor, Tensor]:
    """Appearance and motion noise for as many clips, as long as the real ones."""
    b, length = len(video), motion_length(video.shape[2])
    appearance = torch.randn(b, config.generator.appearance_dim, generator=generator)
    motion = torch.randn(b, length, config.generator.motion_dim, generator=generator)
    return appearance.to(engine.device), motion.to(engine.device)
