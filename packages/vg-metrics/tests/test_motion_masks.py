"""Masks of the head and the mouth: from label maps, from folders, and from face parsers."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from vg_metrics.face_parsing import BiSeNet, FaceParser, face_parser, load
from vg_metrics.masks import CELEBAMASK_HQ, FACE_PARSING, HEAD, MOUTH, part_mask, read_label_maps


def test_both_orders_name_the_same_19_parts():
    assert len(FACE_PARSING) == len(set(FACE_PARSING)) == 19
    assert set(FACE_PARSING) == set(CELEBAMASK_HQ)
    assert MOUTH < HEAD < set(FACE_PARSING)


@pytest.mark.parametrize("names", [FACE_PARSING, CELEBAMASK_HQ])
def test_masks_hold_the_labels_of_their_parts(names, rng):
    maps = torch.randint(19, (2, 3, 5, 7), generator=rng, dtype=torch.uint8)
    for parts in (HEAD, MOUTH, {"hair"}):
        slow = [[names[label] in parts for label in row] for row in maps.flatten(0, -2).tolist()]
        assert part_mask(maps, parts, names).tolist() == torch.tensor(slow).view(maps.shape).tolist()


def test_labels_without_a_meaning_are_refused():
    with pytest.raises(ValueError, match=r"torch.uint8 of 0\.\.255, wanted labels 0\.\.18"):
        part_mask(torch.tensor([0, 255], dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"float32 of 0\.0\.\.0\.0, wanted labels"):
        part_mask(torch.zeros(2))
    with pytest.raises(ValueError, match="no label is named beard"):
        part_mask(torch.zeros(2, dtype=torch.uint8), {"beard"})


@pytest.fixture
def maps(tmp_path, rng):
    """Label maps of clip a/b, (12, 6, 6), as a folder of palette pictures, and of c as a gray strip."""
    labels = torch.randint(19, (12, 6, 6), generator=rng, dtype=torch.uint8)
    (tmp_path / "a" / "b").mkdir(parents=True)
    for number, frame in enumerate(labels.numpy()):
        picture = Image.fromarray(frame, mode="P")
        picture.putpalette(np.arange(60).repeat(1).tolist() + [200] * 708)
        picture.save(tmp_path / "a" / "b" / f"{number}.png")
    Image.fromarray(labels.permute(1, 0, 2).reshape(6, -1).numpy()).save(tmp_path / "c.png")
    return tmp_path, labels


def test_maps_are_read_from_folders_in_natural_order_and_from_strips(maps):
    folder, labels = maps
    for clip in ("a/b", "c"):
        assert torch.equal(read_label_maps(folder, clip), labels)
        assert torch.equal(read_label_maps(folder, clip, frames=5), labels[4:9])


def test_maps_that_are_missing_short_or_no_labels_are_refused(maps):
    folder, _ = maps
    with pytest.raises(FileNotFoundError, match=r"no folder of label maps, and no strip d\.png"):
        read_label_maps(folder, "d")
    with pytest.raises(ValueError, match="12 label maps, wanted at least 16"):
        read_label_maps(folder, "a/b", frames=16)
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="0 label maps"):
        read_label_maps(folder, "empty")
    Image.new("RGB", (6, 6)).save(folder / "a" / "b" / "3.png")
    with pytest.raises(ValueError, match=r"3\.png is a picture of mode RGB, wanted gray or palette"):
        read_label_maps(folder, "a/b")
    Image.new("L", (5, 6)).save(folder / "a" / "b" / "3.png")
    with pytest.raises(ValueError, match="12 label maps of sizes 6x5, 6x6"):
        read_label_maps(folder, "a/b")
    (folder / "c.png").write_bytes((folder / "c.png").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"c\.png is a damaged picture"):
        read_label_maps(folder, "c")


class Halves(nn.Module):
    """Label 11 (mouth) where frames are bright, 1 (skin) elsewhere."""

    def forward(self, frames):
        scores = frames.new_zeros(len(frames), 19, *frames.shape[2:])
        scores[:, 1], scores[:, 11] = -frames.mean(1), frames.mean(1)
        return (scores, scores)


def test_a_parser_maps_frames_at_their_own_size_one_by_one():
    video = torch.full((2, 3, 5, 12, 18), -1.0)
    video[..., 6:, 9:] = 1.0
    video[1, :, 2] = -1.0  # a frame without a mouth
    labels = FaceParser(Halves(), label="bright")(video)
    assert labels.shape == (2, 5, 12, 18) and labels.dtype == torch.uint8
    wanted = torch.zeros(2, 5, 12, 18, dtype=torch.bool)
    wanted[..., 6:, 9:] = True
    wanted[1, 2] = False
    assert torch.equal(part_mask(labels, MOUTH), wanted)
    assert part_mask(labels, HEAD).all()


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_a_torchscript_file_is_a_parser(tmp_path):
    torch.jit.script(nn.Conv2d(3, 19, 1)).save(tmp_path / "net.pt")
    parser = face_parser(tmp_path / "net.pt")
    assert parser.label == "face parser net.pt" and len(parser.checksum) == 64
    assert parser(torch.zeros(1, 3, 2, 8, 8)).shape == (1, 2, 8, 8)


@pytest.fixture(scope="module")
def bisenet():
    torch.manual_seed(3)
    return BiSeNet().eval()


def test_bisenet_has_the_documented_layout(bisenet):
    """Features of an eighth of the size, the ResNet's own as its spatial path; three of its heads' keys in the file."""
    shapes = {}
    for name in ("cp.resnet", "cp.arm16", "cp.arm32", "cp.conv_head16", "cp.conv_head32", "ffm", "conv_out"):
        module = bisenet.get_submodule(name)
        module.register_forward_hook(lambda _m, _i, out, name=name: shapes.update({name: out}))
    out = bisenet(torch.zeros(1, 3, 64, 96))
    assert out.shape == (1, 19, 64, 96)
    assert [tuple(f.shape[1:]) for f in shapes.pop("cp.resnet")] == [(128, 8, 12), (256, 4, 6), (512, 2, 3)]
    assert {name: tuple(f.shape[1:]) for name, f in shapes.items()} == {
        "cp.arm16": (128, 4, 6),
        "cp.arm32": (128, 2, 3),
        "cp.conv_head16": (128, 8, 12),
        "cp.conv_head32": (128, 4, 6),
        "ffm": (256, 8, 12),
        "conv_out": (19, 8, 12),
    }


def test_the_trunk_of_bisenet_is_torchvisions_resnet18(bisenet, rng):
    models = pytest.importorskip("torchvision.models")
    resnet = models.resnet18(weights=None).eval()
    state = {key: value for key, value in resnet.state_dict().items() if not key.startswith("fc.")}
    trunk = BiSeNet().eval().cp.resnet
    trunk.load_state_dict(state)
    x = torch.randn(1, 3, 64, 96, generator=rng)
    stem = resnet.layer1(resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(x)))))
    wanted = [resnet.layer2(stem)]
    wanted += [resnet.layer3(wanted[0])]
    wanted += [resnet.layer4(wanted[1])]
    torch.testing.assert_close(list(trunk(x)), wanted)


def test_bisenet_is_read_from_a_file_with_the_heads_of_training(bisenet, tmp_path, rng):
    state = bisenet.state_dict() | {f"conv_out{n}.conv_out.weight": torch.zeros(19, 64, 1, 1) for n in (16, 32)}
    torch.save(state, tmp_path / "79999_iter.pth")
    parser = face_parser(tmp_path / "79999_iter.pth")
    assert "unverified" in parser.label
    x = torch.randn(1, 3, 32, 32, generator=rng)
    torch.testing.assert_close(parser.module(x), bisenet(x))


def test_wrong_files_and_networks_are_refused(bisenet, tmp_path):
    state = bisenet.state_dict()
    del state["cp.arm16.conv.conv.weight"]
    with pytest.raises(ValueError, match=r"holds no BiSeNet, .*1 missing \(first cp.arm16.conv.conv.weight\)"):
        load(state)
    with pytest.raises(FileNotFoundError):
        face_parser(tmp_path / "none.pth")
    with pytest.raises(ValueError, match=r"flat gives shape \(2, 19\), wanted \(2, classes, h, w\)"):
        FaceParser(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 19, 1), nn.Flatten()), label="flat")(
            torch.zeros(1, 3, 2, 8, 8)
        )
    with pytest.raises(ValueError, match=r"wanted \(b, 3, t, h, w\)"):
        FaceParser(Halves(), label="bright")(torch.zeros(3, 2, 8, 8))
