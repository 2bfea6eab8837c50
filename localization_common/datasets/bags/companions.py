"""Depth and labels of a bag's images: pictures with the same time and size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_images import ImageIndex, index_images
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.sequence import Image
from localization_common.errors import DatasetError

#: Largest number of seconds between an image and its depth or labels.
MAX_DIFFERENCE_S = 0.02


@dataclass(frozen=True)
class Companion:
    """Depth or labels of N images.

    Attributes:
        what: ``depth`` or ``labels``.
        index: pictures of the topic.
        positions: (N,) positions in the index; -1 for images without a picture.
        size: width and height of the images.
        unknown: value of all pixels where there is no picture.
        refused: pictures that are not used.
        nearest_s: shortest time, seconds, from an image without a picture to any; infinite if each image has one.
    """

    what: str
    index: ImageIndex[Any]
    positions: npt.NDArray[np.int64]
    size: tuple[int, int]
    unknown: np.generic
    refused: Tally
    nearest_s: float

    @property
    def text(self) -> str:
        """Number of images with a picture, for a summary."""
        known, total = int((self.positions >= 0).sum()), len(self.positions)
        text = f"{known} of {total} images have one: {self.index.topic.name}"
        if known == total:
            return text
        return f"{text}; the others have none within {MAX_DIFFERENCE_S} s, the nearest is {self.nearest_s:.3f} s away"

    def read(self, position: int) -> npt.NDArray[Any]:
        """Picture (H, W) of the image at a position; all pixels are unknown where there is none."""
        own = int(self.positions[position])
        if own < 0:
            return np.full(self.size[::-1], self.unknown)
        return np.asarray(self.index.read(own))


def companion(
    what: str,
    bag: Bag,
    topic: Topic | None,
    decode: Callable[[Any], npt.NDArray[Any]],
    images: ImageIndex[Image],
    unknown: np.generic,
) -> Companion | None:
    """Pictures of a topic that belong to images; None without a topic.

    Raises:
        DatasetError: no picture has the size of the images, or the time of one.
    """
    if topic is None:
        return None
    index = index_images(bag, topic, decode).of_size(*images.size)
    if len(index.stamps) == 0:
        reasons = index.refused.reasons("pictures")
        raise DatasetError(f"{bag.path}: {topic.name} does not belong to the images: {reasons}")
    after = np.clip(np.searchsorted(index.stamps, images.stamps), 0, len(index.stamps) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(index.stamps[before] - images.stamps) < np.abs(index.stamps[after] - images.stamps)
    nearest = np.where(nearer, before, after)
    apart = np.abs(index.stamps[nearest] - images.stamps) * 1e-9
    belongs = apart <= MAX_DIFFERENCE_S
    if not belongs.any():
        raise DatasetError(f"{bag.path}: no picture on {topic.name} has the time of an image on {images.topic.name}")
    positions = np.where(belongs, nearest, -1)
    nearest_s = float(apart[~belongs].min(initial=np.inf))
    return Companion(what, index, positions, images.size, unknown, index.refused, nearest_s)
