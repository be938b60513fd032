"""`python -m vg_reid evaluate` and `check`: the scores of an encoder, and whether a data set is fit for them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from vg_reid.commands.common import RANDOM_WEIGHTS, Choice, progress, say
from vg_reid.data.people import read_people
from vg_reid.data.published import check_people
from vg_reid.evaluate import AveragePrecision
from vg_reid.evaluate import evaluate as score
from vg_reid.files import atomic


def evaluate(
    data: Annotated[Positional[Path], arg(metavar="DATA")],
    /,
    encoder: Choice = RANDOM_WEIGHTS,
    rerank: bool = False,
    joint: bool = False,
    ap: AveragePrecision = "mean",
    split_seed: int = 0,
    json_out: Annotated[Path | None, arg(name="json")] = None,
    skip_corrupt: bool = False,
) -> None:
    """Score an encoder: mAP, rank-1, rank-5, rank-10 and mINP over the queries of a folder.

    Matches of the same person under the same camera are left out, and queries without any other match are named and in
    no mean. Needs the extra vg-reid[evaluate].

    Args:
        data: A labelled folder: Market-1501, or one folder a person.
        rerank: Re-rank by k-reciprocal neighbors (k1 20, k2 6, lambda 0.3). It looks at all queries at once.
        joint: The joint visual and temporal distance of JVTC+, estimated on the training images; names must tell times.
        ap: Average precision as the mean precision at the matches, or by trapezoids as in the first Market-1501 code.
        split_seed: Chooses the queries of a folder without a split.
        json_out: Write the scores to this JSON file, too.
        skip_corrupt: Leave unreadable images out and name them, instead of stopping.
    """
    people = read_people(data, seed=split_seed)
    say(*people.describe())
    embedder = encoder.embedder()
    images = len(people.query) + len(people.gallery) + (len(people.train) if joint else 0)
    with progress("embedding", images) as advance:
        result = score(people, embedder, rerank=rerank, joint=joint, ap=ap, skip_corrupt=skip_corrupt, progress=advance)
    say(*result.describe())
    if json_out is not None:
        with atomic(json_out) as staged:
            staged.write_text(json.dumps(asdict(result), indent=2) + "\n")


def check(
    data: Annotated[Positional[Path], arg(metavar="DATA")],
    /,
    own: bool = False,
    split_seed: int = 0,
    decode: bool = True,
) -> None:
    """Check a folder of person images: layout, published counts, missing and damaged images, queries without a match.

    Args:
        data: A folder in any layout.
        own: These are images of your own in a public data set's layout: do not compare with its counts.
        split_seed: Chooses the queries of a folder without a split.
        decode: Decode every image.
    """
    people = read_people(data, seed=split_seed, allow_missing=True)
    with progress("decoding", len(people.images)) as advance:
        found = check_people(people, published=not own, decode=decode, progress=advance)
    say(*found.lines)
    if not found.complete:
        raise ValueError(f"{data} has {len(found.problems)} problems, named above")
    say("nothing is wrong")
