"""The trainings of chapter 6 from the command line: each from photos to a model, and table 6.3 in small."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from vg_layers import Step
from vg_reid.data.people import People, Person, read_people
from vg_reid.data.synthetic import write_persons
from vg_reid.encoder import Encoder
from vg_reid.generator import ViewGenerator
from vg_reid.views import CAPTION, GAP
from vg_train import log
from vg_train.checkpoint import load_checkpoint
from vg_train.cli import main
from vg_train.recipes import gcl as recipes
from vg_train.recipes import warmups
from vg_train.reid import ablate, run
from vg_train.reid.people import has_matches
from vg_train.reid.systems import find_system
from vg_train.reid.table import BASELINE, ROWS, compare, markdown, paired_difference
from vg_train.reid.training import Keeping, Training
from vg_train.settings import read_run

SIZE = ["--config.encoder.height", "48", "--config.encoder.width", "40", "--config.encoder.embedding-dim", "16"]
SHORT = ["--preset", "tiny", "--accelerator", "cpu", "--keep.log-every", "1"]
GCL = [
    *SIZE,
    *("--config.generator.height", "48", "--config.generator.width", "40", "--config.discriminator.channels", "4"),
    *("--config.generator.structure.channels", "8", "--config.generator.decoder.channels", "8"),
    *("--config.schedule.batch-size", "4", "--config.schedule.epoch-steps", "2"),
    *("--config.schedule.warm-up-epochs", "1", "--config.schedule.joint-epochs", "2"),
    *("--config.clusters.k1", "6", "--config.clusters.k2", "2", "--config.clusters.share", "0.2"),
    *("--config.clusters.min-samples", "2", "--keep.picture-every", "2"),
]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_persons(tmp_path_factory.mktemp("people"), identities=8, cameras=2, per_camera=3, seed=0)


@pytest.fixture(scope="module")
def projections(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of the released code: a bar for each training image, another width for each turn."""
    root = tmp_path_factory.mktemp("projections")
    for turn, name in enumerate(("render", *(f"render_{azimuth}" for azimuth in range(45, 360, 45)))):
        folder = root / "train" / name
        folder.mkdir(parents=True)
        for person in read_people(people).train:
            bar = np.zeros((48, 40), np.uint8)
            bar[4:44, 20 - 3 - turn : 20 + 3 + turn] = 200
            Image.fromarray(bar).save(folder / person.path.name)
    return root


def words(*parts: object) -> list[str]:
    return [str(part) for part in parts]


def fit(system: str, out: Path, people: Path, *options: object) -> int:
    return main(words("fit", system, "--data", people, "--out", out, *SHORT, *options))


@pytest.mark.parametrize("system", ["source", "cluster-contrast", "mmcl", "jvtc"])
def test_a_warm_up_leads_from_photos_to_a_scored_encoder(system, people, tmp_path):
    few = ["--config.epochs", "1", "--config.epoch-steps", "1", "--config.batch-size", "8"]
    if system == "cluster-contrast":
        few += ["--config.eps", "0.4", "--config.min-samples", "2", "--config.k1", "6", "--config.instances", "2"]
    assert fit(system, tmp_path / "run", people, *SIZE, *few) == 0
    encoder = Encoder.from_pretrained(tmp_path / "run" / run.MODEL)
    assert encoder.config.weights == "trained" and encoder.config.embedding_dim == 16
    score = json.loads((tmp_path / "run" / run.SCORE).read_text())
    assert score["epoch"] == 1 and 0 < score["map"] <= 1
    losses = [record["losses"] for record in log.read(tmp_path / "run" / run.LOG) if "losses" in record]
    assert len(losses) == 1 and all(np.isfinite(list(losses[0].values())))


def test_act_goes_on_from_a_source_model(people, tmp_path):
    few = ["--config.epochs", "1", "--config.epoch-steps", "1", "--config.batch-size", "8"]
    assert fit("source", tmp_path / "source", people, *SIZE, *few) == 0
    options = ["--source", people, "--encoder", tmp_path / "source" / run.MODEL, "--config.relabel-every", "1"]
    cluster = ["--config.min-samples", "2", "--config.k1", "6", "--config.eps-share", "0.1", "--config.instances", "2"]
    assert fit("act", tmp_path / "act", people, *SIZE, *few, *options, *cluster) == 0
    assert Encoder.from_pretrained(tmp_path / "act" / run.MODEL).config.embedding_dim == 16


