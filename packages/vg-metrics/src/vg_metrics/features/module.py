"""Any network as features: a module of the caller, or a TorchScript file."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from vg_metrics.features.base import FeatureNetwork, file_digest, weights_digest
from vg_metrics.features.weights import load_torchscript


def module_features(
    module: nn.Module | str | Path,
    prepare: Callable[[Tensor], Tensor],
    *,
    name: str,
    width: int,
    preprocessing: str,
    device: torch.device | str = "cpu",
) -> FeatureNetwork:
    """A module with its preprocessing as a feature network.

    Args:
        module: prepared samples -> features (b, width); or the path of a TorchScript file, a program, which loading
            and calling runs: open only files that you trust.
        prepare: samples (b, ..), bytes or floats in [-1, 1], to the input of the module; it can be made of
            `vg_metrics.features.preprocess`.
        name: of network and layer, for results.
        width: length of a feature vector.
        preprocessing: what `prepare` does, in words, for protocols.
        device: where the network runs.
    Raises:
        ValueError: if the file is no TorchScript.
        FileNotFoundError: if there is no such file.
    """
    if isinstance(module, nn.Module):
        network, label, checksum = module, f"{name}, a module of the caller", weights_digest(module)
    else:
        path = Path(module)
        network, label, checksum = load_torchscript(path), f"{name}, {path.name}", file_digest(path)
    return FeatureNetwork(
        network,
        network,
        prepare,
        name=name,
        label=label,
        checksum=checksum,
        width=width,
        preprocessing=preprocessing,
        device=device,
    )
