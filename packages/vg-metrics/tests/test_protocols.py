"""The named protocols hold the thesis' numbers, say so in print, and what falls short of them is called incomplete."""

import json
from dataclasses import FrozenInstanceError, asdict, replace

import pytest
from vg_metrics.definition import INPUTS, Protocol
from vg_metrics.protocol import PROTOCOLS, find_protocol

OWN = replace(PROTOCOLS["thesis_ch4"], name="mine", frames=4)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("thesis_ch3", {"frames": 32, "step": 1, "resolution": 64, "layer": "pool", "per_real": 10, "real": None}),
        ("thesis_ch3_faces", {"frames": 32, "step": 2, "resolution": 64, "layer": "pool", "per_real": 10}),
        ("thesis_ch4", {"frames": 16, "step": 1, "resolution": 64, "layer": "pool", "generated": 10_000, "ddof": 1}),
        ("thesis_ch4_is", {"layer": "logits", "generated": 5_000, "repeats": 10, "splits": 1}),
        ("thesis_ch5", {"resolution": 64, "layer": "logits", "real": 10_000, "generated": 10_000}),
        ("thesis_ch5_128", {"resolution": 128, "layer": "logits", "real": 10_000, "generated": 10_000}),
        ("tganv2_ucf101_is", {"network": "c3d", "generated": 2_048, "repeats": 10, "splits": 1}),
        ("tganv2_ucf101_fid", {"layer": "fc7", "real": 10 * 9_537, "draws": 10, "generated": 2_048, "repeats": 10}),
        ("fvd2048_16f", {"network": "i3d", "frames": 16, "position": "random", "ddof": 0, "generated": 2_048}),
        ("fid_cleanfid_like", {"network": "inception", "frames": 1, "generated": 10_000}),
        ("dgnet_reid", {"network": "inception", "frames": 1, "real": 12_936, "media": "lossy"}),
    ],
)
def test_each_protocol_has_its_numbers(name, numbers):
    settings = PROTOCOLS[name].settings()
    assert {key: settings[key] for key in numbers} == numbers


def test_statistics_of_chapter_5_are_keyed_by_resolution():
    low, high = (PROTOCOLS[name].settings() for name in ("thesis_ch5", "thesis_ch5_128"))
    assert {key for key in low if low[key] != high[key]} == {"name", "resolution"}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda protocol: protocol.name)
def test_a_print_says_all_of_a_protocol(protocol):
    text = " ".join(str(protocol).split())
    wanted = [protocol.name, protocol.source, protocol.network, protocol.layer, protocol.weights, protocol.resize]
    wanted += [INPUTS[protocol.network].pixels, protocol.amount(), f"{protocol.media} files", *protocol.notes]
    if protocol.frames > 1:
        wanted.append(f"{protocol.frames} {protocol.position}, step {protocol.step}")
    if protocol.score == "frechet_distance":
        wanted.append(f"ddof {protocol.ddof}")
    assert [words for words in wanted if words not in text] == []


def test_protocols_are_frozen():
    with pytest.raises(FrozenInstanceError):
        PROTOCOLS["thesis_ch4"].ddof = 0


def chosen(protocol: Protocol, length: int, step: int, chance: float) -> list[int] | None:
    start = protocol.start(length, step, chance)
    return None if start is None else [start + index * step for index in range(protocol.frames)]


def test_central_frames_are_those_of_the_released_evaluation():
    protocol = PROTOCOLS["thesis_ch4"]
    assert protocol.start(15, 1, 0) is None
    for length in range(16, 60):
        first = length // 2 - 8  # as released
        assert chosen(protocol, length, 1, 0.3) == list(range(first, first + 16))


@pytest.mark.parametrize("position", ["central", "first", "random"])
@pytest.mark.parametrize("step", [1, 3])
def test_frames_lie_in_the_clip_and_never_move_back(position, step):
    protocol = replace(OWN, position=position)
    span = 3 * step + 1
    assert protocol.start(span - 1, step, 0.5) is None
    for chance in (0.0, 0.37, 0.999):
        starts = [protocol.start(length, step, chance) for length in range(span, 50)]
        assert starts == sorted(starts) and starts[0] == 0
        assert all(0 <= start <= length - span for start, length in zip(starts, range(span, 50), strict=True))


def test_random_positions_reach_both_ends():
    protocol = replace(OWN, position="random")
    starts = {protocol.start(10, 1, chance / 100) for chance in range(100)}
    assert starts == set(range(7))


def test_what_falls_short_is_said():
    ch4, ch3 = PROTOCOLS["thesis_ch4"], PROTOCOLS["thesis_ch3"]
    assert ch4.shortfalls({"real": 3, "fake": 10_000}, random_weights=False, lossless=True) == ()
    assert ch4.shortfalls({"real": 3, "fake": 9_999}, random_weights=True, lossless=False) == (
        "9,999 fake samples, wanted 10,000",
        "random weights, wanted resnext-101-kinetics.pth",
        "fake samples in lossy files, wanted lossless ones",
    )
    assert ch3.shortfalls({"real": 7, "fake": 70}, random_weights=False, lossless=None) == ()
    assert ch3.shortfalls({"real": 7, "fake": 69}, random_weights=False, lossless=None) == (
        "69 fake samples, wanted 70",
    )
    repeated = PROTOCOLS["tganv2_ucf101_is"]
    assert repeated.shortfalls({"fake": 20_479}, random_weights=False, lossless=True) == (
        "20,479 fake samples, wanted 20,480",
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position": "middle"}, "position is 'middle', wanted one of central, first, random"),
        ({"layer": "fc7"}, "layer is 'fc7', resnext3d-101 has pool, logits"),
        ({"resize": "nearest"}, "resize is 'nearest', resnext3d-101 has Pillow bilinear to 112x112"),
        ({"frames": 0}, "frames is 0, wanted at least 1"),
        ({"per_real": 3}, "wanted either generated or per_real"),
        ({"draws": 2}, "2 draws at central positions are all the same"),
        ({"ddof": 2}, "ddof is 2, wanted one of 0, 1"),
    ],
)
def test_protocols_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=f"protocol mine: {message}"):
        replace(OWN, **changes)


def test_a_protocol_of_ones_own_is_read_from_json(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(asdict(OWN)))
    assert find_protocol(str(path)) == OWN
    path.write_text(json.dumps(asdict(replace(OWN, name="thesis_ch4"))))
    with pytest.raises(ValueError, match="thesis_ch4 is a built-in protocol with other settings"):
        find_protocol(str(path))
    path.write_text(json.dumps(asdict(PROTOCOLS["thesis_ch4"]) | {"speed": 1}))
    with pytest.raises(ValueError, match=r"mine\.json holds no protocol \(.*speed"):
        find_protocol(str(path))


def test_an_unknown_name_is_answered_with_all_names():
    with pytest.raises(ValueError, match=r"no protocol is called thesis, wanted one of thesis_ch3, .*, dgnet_reid"):
        find_protocol("thesis")
