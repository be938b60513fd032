"""What discriminators and generator minimize in a step, term by term."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from vg_layers import LSGAN, NSGAN
from vg_layers.penalties import R1Penalty
from vg_video.training import Critic
from vg_video.training.critic import discriminator_terms, generator_terms, penalty_terms


class Linear(nn.Module):
    """Scores by one slope, plus one number for each label."""

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.randn(6, dtype=torch.float64, generator=rng))
        self.of_label = nn.Parameter(torch.randn(3, dtype=torch.float64, generator=rng))

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        return x @ self.slope + (0 if label is None else self.of_label[label])


class Telling(nn.Module):
    """Scores and class logits."""

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 4, dtype=torch.float64, generator=rng))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x @ self.weight
        return y[:, 0], y[:, 1:]


def shown(rng: torch.Generator, **labels: Tensor | bool | float) -> Critic:
    real, fake = (torch.randn(5, 6, dtype=torch.float64, generator=rng) for _ in range(2))
    return Critic(name="video_discriminator", real=real, fake=fake.requires_grad_(), **labels)


def test_a_discriminator_minimizes_the_negative_of_equation_4_6(rng):
    net, critic = Linear(rng), shown(rng)
    judged = discriminator_terms(critic, net, NSGAN())
    objective = net(critic.real).sigmoid().log().mean() + (1 - net(critic.fake).sigmoid()).log().mean()
    torch.testing.assert_close(judged.terms["video_discriminator"], -objective, rtol=1e-12, atol=1e-12)
    assert judged.terms.keys() == {"video_discriminator"}
    assert judged.real == net(critic.real).mean() and judged.fake == net(critic.fake).mean()
    judged.terms["video_discriminator"].backward()
    assert critic.fake.grad is None


def test_the_generator_wants_the_discriminator_to_say_real(rng):
    net, critic = Linear(rng), shown(rng, weight=0.5)
    terms = generator_terms(critic, net, NSGAN())
    assert terms.keys() == {"generator_video"}
    torch.testing.assert_close(terms["generator_video"], -0.5 * net(critic.fake).sigmoid().log().mean())


def test_labels_are_those_of_the_clips_that_are_judged(rng):
    label, fake_label = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([2, 2, 1, 0, 0])
    net, critic = Linear(rng), shown(rng, label=label, fake_label=fake_label)
    value = discriminator_terms(critic, net, NSGAN()).terms["video_discriminator"]
    wanted = F.softplus(-net(critic.real, label)).mean() + F.softplus(net(critic.fake, fake_label)).mean()
    torch.testing.assert_close(value, wanted)
    wanted = F.softplus(-net(critic.fake, fake_label)).mean()
    torch.testing.assert_close(generator_terms(critic, net, NSGAN())["generator_video"], wanted)


def test_wrong_labels_and_generated_clips_weigh_one_half_each_as_in_algorithm_1(rng):
    label, wrong = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([1, 2, 0, 2, 0])
    net, critic = Linear(rng), shown(rng, label=label, fake_label=label, wrong_label=wrong)
    value = discriminator_terms(critic, net, NSGAN()).terms["video_discriminator"]
    against = F.softplus(net(critic.fake, label)).mean() + F.softplus(net(critic.real, wrong)).mean()
    torch.testing.assert_close(value, F.softplus(-net(critic.real, label)).mean() + against / 2)


def test_an_auxiliary_classifier_learns_from_real_clips_and_teaches_the_generator(rng):
    label, fake_label = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([2, 2, 1, 0, 0])
    net, critic = Telling(rng), shown(rng, label=label, fake_label=fake_label, auxiliary=True, weight=2.0)
    terms = discriminator_terms(critic, net, LSGAN()).terms
    torch.testing.assert_close(terms["video_class"], F.cross_entropy(net(critic.real)[1], label))
    terms = generator_terms(critic, net, LSGAN())
    torch.testing.assert_close(terms["generator_video"], 2 * (net(critic.fake)[0] - 1).square().mean())
    torch.testing.assert_close(terms["generator_video_class"], 2 * F.cross_entropy(net(critic.fake)[1], fake_label))


@pytest.mark.parametrize("kind", [Linear, Telling])
def test_penalties_are_half_the_squared_input_gradients_times_the_weight(kind, rng):
    net = kind(rng)
    critic = shown(rng, auxiliary=kind is Telling)
    penalty = R1Penalty(gamma=0.5, every=8)
    slope = net.slope if kind is Linear else net.weight[:, 0]  # of a linear net: its gradient at any input
    terms = penalty_terms(critic, net, [("r1", penalty)], torch.Generator())
    torch.testing.assert_close(terms["video_r1"], 8 * 0.5 / 2 * slope.square().sum())
    terms["video_r1"].backward()
    assert critic.fake.grad is None and not critic.real.requires_grad


def test_scores_of_patches_count_as_their_mean_in_penalties_too(rng):
    slopes = torch.randn(6, 2, 3, dtype=torch.float64, generator=rng)
    net = type("Patches", (nn.Module,), {"forward": lambda self, x: torch.einsum("bi, ihw -> bhw", x, slopes)})()
    terms = penalty_terms(shown(rng), net, [("r1", R1Penalty(gamma=2.0, every=1))], torch.Generator())
    torch.testing.assert_close(terms["video_r1"], slopes.mean((1, 2)).square().sum())


def test_gradients_flow_to_the_generator_where_the_discriminator_is_sure():
    """The reason for the non-saturating form (4.3.3)."""
    logits = nn.Parameter(torch.tensor([-20.0]))
    critic = Critic(name="image_discriminator", real=logits.detach(), fake=logits)
    generator_terms(critic, nn.Identity(), NSGAN())["generator_image"].backward()
    torch.testing.assert_close(logits.grad, torch.tensor([-1.0]))
