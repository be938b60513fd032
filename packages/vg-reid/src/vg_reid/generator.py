"""The view generator (6.3.1) as one model: structure encoder and decoder, a mesh and a part code to an image."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from vg_reid.decoder import Decoder, DecoderConfig
from vg_reid.encoder import Encoder, Weights
from vg_reid.model_folder import SavedModel
from vg_reid.structure import StructureEncoder, StructureEncoderConfig

GENERATOR = "generator"  # the view generator's folder in the folder of its E_id


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Sizes of E_str and G; the defaults are the thesis' own (6.4.2)."""

    system: str = field(default="vg-reid/generator", init=False)  # written to config.json, checked on loading
    structure: StructureEncoderConfig = field(default_factory=StructureEncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    height: int = 256  # pixels that projections and images are resized to, multiples of 4
    width: int = 128
    weights: Weights = "random"  # where the weights come from, told with all results

    def __post_init__(self) -> None:
        if self.structure.channels != self.decoder.channels:
            raise ValueError(
                f"structure.channels={self.structure.channels}, wanted decoder.channels={self.decoder.channels}"
            )
        for name in ("height", "width"):
            if getattr(self, name) % 4 or getattr(self, name) < self.structure.least:
                raise ValueError(
                    f"{name}={getattr(self, name)}, wanted a multiple of 4, at least {self.structure.least}"
                )
        if self.weights not in get_args(Weights):
            raise ValueError(f"weights {self.weights!r} is unknown, wanted one of {', '.join(get_args(Weights))}")


class ViewGenerator(SavedModel):
    """Show a person in the structure of a mesh: x' = G(f_id, E_str(s)) (6.3.1).

    Attributes:
        structure_encoder: E_str.
        decoder: G.
    """

    config_type = GeneratorConfig

    def __init__(self, config: GeneratorConfig = GeneratorConfig()) -> None:
        super().__init__()
        self.config = config
        self.structure_encoder = StructureEncoder(config.structure)
        self.decoder = Decoder(config.decoder)

    def forward(self, mesh: Tensor, part_code: Tensor) -> Tensor:
        """Generate images.

        Args:
            mesh: s, projections (b, 1, h, w) in [-1, 1]; h and w are multiples of 4.
            part_code: f_id of the persons, (b, code_dim), as `Encoder` returns it.
        Returns:
            (b, 3, h, w), normalized as E_id reads images.
        Raises:
            ValueError: for other shapes.
        """
        if mesh.shape[-1] % 4 or mesh.shape[-2] % 4:
            raise ValueError(f"mesh has shape {tuple(mesh.shape)}, wanted multiples of 4 pixels")
        return self.decoder(self.structure_encoder(mesh), part_code)


def random_generator(config: GeneratorConfig, seed: int = 0) -> ViewGenerator:
    """Return a view generator with weights drawn from `seed` alone, in eval mode; the global state is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ViewGenerator(config).eval()


def load_models(folder: str | Path, device: str | torch.device = "cpu") -> tuple[Encoder, ViewGenerator]:
    """Load E_id and the view generator that was trained with it: a model folder, and `generator` in it.

    Raises:
        FileNotFoundError: if a file of theirs is missing.
        ValueError: if one is damaged, of another system, or the two do not fit together.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder: wanted a model folder with another one, generator, in it")
    if not (folder / GENERATOR).is_dir():
        raise FileNotFoundError(f"{folder / GENERATOR} is missing: wanted the view generator that belongs to the model")
    encoder, generator = Encoder.from_pretrained(folder), ViewGenerator.from_pretrained(folder / GENERATOR)
    require_match(encoder, generator)
    return encoder.to(device), generator.to(device)


def require_match(encoder: Encoder, generator: ViewGenerator) -> None:
    """Refuse a pair whose part codes differ in length, and so cannot have been trained together.

    Raises:
        ValueError: if they do.
    """
    found, wanted = encoder.config.code_dim, generator.config.decoder.code_dim
    if found != wanted:
        raise ValueError(f"E_id gives part codes of {found} numbers, but the view generator wants {wanted}")
