"""What the layers of the view generator are called in GCL's released checkpoints: our name to theirs."""

HALVES = ("first", "second")  # the two convolutions of a residual block

STRUCTURE_ENCODER = {
    **{f"stem.{i}.0": f"enc_content.model.{i}.conv" for i in range(4)},
    **{
        f"blocks.{block}.{half}.0": f"enc_content.model.4.model.{block}.model.{i}.conv"
        for block in range(4)
        for i, half in enumerate(HALVES)
    },
    "pyramid.branches.0.0": "enc_content.model.5.conv1.conv",
    **{
        f"pyramid.branches.{branch}.{layer}": f"enc_content.model.5.conv{6 * branch}.{i}.conv"
        for branch in (1, 2, 3)
        for i, layer in enumerate(("0.0", "1"))
    },
    "pyramid.join.0": "enc_content.model.5.fuse.conv",
}

DECODER = {
    **{
        f"blocks.{block}.{half}": f"dec.model.1.model.{block}.model.{i}.conv"
        for block in range(4)
        for i, half in enumerate(HALVES)
    },
    **{f"tail.{i}.0": f"dec.model.{theirs}.conv" for i, theirs in enumerate((3, 5, 6, 7))},
    **{f"tail.{i}.1": f"dec.model.{theirs}.norm" for i, theirs in enumerate((3, 5))},
    "tail.4": "dec.model.8.conv",
    **{
        f"{ours}.{block}.{2 * i}": f"mlp_{theirs}{block + 1}.model.{i}.fc"
        for ours, theirs in (("scales", "w"), ("shifts", "b"))
        for block in range(4)
        for i in range(3)
    },
}

DISCRIMINATOR = {
    **{f"nets.{scale}.{i}.0": f"cnns.{scale}.{i}.conv" for scale in range(3) for i in range(5)},
    **{
        f"nets.{scale}.{block}.{half}.0": f"cnns.{scale}.{block}.model.{i}.conv"
        for scale in range(3)
        for block in range(5, 9)
        for i, half in enumerate(HALVES)
    },
    **{f"nets.{scale}.9": f"cnns.{scale}.9" for scale in range(3)},
}


def official_key(key: str, layers: dict[str, str]) -> str:
    """Translate the key of a parameter, by one of the tables here."""
    layer, _, parameter = key.rpartition(".")
    theirs = layers[layer]
    if theirs.endswith(".norm"):
        parameter = {"weight": "gamma", "bias": "beta"}[parameter]
    return f"{theirs}.{parameter}"
