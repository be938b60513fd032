"""What a protocol is: everything that must agree before two scores say the same thing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from textwrap import fill
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

Score = Literal["frechet_distance", "inception_score"]
NetworkName = Literal["resnext3d-101", "c3d", "i3d", "inception"]
CLEAN_RESIZE = "Pillow bicubic on floats, antialiased, to 299x299"
TENSORFLOW_RESIZE = "TensorFlow 1 bilinear to 299x299"


class Input(NamedTuple):
    """What a feature network can be given, and which outputs it has."""

    layers: tuple[str, ...]
    resizes: tuple[str, ...]
    pixels: str


INPUTS: dict[NetworkName, Input] = {
    "resnext3d-101": Input(
        ("pool", "logits"), ("Pillow bilinear to 112x112",), "RGB of 0..255 minus (114.7748, 107.7354, 99.475)"
    ),
    "c3d": Input(
        ("fc7", "logits", "prob"),
        ("bilinear with aligned corners to 112x112",),
        "BGR of 0..256 minus rows and columns 8:120 of the mean",
    ),
    "i3d": Input(("logits",), ("bilinear without antialiasing to 224x224",), "[-1, 1]"),
    "inception": Input(("pool", "logits", "logits_unbiased"), (CLEAN_RESIZE, TENSORFLOW_RESIZE), "(x - 128) / 128"),
}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a set of clips or pictures becomes a score; frozen, and `print(protocol)` shows all of it.

    Attributes:
        name: what a complete result is called.
        score: what the figure is.
        source: where it is defined.
        network: feature network.
        layer: its output that is used.
        weights: the file that is meant.
        frames: taken of each clip; 1 for single pictures.
        step: between the frames of a real clip. Generated clips are taken frame by frame.
        position: of the frames in the clip: "central", "first", or "random" (seeded).
        draws: clips cut from each real video, more than one only at random positions.
        resolution: pixels; frames of another size are first brought to this square (Pillow bilinear). None: as found.
        fit: "crop" cuts the central square first, "resize" squeezes it.
        resize: how the network's input is made, one of its `INPUTS`, which say its pixels' values too.
        ddof: of covariances: 1 as numpy.cov, 0 for the population's.
        real: samples wanted on the real side at least; None for all there are.
        generated: samples wanted on the generated side at least, for each repeat; None when `per_real` tells.
        per_real: generated samples wanted for each real one, where that is how the number is given.
        repeats: times the score is taken, on new generated samples; mean and deviation are reported.
        splits: parts of the samples over which an Inception score is averaged within one repeat.
        media: how generated samples are to be stored: "lossless" (PNG), "lossy" (JPEG, video files), or "any".
        notes: what the source leaves open, and what was chosen.
    """

    name: str
    score: Score = "frechet_distance"
    source: str
    network: NetworkName
    layer: str
    weights: str
    frames: int = 16
    step: int = 1
    position: Literal["central", "first", "random"] = "central"
    draws: int = 1
    resolution: int | None = None
    fit: Literal["crop", "resize"] = "crop"
    resize: str
    ddof: Literal[0, 1] = 1
    real: int | None = None
    generated: int | None = 10_000
    per_real: int | None = None
    repeats: int = 1
    splits: int = 1
    media: Literal["lossless", "lossy", "any"] = "lossless"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is Literal and getattr(self, name) not in get_args(hint):
                wanted = ", ".join(map(str, get_args(hint)))
                raise ValueError(f"protocol {self.name}: {name} is {getattr(self, name)!r}, wanted one of {wanted}")
        takes = INPUTS[self.network]
        for name, choices in (("layer", takes.layers), ("resize", takes.resizes)):
            if getattr(self, name) not in choices:
                found, wanted = getattr(self, name), ", ".join(choices)
                raise ValueError(f"protocol {self.name}: {name} is {found!r}, {self.network} has {wanted}")
        for name in ("frames", "step", "draws", "repeats", "splits"):
            if getattr(self, name) < 1:
                raise ValueError(f"protocol {self.name}: {name} is {getattr(self, name)}, wanted at least 1")
        if (self.generated is None) == (self.per_real is None):
            raise ValueError(f"protocol {self.name}: wanted either generated or per_real")
        if self.draws > 1 and self.position != "random":
            raise ValueError(f"protocol {self.name}: {self.draws} draws at {self.position} positions are all the same")

    def settings(self) -> dict[str, Any]:
        """What must agree between two results, as plain values: all but the notes and where they are from."""
        kept = {name: value for name, value in asdict(self).items() if name not in ("source", "notes")}
        return kept | {"pixels": INPUTS[self.network].pixels}

    def check_score(self, score: Score) -> None:
        """ValueError if the protocol is of another score."""
        if self.score != score:
            found, wanted = (name.replace("_", " ") for name in (self.score, score))
            raise ValueError(f"protocol {self.name} is of the {found}, wanted one of the {wanted}")

    def start(self, length: int, step: int, chance: float) -> int | None:
        """First frame to take of a clip; None if it is too short. It never moves back as `length` grows.

        Args:
            length: frames of the clip.
            step: between the frames taken.
            chance: decides a random position, 0 to below 1.
        """
        room = length - (self.frames - 1) * step - 1
        if room < 0:
            return None
        return {"central": room // 2, "first": 0, "random": int(chance * (room + 1))}[self.position]

    def wanted(self, real: int | None) -> int:
        """Generated samples wanted in all, for so many real ones."""
        each = self.generated or (self.per_real or 0) * (real or 0)
        return each * self.repeats

    def amount(self) -> str:
        """Generated samples wanted, in words."""
        each = f"{self.generated:,}" if self.generated else f"{self.per_real} for each real one"
        return f"{self.repeats} times {each}" if self.repeats > 1 else each

    def shortfalls(self, counts: Mapping[str, int], *, random_weights: bool, lossless: bool | None) -> tuple[str, ...]:
        """Where a measurement falls short of the protocol, in words; empty for a complete one.

        Args:
            counts: samples by side, "real" and "fake".
            random_weights: whether the network's weights were drawn.
            lossless: whether the generated samples were stored without loss; None if that is not known.
        """
        wanted = {"real": self.real or 0, "fake": self.wanted(counts.get("real"))}
        found = [f"{n:,} {side} samples, wanted {wanted[side]:,}" for side, n in counts.items() if n < wanted[side]]
        if random_weights:
            found.append(f"random weights, wanted {self.weights}")
        if lossless is not None and self.media != "any" and lossless != (self.media == "lossless"):
            found.append(f"fake samples in {'lossless' if lossless else 'lossy'} files, wanted {self.media} ones")
        return tuple(found)

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.score.replace('_', ' ')} ({self.source})"]
        lines += [f"  {label:<14} {text}" for label, text in self._rows()]
        lines += [fill(f"* {note}", 100, initial_indent="  ", subsequent_indent="    ") for note in self.notes]
        return "\n".join(lines)

    def _rows(self) -> list[tuple[str, str]]:
        """Label and text of each line of the print."""
        clip = f"{self.frames} {self.position}, step {self.step} on real clips"
        if self.draws > 1:
            clip += f", {self.draws} of each real video"
        size = f"{self.resolution}x{self.resolution} ({self.fit})" if self.resolution else "as found"
        frechet = self.score == "frechet_distance"
        real = f"real {'all' if self.real is None else format(self.real, ',')}, " if frechet else ""
        return [
            ("network", f"{self.network}, {self.layer}, weights {self.weights}"),
            ("frames", clip if self.frames > 1 else "single pictures"),
            ("resolution", f"{size}, then {self.resize}"),
            ("pixels", INPUTS[self.network].pixels),
            ("samples", f"{real}generated {self.amount()}, {self.media} files"),
            ("ddof", str(self.ddof)) if frechet else ("splits", str(self.splits)),
        ]
