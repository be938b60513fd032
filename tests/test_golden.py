"""The training procedures still compute what they computed when their losses were stored (tools/golden.py)."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import golden

FEW = 9  # steps: enough to meet R1 twice; `hatch run golden` compares all


@pytest.mark.parametrize("system", golden.SYSTEMS)
def test_the_first_steps_have_the_stored_losses(system):
    stored = golden.read(system)
    assert len(stored["losses"]) == golden.STEPS
    differences = golden.differences(stored["losses"], golden.losses_of(system, FEW))
    assert len(differences) == FEW
    assert max(differences) <= golden.TOLERANCE, f"{differences}, stored with {stored['environment']}"


def test_a_change_of_one_loss_is_found_at_its_step():
    losses = [{"d": 1.0, "g": 2.0}, {"d": 1.0, "g": 2.0}]
    changed = [{"d": 1.0, "g": 2.0}, {"d": 1.0, "g": 2.0 + 1e-5}]
    same, different = golden.differences(losses, changed)
    assert same == 0 and different > golden.TOLERANCE


def test_another_set_of_losses_is_a_difference():
    assert golden.differences([{"d": 1.0}], [{"d": 1.0, "r1": 0.1}]) == [float("inf")]


def test_float64_is_only_set_while_golden_losses_are_computed():
    with golden.exact():
        assert torch.zeros(1).dtype == torch.float64
    assert torch.zeros(1).dtype == torch.float32
