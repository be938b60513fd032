"""A run folder: what a training leaves on disk, step after step.

config.json      settings, data, versions, machine and command
log.jsonl        a line of losses, or of the quick score, each
tensorboard/     the same, and the sheets of samples
samples/         step_000200.png (a row a clip, its frames from left to right), final.gif
checkpoints/     last.safetensors and best.safetensors, each the whole state of the training
model/           the averaged generator with the best score, ready for `sample` and `evaluate`
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from vg_layers.engine import Step
from vg_video.data.codec import write_video
from vg_video.training import TrainState

from vg_train import log
from vg_train.checkpoint import save_checkpoint
from vg_train.data import Examples
from vg_train.pictures import mosaic, strips
from vg_train.scoring import QuickScore

LOG, MODEL = "log.jsonl", "model"
LAST, BEST = "checkpoints/last.safetensors", "checkpoints/best.safetensors"
FPS = 12.0  # of the films in samples/


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What a run writes while it trains; intervals in steps, 0 for never."""

    log_every: int = 10  # losses
    sample_every: int = 200  # a sheet of samples, always from the same latents
    score_every: int = 200  # the quick score, which picks the best checkpoint; 0: model/ is the last state
    save_every: int = 200  # the last checkpoint
    sample_clips: int = 8  # rows of a sheet
    score_clips: int = 64  # samples, and real clips, of the quick score

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0:
                raise ValueError(f"{name}={value}, wanted 0 or more")
        if self.score_every and self.score_clips < 2:
            raise ValueError(f"score_clips={self.score_clips}, wanted at least 2")

    @classmethod
    def for_long_runs(cls) -> Self:
        """Every thousandth step, and a score of more clips."""
        return cls(sample_every=1000, score_every=1000, save_every=1000, score_clips=256)


class Run:
    """Keeps the folder of one training, on its first process.

    Use it as a context around the loop, and call `after_step` with each step. Nothing here draws from, or changes,
    the state of the training: what is kept, and how often, does not change the weights.

    Args:
        folder: the run folder, with its config.json.
        state: the training's state, at the step it starts from.
        keep: what to write, and when.
        data: what tells the data of this run from others, stored in the checkpoints.
        examples: real clips that samples are scored against, and go on from where the generator takes images.
    """

    def __init__(
        self,
        folder: Path,
        state: TrainState[Any],
        keep: Keeping,
        *,
        data: Mapping[str, Any],
        examples: Examples,
    ) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        self.folder, self.state, self.keep = folder, state, keep
        self.data, self.examples = data, examples
        self.quick_score = QuickScore(examples.video) if keep.score_every else None
        self.steps = state.config.steps
        self.generator = state.averaged
        for name in ("samples", "checkpoints"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        log.cut_back(folder / LOG, state.step or -1)  # a run from the start logs its step 0 anew
        scores = [record["score"]["score"] for record in log.read(folder / LOG) if "score" in record]
        self.best = min(scores, default=math.inf)
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=state.step + 1 if state.step else None)
        self.progress = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
        )
        self.task = self.progress.add_task("training", total=self.steps, completed=state.step, speed="")
        self.since = time.perf_counter(), state.step  # time and step of the last line in the log

    def __enter__(self) -> Self:
        self.progress.start()
        if self.state.step == 0:
            self._save(LAST)  # so that a run that is stopped at any time can go on
            self._look(0)
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self.progress.stop()
        if kind is KeyboardInterrupt:
            print(f"to go on from the last checkpoint: vg-train fit {self.state.system} --out {self.folder} --resume")
        self.board.close()

    def after_step(self, step: Step) -> None:
        """Log, sample, score and save whatever is due after this step.

        Raises:
            OSError: if something cannot be written.
        """
        done = step.index + 1
        if self._due(done, self.keep.log_every):
            self._log_losses(done, step.losses)
        self.progress.update(self.task, completed=done)
        self._look(done)
        if done == self.steps:
            self._finish()
        if self._due(done, self.keep.save_every):
            self._save(LAST)

    def _due(self, done: int, every: int) -> bool:
        """Whether something kept `every` so many steps is due: also after the last one."""
        return bool(every) and (done % every == 0 or done == self.steps)

    def _log_losses(self, done: int, losses: dict[str, Tensor]) -> None:
        values = {name: float(loss) for name, loss in losses.items()}
        now, (then, before) = time.perf_counter(), self.since
        speed, self.since = (done - before) / (now - then), (now, done)
        log.append(self.folder / LOG, {"step": done, "losses": values, "steps_per_second": round(speed, 3)})
        for name, value in values.items():
            self.board.add_scalar(f"loss/{name}", value, done)
        self.progress.update(self.task, speed=f"{speed:.2f} steps/s")

    def _look(self, done: int) -> None:
        """The sheet of samples and the score, where due; before the first step both are."""
        if self._due(done, self.keep.sample_every):
            sheet = strips(self._samples(self.keep.sample_clips))
            Image.fromarray(sheet).save(self.folder / "samples" / f"step_{done:06d}.png")
            self.board.add_image("samples", sheet, done, dataformats="HWC")
        if self.quick_score and self._due(done, self.keep.score_every):
            self._score(done, self.quick_score(self._samples(self.keep.score_clips)))

    def _samples(self, count: int) -> Tensor:
        """The first samples of seed 0: always from the same latents."""
        return self.examples.sample(self.generator, count, seed=0)

    def _score(self, done: int, score: dict[str, float]) -> None:
        log.append(self.folder / LOG, {"step": done, "score": score})
        for name, value in score.items():
            self.board.add_scalar(f"score/{name}", value, done)
        better = score["score"] < self.best
        self.progress.console.print(f"step {done}: score {score['score']:.3f}{', the best so far' if better else ''}")
        if better:
            self.best = score["score"]
            if done:
                self._save(BEST)
                self._save_model()

    def _save(self, name: str) -> None:
        stored = self.state.state_dict()
        save_checkpoint(self.folder / name, stored["tensors"], {"state": stored["meta"], "data": self.data})

    def _save_model(self) -> None:
        self.generator.save_pretrained(self.folder / MODEL)

    def _finish(self) -> None:
        """The film of the final samples, and the model where no score picked one."""
        if not (self.folder / MODEL).exists() or not self.quick_score:
            self._save_model()
        frames = mosaic(self._samples(self.keep.sample_clips), columns=4)
        write_video(self.folder / "samples" / "final.gif", frames, FPS)
