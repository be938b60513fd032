"""The named protocols: those of the thesis, and the public ones that its figures are held against."""

import json
from dataclasses import replace
from pathlib import Path

from vg_metrics.definition import CLEAN_RESIZE, TENSORFLOW_RESIZE, Protocol
from vg_metrics.result import Result, compare

__all__ = ["PROTOCOLS", "Protocol", "Result", "compare", "find_protocol"]

_SILENT = "The thesis is silent on layer, resize, pixels and ddof: they are those of the released G3AN evaluation."

_THESIS = Protocol(
    name="thesis_ch4",
    source="4.4.3",
    network="resnext3d-101",
    layer="pool",
    weights="resnext-101-kinetics.pth",
    resolution=64,
    resize="Pillow bilinear to 112x112",
)
_CHAPTER_3 = replace(
    _THESIS,
    name="thesis_ch3",
    source="3.4.1 to 3.4.3",
    frames=32,
    fit="resize",
    generated=None,
    per_real=10,
    notes=(
        "For NATOPS and Weizmann (time step 1, 3.4.1); MUG and UvA-NEMO have step 2: thesis_ch3_faces.",
        "10 initial frames of each test video give one generated clip each (3.4.3); the real set is the test set.",
        "Clips have 32 frames (3.4.3). That all of them enter the network, whose pool averages over time, is not said.",
        _SILENT,
    ),
)
_CHAPTER_4 = replace(
    _THESIS,
    notes=(
        "UCF101 is scaled to 85x64 and its central 64x64 cropped (4.4.2); the other sets are silent, and cropped too.",
        "The number of samples is not given; 2.2.2 recommends more than 10,000. The released evaluation takes 5,000 "
        "generated clips, and all training videos as real set.",
        "The released evaluation reads mp4 files that were normalized by the minimum and maximum of each batch; here "
        "generated clips are lossless and keep their range.",
        "Training draws a time step of 1 to 4 (4.4.2); the released statistics use 1, and the 16 central frames.",
        _SILENT,
    ),
)
_CHAPTER_5 = replace(
    _THESIS,
    name="thesis_ch5",
    source="5.3.2",
    layer="logits",
    real=10_000,
    notes=(
        '"Outputs from last fully connected layer" (5.3.2) are the 400 class logits.',
        "10,000 videos are sampled at random (5.3.2). Whether on the real side too is not said; it is taken so.",
        "Statistics belong to one resolution: table 5.9 sets a value at 128 beside values at 64, which do not compare.",
        "Frames, resize and ddof are not given: as thesis_ch4.",
    ),
)
_TGANV2 = Protocol(
    name="tganv2_ucf101_fid",
    source="5.3.6; TGANv2, released evaluation",
    network="c3d",
    layer="fc7",
    weights="conv3d_deepnetA_ucf.npz",
    position="random",
    draws=10,
    resolution=192,
    resize="bilinear with aligned corners to 112x112",
    real=95_370,
    generated=2_048,
    repeats=10,
    notes=(
        "Real samples are 10 random clips of each of the 9,537 training videos of split 1.",
        "2,048 samples for 4,096 features: each covariance is rank deficient and the distance large (table 5.10).",
        "The released statistics also flip real clips at random and shift the crop sideways; here the crop is central.",
        "The deviation over repeats is the population's, as there.",
    ),
)

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        _CHAPTER_3,
        replace(_CHAPTER_3, name="thesis_ch3_faces", step=2, notes=_CHAPTER_3.notes[1:]),
        _CHAPTER_4,
        replace(
            _CHAPTER_4,
            name="thesis_ch4_is",
            score="inception_score",
            source="4.4.3 and 2.2.1",
            layer="logits",
            weights="resnext-101-kinetics-ucf101_split1.pth",
            generated=5_000,
            repeats=10,
            notes=(
                "Only where generator and network saw the same data: UCF101 (4.4.3), so the network fine-tuned on it.",
                "10 times 5,000 samples as 2.2.1 recommends; chapter 4 gives no number.",
            ),
        ),
        _CHAPTER_5,
        replace(_CHAPTER_5, name="thesis_ch5_128", source="5.3.6", resolution=128),
        replace(
            _TGANV2,
            name="tganv2_ucf101_is",
            score="inception_score",
            layer="logits",
            draws=1,
            real=None,
            notes=(
                "10 times 2,048 samples, one split; mean and population deviation, as table 5.10 shows them.",
                "The released code adds 1e-20 to each probability; here the logits are used, which need nothing added.",
            ),
        ),
        _TGANV2,
        Protocol(
            name="fvd2048_16f",
            source="StyleGAN-V, fvd2048_16f",
            network="i3d",
            layer="logits",
            weights="i3d_torchscript.pt",
            position="random",
            resize="bilinear without antialiasing to 224x224",
            ddof=0,
            real=2_048,
            generated=2_048,
            notes=(
                "Up to 2,048 real videos there; fewer make the result incomplete here, as the distance depends on it.",
                "One clip a video, 16 consecutive frames from a random start; generated clips have 16 frames.",
                "Not in the thesis; for comparison with later work.",
            ),
        ),
        Protocol(
            name="fid_cleanfid_like",
            source="2.2.2; clean-fid, mode clean",
            network="inception",
            layer="pool",
            weights="pt_inception-2015-12-05-6726825d.pth",
            frames=1,
            resize=CLEAN_RESIZE,
            notes=(
                "2.2.2 recommends more than 10,000 generated samples; published values often take 50,000.",
                '"like": the weights are the same values in another file than clean-fid\'s own.',
            ),
        ),
        Protocol(
            name="dgnet_reid",
            source="6.4.4; DG-Net, released generation",
            network="inception",
            layer="pool",
            weights="pt_inception-2015-12-05-6726825d.pth",
            frames=1,
            resize=TENSORFLOW_RESIZE,
            real=12_936,
            generated=12_936,
            media="lossy",
            notes=(
                "Real set: the training images of Market-1501; one generated image for each, saved as JPEG there.",
                "The thesis gives no number of images. Table 6.4 has 7.22 for real images, but not against which.",
            ),
        ),
    )
}


def find_protocol(name: str) -> Protocol:
    """The protocol of a name, or the one in a JSON file.

    Args:
        name: one of `PROTOCOLS`, or the path of a file ending in .json that holds the fields of a `Protocol`, such as
            `python -m vg_metrics protocols thesis_ch4 --json` prints, under a name of its own.
    Raises:
        ValueError: if there is no such protocol, the file holds none, or it takes the name of a built-in one.
        FileNotFoundError: if there is no such file.
    """
    if not name.endswith(".json"):
        if name not in PROTOCOLS:
            raise ValueError(f"no protocol is called {name}, wanted one of {', '.join(PROTOCOLS)}, or a .json file")
        return PROTOCOLS[name]
    try:
        given = json.loads(Path(name).read_text(encoding="utf-8"))
        protocol = Protocol(**{**given, "notes": tuple(given.get("notes", ()))})
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{name} holds no protocol ({error})") from error
    if protocol.name in PROTOCOLS and protocol.settings() != PROTOCOLS[protocol.name].settings():
        raise ValueError(f"{name}: {protocol.name} is a built-in protocol with other settings: choose another name")
    return protocol
