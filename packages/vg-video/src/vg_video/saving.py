"""Model folders as the generators of all systems write them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from vg_video.data.files import write_atomically


def save_model(folder: Path, module: nn.Module, system: str, config: Any) -> None:
    """Write model.safetensors, then config.json with the name of the system; each whole or not at all.

    Args:
        folder: where to; it exists.
        module: the net.
        system: such as "g3an": what tells a reader which net to build.
        config: the net's dataclass of settings.
    Raises:
        OSError: if a file cannot be written; the one that was there before is kept.
    """
    weights = save({key: value.contiguous() for key, value in module.state_dict().items()})
    write_atomically(folder / "model.safetensors", weights)
    text = json.dumps({"system": system, **asdict(config)}, indent=2) + "\n"
    write_atomically(folder / "config.json", text.encode())
