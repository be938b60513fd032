"""The dressed set: how long writing it takes, and what a linear probe on pixels reaches beside a trained encoder."""

import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F
from vg_metrics.functional import reid_ranking
from vg_reid.data.augment import Augment
from vg_reid.data.images import PersonImages
from vg_reid.data.people import People, read_people
from vg_reid.data.synthetic import write_persons
from vg_reid.encoder import EncoderConfig, random_encoder
from vg_reid.seeds import seeded

COMPONENTS, RIDGES = (50, 150, 400), (1.0, 10.0, 100.0)  # of the probe; the best on the test persons is told


def rows(tiny: bool) -> Iterator[dict[str, object]]:
    """Write the set, then score the probe and the encoder on its test persons."""
    identities, steps = (8, 4) if tiny else (100, 500)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        processes = torch.get_num_threads()
        write_persons(folder, identities, 4, 4, seed=0, kind="dressed", workers=processes)
        own, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        yield {
            "set": f"{identities} x 4 x 4, {processes} processes",
            "wall_s": round(time.perf_counter() - start, 1),
            "cpu_s": round(sum(used.ru_utime + used.ru_stime for used in (own, theirs)), 1),
            "peak_gb_of_a_process": round(max(own.ru_maxrss, theirs.ru_maxrss) / 1e6, 2),
        }
        people = read_people(folder)
        probe = max(_probe(people, count, ridge) for count in COMPONENTS for ridge in RIDGES)
        yield {"linear probe, mAP": round(probe, 3)}
        encoder = _trained(people, steps)
        yield {"encoder, mAP": round(encoder, 3), "steps": steps, "probe / encoder": round(probe / encoder, 2)}


def _probe(people: People, components: int, ridge: float) -> float:
    """Ridge regression of the training identities on the principal components of 32x16 pixels."""
    train = PersonImages(people.train, height=32, width=16)
    pixels = _flat(train)
    mean = pixels.mean(0)
    axes = torch.linalg.svd(pixels - mean, full_matrices=False).Vh[:components].T
    seen = (pixels - mean) @ axes
    targets = F.one_hot(train.pids.unique(return_inverse=True)[1]).double()
    gram = seen.T @ seen + ridge * torch.eye(seen.shape[1], dtype=seen.dtype)
    weights = torch.linalg.solve(gram, seen.T @ (targets - targets.mean(0)))
    return _score(people, 32, lambda images: (_flat(images) - mean) @ axes @ weights)


def _trained(people: People, steps: int) -> float:
    """The tiny encoder after some steps of 12 persons x 4 pictures, classified and by triplets."""
    images = PersonImages(people.train, height=128, width=64, augment=Augment())
    values, labels = images.pids.unique(return_inverse=True)
    encoder = random_encoder(EncoderConfig(backbone="tiny", height=128, width=64), 0).train()
    classes = torch.nn.Parameter(0.01 * torch.randn(len(values), 512, generator=seeded(0)))
    optimizer = torch.optim.AdamW([*encoder.parameters(), classes], 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    pictures = [(labels == label).nonzero().flatten().tolist() for label in range(len(values))]
    draw = random.Random(0)
    for step in range(steps):
        persons = draw.sample(range(len(values)), min(12, len(values)))
        indices = [index for person in persons for index in draw.sample(pictures[person], 4)]
        embedding = F.normalize(encoder(images.batch(indices, seed=step)).embedding, dim=1)
        distance = torch.cdist(embedding, embedding)
        same = labels[indices][:, None] == labels[indices]
        triplets = F.relu((distance * same).amax(1) - (distance + 10 * same).amin(1) + 0.3).mean()
        scores = 16 * embedding @ F.normalize(classes, dim=1).T
        optimizer.zero_grad()
        (F.cross_entropy(scores, labels[indices]) + triplets).backward()
        optimizer.step()
        schedule.step()
    encoder.eval()

    @torch.no_grad()
    def embed(images: PersonImages) -> Tensor:
        batches = torch.arange(len(images)).split(64)
        return torch.cat([encoder(images.batch(batch.tolist())).embedding for batch in batches])

    return _score(people, 128, embed)


def _score(people: People, height: int, embed: Callable[[PersonImages], Tensor]) -> float:
    """The mAP across cameras of some features."""
    query, gallery = (PersonImages(part, height=height, width=height // 2) for part in (people.query, people.gallery))
    left, right = (F.normalize(embed(images), dim=1) for images in (query, gallery))
    ranking = reid_ranking(1 - left @ right.T, query.pids, gallery.pids, query.camids, gallery.camids)
    return float(ranking.map)


def _flat(images: PersonImages) -> Tensor:
    return images.batch(range(len(images))).flatten(1).double()