@pytest.fixture(scope="module")
def whole_run(people: Path, projections: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert fit("gcl", out, people, "--projections", projections, *GCL) == 0
    return out


def test_gcl_leads_from_photos_and_projections_to_an_encoder_and_a_generator(whole_run):
    encoder = Encoder.from_pretrained(whole_run / run.MODEL)
    generator = ViewGenerator.from_pretrained(whole_run / run.MODEL / "generator")
    with torch.no_grad():
        code = encoder(torch.zeros(1, 3, 48, 40)).part_code
        assert generator(torch.zeros(1, 1, 48, 40), code).shape == (1, 3, 48, 40)
    records = list(log.read(whole_run / run.LOG))
    assert [record["labels"]["epoch"] for record in records if "labels" in record] == [1, 2]
    assert sum("score" in record for record in records) == 1
    assert sorted(path.name for path in (whole_run / "views").iterdir())[:2] == ["step_000002.png", "step_000004.png"]
    sheet = Image.open(whole_run / "views" / "step_000002.png")
    persons, columns = 4, 9  # photo, original and seven turns; structure over view
    assert sheet.size == (GAP + columns * (40 + GAP), GAP + CAPTION + 2 * persons * (48 + GAP))


def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(
    people, projections, whole_run, tmp_path, monkeypatch, capsys
):
    after_step = run.Run.after_step

    def stop(self, step):
        after_step(self, step)
        if step.index == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(run.Run, "after_step", stop)
    options = ["--projections", projections, *GCL, "--keep.save-every", "3"]
    assert fit("gcl", tmp_path / "run", people, *options) == 130
    assert "--resume" in capsys.readouterr().out
    monkeypatch.setattr(run.Run, "after_step", after_step)
    assert main(words("fit", "gcl", "--out", tmp_path / "run", "--resume")) == 0
    found, wanted = (load_checkpoint(folder / run.LAST) for folder in (tmp_path / "run", whole_run))
    assert found.meta == wanted.meta
    assert found.tensors.keys() == wanted.tensors.keys()
    assert all(torch.equal(found.tensors[name], wanted.tensors[name]) for name in wanted.tensors)

    def losses(folder: Path) -> list[dict]:
        return [record["losses"] for record in log.read(folder / run.LOG) if "losses" in record]

    assert losses(tmp_path / "run") == losses(whole_run)


def test_what_cannot_be_trained_is_told_in_one_line(people, projections, whole_run, tmp_path, capsys):
    cases = {
        "--projections is missing": ["fit", "gcl", "--data", people, "--out", tmp_path / "a", *SHORT, *GCL],
        "already holds a run": ["fit", "gcl", "--data", people, "--out", whole_run, *SHORT, *GCL],
        "--preset huge: gcl has market": ["fit", "gcl", "--data", people, "--preset", "huge"],
        "is a run of gcl, wanted one of jvtc": ["fit", "jvtc", "--out", whole_run, "--resume"],
        "no run to resume": ["fit", "mmcl", "--out", tmp_path / "none", "--resume"],
        "is no folder": ["fit", "source", "--data", tmp_path / "nowhere", "--out", tmp_path / "b", *SHORT],
        "--encoder is missing": ["fit", "act", "--data", people, "--source", people, "--out", tmp_path / "c", *SHORT],
        "perhaps you meant 'fit gcl'": ["fit", "gcll"],
    }
    for message, argv in cases.items():
        assert main(words(*argv)) == 2, message
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and message in line


class Counter:
    """A training of one step an epoch, whose model is the number of its epoch and whose scores are given."""

    def __init__(self, step: int = 0) -> None:
        self.step = self.epoch = step

    def state_dict(self) -> dict:
        return {"tensors": {"step": torch.tensor([self.step])}, "meta": {}}

    def load_state_dict(self, state) -> None:
        self.step = self.epoch = int(state["tensors"]["step"])

    def train(self, folder: Path, scores: list[float] | None, keep: Keeping, epochs: int = 3) -> None:
        def steps():
            while self.epoch < epochs:
                self.step = self.epoch = self.step + 1
                yield Step(self.step - 1, {})

        def score() -> dict[str, float]:
            if (found := scores[self.epoch - 1]) < 0:
                raise ValueError("no score can be made")
            return {"map": found, "rank1": found}

        training = Training(
            state=self,
            epochs=epochs,
            steps=steps,
            data={},
            save_model=lambda path: path.write_text(str(self.epoch)),
            score=None if scores is None else score,
        )
        with run.Run(folder, training, keep) as kept:
            for step in training.steps():
                kept.after_step(step)


def kept_files(folder: Path) -> tuple[str, int]:
    """The epoch of the model, and that of the score beside it."""
    return (folder / run.MODEL).read_text(), json.loads((folder / run.SCORE).read_text())["epoch"]


def test_the_model_that_is_selected_is_one_that_was_scored(tmp_path):
    Counter().train(tmp_path, [0.0, 0.9, 0.0, 0.5, 0.3], Keeping(select="test", score_every=2), epochs=5)
    assert kept_files(tmp_path) == ("2", 2)
    Counter().train(tmp_path / "last", [0.0, 0.9, 0.5], Keeping(score_every=2))
    assert kept_files(tmp_path / "last") == ("3", 3)
    with pytest.raises(ValueError, match=r"select=test, found no query .* wanted scores"):
        Counter().train(tmp_path / "none", None, Keeping(select="test", score_every=2))
    assert not (tmp_path / "none").exists()


def test_a_score_that_fails_loses_nothing_and_is_made_up_for(tmp_path):
    with pytest.raises(ValueError, match="no score can be made"):
        Counter().train(tmp_path, [0.1, 0.1, -1], Keeping())
    assert (tmp_path / run.MODEL).read_text() == "3" and not (tmp_path / run.SCORE).exists()
    resumed = Counter()
    resumed.load_state_dict({"tensors": load_checkpoint(tmp_path / run.LAST).tensors})
    assert resumed.epoch == 3
    for _ in range(2):
        resumed.train(tmp_path, [0.1, 0.1, 0.7], Keeping())
    assert kept_files(tmp_path) == ("3", 3)
    assert [record["score"]["map"] for record in log.read(tmp_path / run.LOG)] == [0.7]


def test_a_run_that_starts_from_a_warm_up_has_a_checkpoint_at_once(tmp_path, monkeypatch):
    def stop(self, step):
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Run, "after_step", stop)
    with pytest.raises(KeyboardInterrupt):
        Counter(step=1).train(tmp_path, None, Keeping())
    assert load_checkpoint(tmp_path / run.LAST).tensors["step"].item() == 1


