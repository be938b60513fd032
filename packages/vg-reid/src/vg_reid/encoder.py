"""The identity encoder E_id (6.4.2): a ResNet-50 with a large last map, an identity embedding and a part code."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vg_reid.model_folder import SavedModel
from vg_reid.resnet import Bottleneck, Stage, init_weights, residual_stage

BackboneName = Literal["resnet50", "tiny"]
Weights = Literal["random", "imagenet", "trained"]


class Backbone(NamedTuple):
    """Sizes of a residual network: channels of the stem, its stages, and the stripes that the embedding sees."""

    stem: int
    stages: tuple[Stage, ...]
    stripes: int

    @property
    def channels(self) -> int:
        """Channels of the last map."""
        return self.stages[-1].width * Bottleneck.expansion

    @property
    def pooled(self) -> int:
        """Numbers that the embedding sees."""
        return self.channels * self.stripes


BACKBONES: dict[BackboneName, Backbone] = {
    # 6.4.2; the last stage keeps stride 1 as in the official code, so that 256x128 pixels end in a 16x8 map
    "resnet50": Backbone(64, (Stage(3, 64, 1), Stage(4, 128, 2), Stage(6, 256, 2), Stage(3, 512, 1)), stripes=1),
    # for two cores and tests; eight stripes carry colors from head to foot even with random weights
    "tiny": Backbone(32, (Stage(1, 16, 1), Stage(1, 32, 2), Stage(1, 64, 2)), stripes=8),
}


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Sizes of E_id; the defaults are the thesis' own (6.4.2)."""

    system: str = field(default="vg-reid/encoder", init=False)  # written to config.json, checked on loading
    backbone: BackboneName = "resnet50"
    embedding_dim: int = 512
    linear: bool = True  # False: f is the pooled map after batch norm, as MMCL and ACT leave E_id (6.4.2)
    parts: int = 4  # horizontal parts of the part code
    height: int = 256  # pixels that images are resized to
    width: int = 128
    weights: Weights = "random"  # where the weights come from, told with all results; "imagenet": the backbone's only

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise ValueError(f"backbone {self.backbone!r} is unknown, wanted one of {', '.join(BACKBONES)}")
        if self.weights not in ("random", "imagenet", "trained"):
            raise ValueError(f"weights {self.weights!r} is unknown, wanted 'random', 'imagenet' or 'trained'")
        for name in ("embedding_dim", "parts", "height", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}, wanted at least 1")
        if not self.linear and self.embedding_dim != (pooled := BACKBONES[self.backbone].pooled):
            raise ValueError(f"embedding_dim={self.embedding_dim}, wanted {pooled} as there is no linear layer")

    @property
    def code_dim(self) -> int:
        """Length of the part code f_id."""
        return BACKBONES[self.backbone].channels * self.parts


class IdentityCodes(NamedTuple):
    """What E_id says of a batch of persons."""

    part_code: Tensor
    """f_id, (b, channels * parts): the map averaged over horizontal parts, flattened channel by channel."""
    embedding: Tensor
    """f before normalization, (b, embedding_dim)."""

    @property
    def unit(self) -> Tensor:
        """f with length 1, (b, embedding_dim): what is compared by inner product."""
        return F.normalize(self.embedding)


class Encoder(SavedModel):
    """E_id (6.4.2): identity embedding f for comparing persons, part code f_id for the view generator.

    Parameter names are torchvision's for the backbone, then `feat` (linear, if there) and `feat_bn` (batch norm).
    """

    config_type = EncoderConfig

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        backbone = BACKBONES[config.backbone]
        self.conv1 = nn.Conv2d(3, backbone.stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(backbone.stem)
        channels = backbone.stem
        self.layers = [f"layer{i}" for i in range(1, len(backbone.stages) + 1)]
        for name, stage in zip(self.layers, backbone.stages, strict=True):
            self.add_module(name, residual_stage(channels, stage))
            channels = stage.width * Bottleneck.expansion
        self.feat = nn.Linear(backbone.pooled, config.embedding_dim) if config.linear else nn.Identity()
        self.feat_bn = nn.BatchNorm1d(config.embedding_dim)
        self.stripes = backbone.stripes
        init_weights(self)

    def forward(self, images: Tensor) -> IdentityCodes:
        """Encode person crops.

        Args:
            images: (b, 3, h, w), scaled to [0, 1] and then normalized with ImageNet's mean and deviation;
                256x128 in the thesis, any size of 16 pixels or more works.
        """
        features = self.features(images)
        part_code = F.adaptive_avg_pool2d(features, (self.config.parts, 1)).flatten(1)
        pooled = F.adaptive_avg_pool2d(features, (self.stripes, 1)).flatten(1)
        return IdentityCodes(part_code, self.feat_bn(self.feat(pooled)))

    def features(self, images: Tensor) -> Tensor:
        """Map (b, 3, h, w) to the last feature map, (b, 2048, h / 16, w / 16) for the ResNet-50."""
        x = F.max_pool2d(self.bn1(self.conv1(images)).relu(), 3, stride=2, padding=1)
        for name in self.layers:
            x = self.get_submodule(name)(x)
        return x


def random_encoder(config: EncoderConfig, seed: int = 0) -> Encoder:
    """Return E_id with weights drawn from `seed` alone, in eval mode; the global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Encoder(config).eval()
