"""`vg-train fit` for the warm-ups of E_id: jvtc, mmcl, act, source, cluster-contrast (stage 1, 6.3.3)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vg_layers import Engine, Step
from vg_reid.data.augment import Augment
from vg_reid.data.images import PersonImages
from vg_reid.data.people import People
from vg_reid.encoder import Encoder
from vg_reid.warmup import act, cluster_contrast, jvtc, mmcl, source
from vg_reid.warmup.times import read_times
from vg_reid.warmup.views import Styles, read_styles

from vg_train.recipes import warmups as recipes
from vg_train.reid.people import describe_data, read_training, scorer
from vg_train.reid.training import PeopleFit, System, Training

ERASED = Augment(crop=False, jitter=False)  # flipping and erasing


@dataclass(frozen=True, kw_only=True)
class FitWarmup(PeopleFit):
    """A warm-up of E_id."""

    encoder: Path | None = None
    """Model folder of an E_id to start from, such as one with ImageNet's weights."""


@dataclass(frozen=True, kw_only=True)
class FitSource(FitWarmup):
    """A run of supervised training on a labeled set."""

    augment: bool = False
    """Crop and change colors too (TDA of table 6.3), for a model that is to rank photos of cameras it has not seen."""
    config: source.SourceConfig
    """E_id and its training; the number of classes is that of the data."""


@dataclass(frozen=True, kw_only=True)
class FitClusterContrast(FitWarmup):
    """A run of cluster contrast."""

    config: cluster_contrast.ClusterContrastConfig
    """E_id and its training."""


@dataclass(frozen=True, kw_only=True)
class FitMMCL(FitWarmup):
    """A run of MMCL."""

    styles: Path | None = None
    """Folder of CamStyle's transfers of the images between cameras."""
    config: mmcl.MMCLConfig
    """E_id and its training."""


@dataclass(frozen=True, kw_only=True)
class FitJVTC(FitMMCL):
    """A run of JVTC."""

    source: Path | None = None
    """Folder of a labeled set, for unsupervised domain adaptation; only its training images are seen."""
    config: jvtc.JVTCConfig  # type: ignore[assignment]
    """E_id and its training."""


@dataclass(frozen=True, kw_only=True)
class FitACT(FitWarmup):
    """A run of ACT."""

    source: Path
    """Folder of the set that E_id was trained on with labels; its labels are not used again."""
    config: act.ACTConfig
    """E_id and its training."""


def start_source(settings: FitSource, engine: Engine) -> Training:
    """Make a supervised run ready."""
    people = read_training(settings.data)
    identities = len({person.pid for person in people.train})
    images = _images(people, settings.config, Augment() if settings.augment else ERASED)
    config = replace(settings.config, classes=identities)
    state = source.TrainState(config, settings.seed, engine=engine, encoder=_encoder(settings))
    return _training(state, people, lambda: source.train(state, images))


def start_cluster_contrast(settings: FitClusterContrast, engine: Engine) -> Training:
    """Make a run of cluster contrast ready."""
    people = read_training(settings.data)
    images = _images(people, settings.config, Augment(jitter=False))
    state = cluster_contrast.TrainState(settings.config, settings.seed, engine=engine, encoder=_encoder(settings))
    return _training(state, people, lambda: cluster_contrast.train(state, images))


def start_mmcl(settings: FitMMCL, engine: Engine) -> Training:
    """Make a run of MMCL ready."""
    people = read_training(settings.data)
    images = _images(people, settings.config, Augment())
    styles = _styles(settings, people, images)
    state = mmcl.TrainState(settings.config, settings.seed, engine=engine, encoder=_encoder(settings))
    return _training(state, people, lambda: mmcl.train(state, images, styles=styles))


def start_jvtc(settings: FitJVTC, engine: Engine) -> Training:
    """Make a run of JVTC ready, fully unsupervised or with a labeled source set."""
    people = read_training(settings.data)
    images = _images(people, settings.config, ERASED)
    labeled = None
    if settings.source is not None:
        labeled = source.SourceSet(_images(read_training(settings.source), settings.config, ERASED))
    config = replace(settings.config, source_classes=labeled.identities if labeled else 0)
    state = jvtc.TrainState(config, settings.seed, engine=engine, encoder=_encoder(settings))
    joint = config.joint_from is not None and config.joint_from <= config.epochs
    times = read_times([person.path for person in people.train]) if joint else None
    styles = _styles(settings, people, images)
    return _training(state, people, lambda: jvtc.train(state, images, styles=styles, times=times, source=labeled))


def start_act(settings: FitACT, engine: Engine) -> Training:
    """Make a run of ACT ready, from an E_id that `vg-train fit source` has trained."""
    if settings.encoder is None:
        raise ValueError("--encoder is missing, wanted the model folder of `vg-train fit source`: ACT starts from it")
    people = read_training(settings.data)
    images = _images(people, settings.config, ERASED)
    seen = _images(read_training(settings.source), settings.config, None)
    state = act.TrainState(settings.config, settings.seed, engine=engine, encoder=_encoder(settings))
    return _training(state, people, lambda: act.train(state, images, seen))


def _training(state: Any, people: People, steps: Callable[[], Iterator[Step]]) -> Training:
    return Training(
        state=state,
        epochs=state.config.epochs,
        steps=steps,
        data=describe_data(people),
        save_model=state.encoder.save_pretrained,
        reports=lambda: state.reports,
        score=scorer(people, state.encoder),
        about=tuple(people.describe()),
    )


def _images(people: People, config: Any, augment: Augment | None) -> PersonImages:
    size = {"height": config.encoder.height, "width": config.encoder.width}
    return PersonImages(people.train, augment=augment, **size)


def _encoder(settings: FitWarmup) -> Encoder | None:
    return None if settings.encoder is None or settings.resume else Encoder.from_pretrained(settings.encoder)


def _styles(settings: FitMMCL, people: People, images: PersonImages) -> Styles | None:
    if settings.styles is None:
        return None
    return read_styles(people.train, settings.styles, height=images.height, width=images.width, augment=images.augment)


def _system(name: str, settings: type[PeopleFit], start: Callable[[Any, Any], Training], *required: str) -> System:
    return System(
        name=name,
        title=recipes.TITLES[name],
        settings=settings,
        presets=recipes.PRESETS[name],
        start=start,
        notes=recipes.__doc__ or "",
        required=("data", *required),
    )


WARMUPS = {
    "jvtc": _system("jvtc", FitJVTC, start_jvtc),
    "mmcl": _system("mmcl", FitMMCL, start_mmcl),
    "act": _system("act", FitACT, start_act, "source"),
    "source": _system("source", FitSource, start_source),
    "cluster-contrast": _system("cluster-contrast", FitClusterContrast, start_cluster_contrast),
}