@pytest.mark.parametrize(
    ("query", "gallery", "wanted"),
    [
        ([(1, 0)], [(1, 0), (2, 1)], False),
        ([(1, 0)], [(1, 0), (1, 1)], True),
        ([(1, -1)], [(1, -1)], True),  # unknown cameras count as different ones
        ([(0, 0), (-1, 0)], [(0, 1), (-1, 1)], False),
    ],
)
def test_only_matches_under_another_camera_can_be_scored(query, gallery, wanted):
    parts = {"query": query, "gallery": gallery}
    persons = {name: [Person(Path("image.jpg"), *person) for person in part] for name, part in parts.items()}
    assert has_matches(People(root=Path(), layout="", split="", official_split=True, **persons)) == wanted


@pytest.fixture
def small_table(monkeypatch: pytest.MonkeyPatch, whole_run: Path) -> None:
    """The table's recipe with the nets and steps of this file."""
    config = read_run(find_system("gcl"), whole_run).config
    tiny = warmups.PRESETS["jvtc"]["tiny"]()
    small = {"encoder": config.encoder, "epochs": 1, "epoch_steps": 1, "batch_size": 8}
    changed = dataclasses.replace(tiny, config=dataclasses.replace(tiny.config, **small))
    monkeypatch.setattr(recipes, "ablation", lambda: config)
    monkeypatch.setattr(recipes, "ablation_warm_up", lambda: changed)


