"""Model folders: config.json and model.safetensors."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from vg_layers.configs import from_dict

from vg_video import g3an, imaginator, mintgan, mocogan, tgan, vgan
from vg_video.generator import VideoGenerator


def load_generator(folder: Path | str) -> VideoGenerator:
    """Read a video generator of any system from a folder that its `save_pretrained` wrote.

    Returns:
        The generator in eval mode, on the CPU.
    Raises:
        FileNotFoundError: if the folder, its config.json or its model.safetensors is not there.
        ValueError: if a file cannot be read, is of an unknown system, or does not fit the other one; it names the file.
    """
    config_path, weights_path = Path(folder) / "config.json", Path(folder) / "model.safetensors"
    for path in (config_path, weights_path):
        if not path.is_file():
            raise FileNotFoundError(f"{folder} is no model folder: {path.name} is missing")
    generator = _built(config_path)
    try:
        weights = load_file(weights_path)
    except SafetensorError as error:
        raise ValueError(f"{weights_path} is damaged or cut short: {error}") from error
    found = {key: list(value.shape) for key, value in weights.items()}
    wanted = {key: list(value.shape) for key, value in generator.state_dict().items()}
    if wrong := sorted(key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)):
        key = wrong[0]
        raise ValueError(
            f"{weights_path} does not fit {config_path.name}: {len(wrong)} tensors differ, the first is {key}, "
            f"{found.get(key, 'missing')}, wanted {wanted.get(key, 'none')}"
        )
    generator.load_state_dict(weights)
    return generator.eval()


def _built(path: Path) -> VideoGenerator:
    """The generator that a config.json describes, with weights that are still to come."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    system = values.pop("system", None) if isinstance(values, dict) else None
    systems: tuple[Any, ...] = (imaginator, g3an, mintgan, vgan, tgan, mocogan)
    known = {module.Generator.system: (module.Generator, module.GeneratorConfig) for module in systems}
    if system not in known:
        raise ValueError(f"{path} is of system {system!r}, wanted one of {', '.join(known)}")
    generator, config = known[system]
    try:
        return generator(from_dict(config, values))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
