"""A run folder of chapter 6: what a training leaves on disk, step after step.

config.json      settings, data, versions, machine and command
log.jsonl        a line of losses, of pseudo labels, or of a score, each
views/           step_000200.png: persons from all sides, where the training generates them
checkpoints/     last.safetensors: the whole state of the training
model/           what was trained, ready for `python -m vg_reid`
"""

import time
from pathlib import Path
from typing import Any, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from torch import Tensor
from vg_layers.engine import Step

from vg_train import log
from vg_train.checkpoint import save_checkpoint
from vg_train.files import read_json, write_json
from vg_train.reid.training import Keeping, Training

LOG, MODEL, SCORE, LAST = "log.jsonl", "model", "score.json", "checkpoints/last.safetensors"


class Run:
    """Keeps the folder of one training.

    Use it as a context around the loop, and call `after_step` with each step. Nothing here draws from, or changes, the
    state of the training.

    Args:
        folder: the run folder, with its config.json.
        training: what is trained, at the step it starts from.
        keep: what to write, and when.

    Raises:
        ValueError: if the model is to be selected by scores and nothing can be scored.
    """

    def __init__(self, folder: Path, training: Training, keep: Keeping) -> None:
        if keep.select == "test" and training.score is None:
            raise ValueError(
                "select=test, found no query with a match under another camera, wanted scores to select by: "
                "--keep.select last keeps the last model"
            )
        self.folder, self.training, self.state, self.keep = folder, training, training.state, keep
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        log.cut_back(folder / LOG, self.state.step or -1)
        kept = list(log.read(folder / LOG))
        self.best = max((record["score"]["map"] for record in kept if "score" in record), default=-1.0)
        self.told = sum("labels" in record for record in kept)
        self.epoch = self.state.epoch
        self.progress = Progress(
            TextColumn("epoch"), MofNCompleteColumn(), BarColumn(), TextColumn("{task.fields[now]}")
        )
        self.task = self.progress.add_task("training", total=training.epochs, completed=self.epoch, now="")
        self.since = time.perf_counter(), self.state.step  # time and step of the last line in the log

    def __enter__(self) -> Self:
        for line in self.training.about:
            self.progress.console.print(line, markup=False, highlight=False)
        if self.state.step == 0 or not (self.folder / LAST).exists():
            self.save()  # so that a run that is stopped at any time can go on
        if self._last and self.keep.select == "last" and not self._scored:
            self._score(self.state.step)  # it was stopped, or failed, after the last step
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self.progress.stop()
        if kind is KeyboardInterrupt:
            print(f"to go on from the last checkpoint, add --resume; the run is in {self.folder}")

    def after_step(self, step: Step) -> None:
        """Log, draw, score and save whatever is due after this step.

        Raises:
            OSError: if something cannot be written.
        """
        done, ended = step.index + 1, self.state.epoch > self.epoch
        self._tell_labels(done)
        if self._due(done, self.keep.log_every):
            self._log_losses(done, step.losses)
        if self._due(done, self.keep.picture_every) or (ended and self.keep.picture_every and self._last):
            self._draw(done)
        if ended:
            self.epoch = self.state.epoch
            self.progress.update(self.task, completed=self.epoch)
            self._end_epoch(done)
        elif self._due(done, self.keep.save_every):
            self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        stored = self.state.state_dict()
        meta = {"state": stored["meta"], "data": dict(self.training.data)}
        save_checkpoint(self.folder / LAST, stored["tensors"], meta)

    @property
    def _scored(self) -> bool:
        path = self.folder / SCORE
        return path.exists() and read_json(path).get("step") == self.state.step

    @property
    def _last(self) -> bool:
        return self.state.epoch >= self.training.epochs

    def _due(self, done: int, every: int) -> bool:
        return bool(every) and done % every == 0

    def _tell_labels(self, done: int) -> None:
        """Log what a clustering found that was not logged yet."""
        for report in self.training.reports()[self.told :]:
            self._append(done, "labels", report)
            found = ", ".join(f"{name} {_short(value)}" for name, value in report.items())
            self.progress.console.print(f"step {done}: {found}", markup=False, highlight=False)
            self.told += 1

    def _log_losses(self, done: int, losses: dict[str, Tensor]) -> None:
        values = {name: float(loss) for name, loss in losses.items()}
        now, (then, before) = time.perf_counter(), self.since
        speed, self.since = (done - before) / (now - then), (now, done)
        self._append(done, "losses", values, steps_per_second=round(speed, 3))
        self.progress.update(self.task, now=f"step {done}, {speed:.2f} steps/s, loss {sum(values.values()):.3f}")

    def _draw(self, done: int) -> None:
        if self.training.picture is not None:
            (self.folder / "views").mkdir(exist_ok=True)
            self.training.picture().save(self.folder / "views" / f"step_{done:06d}.png")

    def _end_epoch(self, done: int) -> None:
        """Score and save; what is trained to the end is saved first, so that no score can lose it."""
        if self._last and self.keep.select == "last":
            self.training.save_model(self.folder / MODEL)
            self.save()
            self._score(done)
        else:
            self._score(done)
            self.save()

    def _score(self, done: int) -> None:
        """Score on the test images where due; the model is kept here where the test images select it."""
        if not self.training.score or not (self._last or self._due(self.epoch, self.keep.score_every)):
            return
        score = self.training.score()
        self._append(done, "score", score)
        self.progress.console.print(f"epoch {self.epoch}: mAP {score['map']:.1%}, rank 1 {score['rank1']:.1%}")
        better, self.best = score["map"] > self.best, max(score["map"], self.best)
        if self.keep.select == "test" and better:
            self.training.save_model(self.folder / MODEL)
        if self.keep.select == "last" or better:
            write_json(self.folder / SCORE, {"epoch": self.epoch, "step": done, **score})

    def _append(self, done: int, kind: str, values: dict[str, Any], **more: float) -> None:
        log.append(self.folder / LOG, {"step": done, kind: values, **more})


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