def test_table_6_3_is_one_command_that_goes_on_where_it_was_stopped(
    small_table, people, projections, tmp_path, monkeypatch, capsys
):
    argv = words("ablate", "gcl", "--data", people, "--projections", projections, "--out", tmp_path / "t")
    argv += ["--seeds", "0", "1", "--accelerator", "cpu"]
    fitted, real_fit = [], ablate.fit

    def fit_some(system, settings, given):
        fitted.append(settings.out.relative_to(tmp_path / "t").as_posix())
        if len(fitted) == 4:
            raise KeyboardInterrupt
        return real_fit(system, settings, given)

    monkeypatch.setattr(ablate, "fit", fit_some)
    assert main(argv) == 130
    assert fitted == ["seed_0/baseline", "seed_0/stage_2", "seed_0/gan", "seed_0/vi-alone"]
    protocol = json.loads((tmp_path / "t" / "protocol.json").read_text())
    assert protocol["seeds"] == [0, 1] and len(protocol["rows"]) == 6
    assert main(argv) == 0
    rows = ["baseline", "stage_2", *(row.name for row in ROWS)]
    assert fitted[4:] == [*(f"seed_0/{name}" for name in rows[3:]), *(f"seed_1/{name}" for name in rows)]
    table = (tmp_path / "t" / "table.md").read_text()
    assert table in capsys.readouterr().out and table.count("\n| ") == 1 + len(ROWS)
    results = json.loads((tmp_path / "t" / "table.json").read_text())["rows"]
    assert [result["row"]["name"] for result in results] == ["baseline", *(row.name for row in ROWS)]
    for result in results:
        for seed, score in enumerate(result["map"]):
            stored = json.loads((tmp_path / "t" / f"seed_{seed}" / result["row"]["name"] / run.SCORE).read_text())
            assert stored["map"] == score
    count = len(fitted)
    assert main(argv) == 0 and len(fitted) == count  # nothing is done twice
    killed, begun = (tmp_path / "t" / "seed_1" / name for name in ("gan", "vi-alone"))
    (killed / run.SCORE).unlink()  # killed once with its model written, once before its first checkpoint
    for name in (run.SCORE, run.LAST):
        (begun / name).unlink()
    assert main(argv) == 0 and fitted[count:] == ["seed_1/gan", "seed_1/vi-alone"]
    assert (tmp_path / "t" / "table.md").read_text() == table
    assert main([*argv[:-4], "0", "2", "--accelerator", "cpu"]) == 2
    assert "another seeds than now" in capsys.readouterr().err


def test_intervals_are_those_of_a_paired_t_test(rng):
    from scipy.stats import ttest_rel

    a, b = torch.randn(2, 5, generator=rng, dtype=torch.float64).tolist()
    found = paired_difference(a, b)
    wanted = ttest_rel(a, b).confidence_interval()
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert found.mean == pytest.approx(np.mean(a) - np.mean(b))
    assert paired_difference([0.5], [0.25]).low == -np.inf


def test_the_table_says_where_a_row_goes_another_way_than_the_thesis():
    shift = {"baseline": [0.0] * 3, "gan": [0.2] * 3, "gan-vi": [-0.1, -0.11, -0.1], "gan-vi-vi1": [0.1, -0.1, 0.0]}
    scores = {
        row.name: [
            {"map": start + change, "rank1": 0.6}
            for start, change in zip((0.4, 0.42, 0.44), shift.get(row.name, [0.1] * 3), strict=True)
        ]
        for row in (BASELINE, *ROWS)
    }
    results = {result.row.name: result for result in compare(scores)}
    assert results["gan"].verdict == "opposite to the thesis" and results["gan-vi"].verdict == "opposite to the thesis"
    assert results["vi-alone"].verdict == "as in the thesis" and results["gan-vi-vi1"].verdict == "undecided"
    assert "| + L_gan | 62.0 | 60.0 | +20.0 [+20.0, +20.0] | 41.6 (-5.6) | opposite to the thesis |" in markdown(
        list(results.values())
    )


def test_recipes_are_the_searches_and_sets_of_the_thesis():
    presets = {name: make().config for name, make in recipes.PRESETS.items()}
    market = presets["market"]
    assert market.contrast.temperature == 0.04 and market.contrast.negatives == 8192
    assert market.clusters.share == 2e-3 and presets["msmt17"].clusters.share == 1.2e-3
    assert presets["duke-to-msmt17"] == presets["msmt17"] and presets["duke-to-market"] == market
    taus = [presets[f"market-tau-{tau}"].contrast.temperature for tau in (0.03, 0.04, 0.05, 0.06, 0.07)]
    assert taus == [0.03, 0.04, 0.05, 0.06, 0.07]
    assert [presets[f"market-k-{count}"].contrast.negatives for count in (2048, 4096, 8192)] == [2048, 4096, 8192]
    assert presets["official"].generative.adversarial == "lsgan_r1"
