"""Thumbnails of keyframes, and the retrieval of those that look similar to an image."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

#: Width and height of a thumbnail.
_SIZE = (16, 12)
#: Number of entries of a thumbnail.
THUMBNAIL = 3 * _SIZE[0] * _SIZE[1]


def thumbnail(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Reduce an image (H, W, 3) uint8 RGB to 16x12 pixels, flattened (576,)."""
    return np.asarray(cv2.resize(image, _SIZE, interpolation=cv2.INTER_AREA), dtype=np.uint8).ravel()


def nearest(thumbnails: npt.NDArray[np.uint8], wanted: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.int64]:
    """Return positions of the thumbnails (K, 576) most similar to one (576,), the best first.

    Brightness and contrast have no effect.
    """
    similarity = _normalised(thumbnails) @ _normalised(wanted[None])[0]
    return best(similarity, count)


def best(similarity: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
    """Return positions of the largest similarities (K,), the largest first."""
    return np.argsort(-similarity, kind="stable")[:count]


def _normalised(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6))
