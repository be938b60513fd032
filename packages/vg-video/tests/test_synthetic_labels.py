"""The labels of the built-in sets can be seen: plain linear classifiers tell them on persons they have not met."""

import numpy as np
from vg_video.data.synthetic import SyntheticActions, SyntheticFaces


def ridge(features: np.ndarray, labels: np.ndarray, count: int) -> float:
    """Fit ridge regression to the first `count` rows; the share of the other rows whose label it finds."""
    scaled = (features - features[:count].mean(0)) / (features[:count].std(0) + 1e-3)
    train, test = scaled[:count], scaled[count:]
    kernel = train @ train.T
    targets = np.eye(labels.max() + 1)[labels[:count]] - 1 / (labels.max() + 1)
    weights = np.linalg.solve(kernel + 0.1 * np.trace(kernel) / count * np.eye(count), targets)
    return float(((test @ train.T @ weights).argmax(1) == labels[count:]).mean())


def test_actions_are_told_apart_on_identities_that_were_not_seen():
    source, features, labels = SyntheticActions(resolution=32), [], []
    for index in range(40 * 10):
        clip = source.clip(index)
        heads = 32 * clip.tracks["head"][:, 0]
        padded = np.pad(clip.masks["person"] / 255, ((0, 0), (0, 0), (16, 16)))
        lefts = np.round(heads).astype(int) + 16 - 12  # silhouettes around the head, whatever their phase
        around = np.stack([mask[:, left : left + 24] for mask, left in zip(padded, lefts, strict=True)])
        coarse = around.reshape(16, 16, 2, 12, 2).mean((2, 4))
        spectrum = np.abs(np.fft.rfft(coarse, axis=0))[:5].ravel()
        features.append([*spectrum, *[np.abs(np.diff(heads)).mean()] * 20])
        labels.append(index % 10)
    assert ridge(np.array(features), np.array(labels), 300) > 0.9


def test_expressions_are_told_apart_on_identities_that_were_not_seen():
    source, features, labels = SyntheticFaces(), [], []
    for index in range(50 * 6):
        clip = source.clip(index)
        apex = clip.tracks["intensity"].argmax()
        crops = []
        for time in (0, apex):  # the face around the mouth
            x, y = np.round(64 * clip.tracks["mouth"][time]).astype(int) + 32
            gray = np.pad(clip.frames[time].mean(-1), 32, mode="edge")
            crops.append(gray[y - 28 : y + 8, x - 14 : x + 14])
        features.append((crops[1] - crops[0]).ravel())
        labels.append(index % 6)
    assert ridge(np.array(features), np.array(labels), 40 * 6) > 0.85
