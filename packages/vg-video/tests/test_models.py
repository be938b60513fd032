import json

import pytest
import torch
from vg_video import g3an
from vg_video.models import load_generator


@pytest.fixture
def generator() -> g3an.Generator:
    config = g3an.GeneratorConfig(
        appearance_dim=6, widths=(8, 8, 8, 8, 4), classes=("bend", "wave"), attention_after=1, spectral_norm=True
    )
    return g3an.Generator(config).eval()


@pytest.fixture
def folder(generator, tmp_path):
    generator.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_model_folder_gives_the_same_generator_back(generator, folder):
    loaded = load_generator(folder)
    assert not loaded.training
    assert loaded.config == generator.config
    assert torch.equal(g3an.sample(loaded, 2, seed=0), g3an.sample(generator, 2, seed=0))
    assert torch.equal(g3an.sample(g3an.Generator.from_pretrained(folder), 2, seed=0), g3an.sample(loaded, 2, seed=0))


def test_config_json_names_system_and_classes(folder):
    values = json.loads((folder / "config.json").read_text())
    assert values["system"] == "g3an"
    assert values["classes"] == ["bend", "wave"]


def test_saving_again_replaces_the_files_and_leaves_no_other(generator, folder):
    before = sorted(path.name for path in folder.iterdir())
    torch.nn.init.zeros_(generator.to_rgb.weight)
    generator.save_pretrained(folder)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert not load_generator(folder).to_rgb.weight.any()


def test_a_failed_save_keeps_the_old_weights(generator, folder, monkeypatch):
    old = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        generator.save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == old


def cut(path, share=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda f: (f / "config.json").unlink(), FileNotFoundError, "no model folder: config.json is missing"),
        (lambda f: (f / "model.safetensors").unlink(), FileNotFoundError, "model.safetensors is missing"),
        (lambda f: cut(f / "config.json"), ValueError, "config.json is not JSON"),
        (lambda f: (f / "config.json").write_text("[]"), ValueError, "is of system None, wanted one of .*g3an"),
        (lambda f: edit(f / "config.json", system="other"), ValueError, "is of system 'other', wanted one of .*g3an"),
        (lambda f: edit(f / "config.json", depth=3), ValueError, "depth"),
        (lambda f: edit(f / "config.json", widths="wide"), ValueError, "config.json"),
        (lambda f: edit(f / "config.json", widths=[8, 8]), ValueError, "widths has 2 entries, wanted 5"),
        (lambda f: cut(f / "model.safetensors"), ValueError, "model.safetensors is damaged or cut short"),
        (lambda f: cut(f / "model.safetensors", 0), ValueError, "model.safetensors is damaged or cut short"),
        (lambda f: edit(f / "config.json", widths=[8, 8, 8, 8, 8]), ValueError, r"tensors differ, the first is .*\[8"),
        (lambda f: edit(f / "config.json", attention_after=None), ValueError, "attention.*wanted none"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(folder, damage, error, message):
    damage(folder)
    with pytest.raises(error, match=message) as caught:
        load_generator(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_generator(tmp_path / "nowhere")
