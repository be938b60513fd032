"""Public weights of HMR and SPIN, by path. From documentation, unverified: no such file could be tried.

| net  | file                                           | where it is said to come from               |
|------|------------------------------------------------|---------------------------------------------|
| spin | model_checkpoint.pt, {"model": ...}            | the data archive of nkolot/SPIN             |
| hmr  | a generator of MandyMo/pytorch_HMR, .pkl       | trained with that repository                |
| mean | smpl_mean_params.npz: pose 144, shape, cam     | the data archive of nkolot/SPIN             |
| mean | an .npz of pose 72, shape and maybe cam        | neutral_smpl_mean_params.h5 of akanazawa/hmr |

The checkpoint of akanazawa/hmr itself, model.ckpt-667589, is TensorFlow's and of another ResNet: it is not read.
"""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor

from vg_reid.files import DAMAGE, read_npz
from vg_reid.mesh.hmr import CAMERA, HMR, JOINTS, SHAPE, SPIN

Net = Literal["hmr", "spin"]

WRAPPERS = ("model", "state_dict")  # keys under which files keep the tensors
LAYERS = {f"regressor.fc_blocks.regressor_fc_{i}.": f"fc{i + 1}." for i in range(3)}
HMR_KEYS = {**LAYERS, "regressor.mean_theta": "mean_theta", "encoder.": ""}  # what their keys begin with: ours
BODY = "smpl."  # buffers of the body model, which some files carry along
COUNTER = ".num_batches_tracked"  # lacking in files of old PyTorch
MEANS = {"hmr": ("mean_theta",), "spin": ("init_pose", "init_shape", "init_cam")}


@overload
def load(source: Path, net: Literal["hmr"], mean: Path | None = None) -> HMR: ...
@overload
def load(source: Path, net: Literal["spin"], mean: Path | None = None) -> SPIN: ...


def load(source: Path, net: Net, mean: Path | None = None) -> HMR | SPIN:
    """Load HMR or SPIN from a checkpoint of the layouts above.

    Args:
        source: the checkpoint.
        net: which of the two; the file's keys must be of that one.
        mean: the mean parameters to start from; those of the checkpoint where it has them and this is None.
    Returns:
        The net in eval mode.
    Raises:
        FileNotFoundError: if a file does not exist.
        ValueError: for an unreadable file, a missing or unknown key (named), a shape that does not fit, or if neither
            file has the mean parameters.
    """
    state = _tensors(_read(source), source)
    if net == "hmr":
        state = {_our_key(key): value for key, value in state.items()}
        if "mean_theta" in state:
            state["mean_theta"] = state["mean_theta"][:1]  # they keep a row for each sample of their batch
    if mean is not None:
        state |= _mean_parameters(mean, net)
    module: HMR | SPIN = HMR() if net == "hmr" else SPIN()
    wanted = module.state_dict().keys()
    if unknown := sorted(state.keys() - wanted):
        raise ValueError(f"{source} has {len(unknown)} keys that {net} does not know: {_some(unknown)}")
    missing = sorted(key for key in wanted - state.keys() if not key.endswith(COUNTER))
    if missing and set(missing) <= set(MEANS[net]):
        raise ValueError(f"{source} lacks the mean parameters ({_some(missing)}), wanted a file of them beside it")
    if missing:
        raise ValueError(f"{source} lacks {len(missing)} keys of {net}: {_some(missing)}")
    try:
        module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ValueError(f"{source} does not fit {net}: {' '.join(str(error).split())}") from None
    return module.eval()


def _our_key(key: str) -> str:
    for theirs, ours in HMR_KEYS.items():
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    return key


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        hint = "; a TensorFlow checkpoint is not read" if path.with_name(f"{path.name}.index").is_file() else ""
        raise FileNotFoundError(f"{path} does not exist: wanted a PyTorch checkpoint file{hint}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:  # PyTorch's own words tell how to run what is in the file
        raise ValueError(f"{path} is not a readable checkpoint: wanted tensors in a whole file") from None
    except DAMAGE as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is not a readable checkpoint ({reason}): wanted tensors in a whole file") from None
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} holds a {type(content).__name__}, wanted a mapping of keys to tensors")
    for key in WRAPPERS:
        if isinstance(content.get(key), Mapping):
            return dict(content[key])
    return content


def _tensors(content: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """Drop the prefix of DataParallel and the body's buffers."""
    state = {key.removeprefix("module."): value for key, value in content.items()}
    state = {key: value for key, value in state.items() if not key.startswith(BODY)}
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"{path}: key {key!r} holds a {type(value).__name__}, wanted a tensor")
    return state


def _mean_parameters(path: Path, net: Net) -> dict[str, Tensor]:
    """Read the mean pose, shape and camera, as the buffers of the net."""
    if path.suffix in (".h5", ".hdf5"):
        raise ValueError(f"{path} is HDF5, wanted an .npz: save its arrays 'pose' and 'shape' with numpy.savez")
    try:
        floats = {key: np.asarray(value, np.float32) for key, value in read_npz(path).items()}
    except ValueError as error:
        raise ValueError(f"{path} is not a readable .npz of mean parameters: {error}") from None
    arrays = {key: torch.as_tensor(value).flatten() for key, value in floats.items()}
    camera = arrays.get("cam", torch.tensor([0.9, 0.0, 0.0]))
    sizes = {"pose": 6 * JOINTS if net == "spin" else 3 * JOINTS, "shape": SHAPE}
    for key, size in sizes.items():
        if key not in arrays or len(arrays[key]) != size:
            found = f"has {len(arrays[key])} numbers" if key in arrays else "is missing"
            raise ValueError(f"{path}: {key!r} {found}, wanted {size} for {net}")
    if len(camera) != CAMERA:
        raise ValueError(f"{path}: 'cam' has {len(camera)} numbers, wanted {CAMERA}")
    if net == "spin":
        values = (arrays["pose"], arrays["shape"], camera)
        return {key: value[None] for key, value in zip(MEANS[net], values, strict=True)}
    pose = torch.cat([torch.tensor([torch.pi, 0.0, 0.0]), arrays["pose"][3:]])  # upright, as HMR starts
    return {"mean_theta": torch.cat([camera, pose, arrays["shape"]])[None]}


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:5]) + (", ..." if len(keys) > 5 else "")
