"""Measurements of a sample of pictures: sharpness, brightness, contrast, similarity to the next one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Image, Sequence
from localization_common.errors import LocalizationError

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Width in pixels at which pictures are measured: about that of the networks' input (224 to 320).
JUDGED_WIDTH = 320
#: Grey values (of 255) that count as black and as white.
BLACK, WHITE = 10, 250
#: Length in pixels of the strong blur with which a picture is compared (Crete et al. 2007).
_REBLUR = 9
_THUMBNAIL = (32, 24)


@dataclass(frozen=True)
class PictureSample:
    """M measured pictures, in pairs of neighbours where the recording is long.

    Attributes:
        positions: (M,) positions in the sequence, increasing.
        blur: (M,) 0 sharp .. 1 blurred, at a width of `JUDGED_WIDTH`; NaN where the picture has no contrast.
        brightness: (M,) mean grey value.
        contrast: (M,) standard deviation of the grey values.
        black, white: (M,) shares of black and of white pixels.
        thumbnails: (M, 24, 32) grey values.
        unreadable: messages on pictures that could not be read.
    """

    positions: Indices
    blur: Array
    brightness: Array
    contrast: Array
    black: Array
    white: Array
    thumbnails: npt.NDArray[np.float32]
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def neighbours(self) -> Indices:
        """Rows (P,) of the sample for which the next row is the next frame of the sequence."""
        return np.nonzero(np.diff(self.positions) == 1)[0]


def sample_pictures(sequence: Sequence, count: int) -> PictureSample:
    """Measure at most ``count`` pictures, spread evenly over the recording, in pairs of neighbours."""
    positions = spread(len(sequence), count)
    rows: list[tuple[float, float, float, float, float]] = []
    kept, thumbnails, unreadable = [], [], []
    for position in positions.tolist():
        try:
            grey = judged(sequence.read_image(position))
        except LocalizationError as error:
            unreadable.append(str(error))
            continue
        kept.append(position)
        rows.append(_measured(grey))
        thumbnails.append(cv2.resize(grey, _THUMBNAIL, interpolation=cv2.INTER_AREA))
    blur, brightness, contrast, black, white = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return PictureSample(
        np.array(kept, dtype=np.int64),
        blur,
        brightness,
        contrast,
        black,
        white,
        thumbnails=np.array(thumbnails, dtype=np.float32).reshape(-1, *_THUMBNAIL[::-1]),
        unreadable=tuple(unreadable),
    )


def spread(total: int, count: int) -> Indices:
    """Choose at most ``count`` positions of 0..total-1, evenly spread, in pairs of neighbours."""
    if total <= max(2, count):
        return np.arange(total)
    first = np.linspace(0, total - 2, max(1, count // 2)).round().astype(np.int64)
    return np.unique(np.concatenate([first, first + 1]))


def judged(image: Image) -> Image:
    """Grey picture of at most `JUDGED_WIDTH`."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    if width <= JUDGED_WIDTH:
        return np.asarray(grey)
    size = (JUDGED_WIDTH, max(1, round(height * JUDGED_WIDTH / width)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def blur_of(grey: Image) -> float:
    """Blur of a grey picture, 0 sharp .. 1 blurred; NaN without any contrast.

    Crete, Dolmiere, Ladret, Nicolas: "The blur effect: perception and estimation with a new no-reference perceptual
    blur metric", SPIE 2007: a strong blur changes a blurred picture little. It is independent of the scene's contrast.
    """
    values = grey.astype(np.float32)
    found = []
    for axis, kernel in ((0, (1, _REBLUR)), (1, (_REBLUR, 1))):
        sharp = np.abs(np.diff(values, axis=axis))
        blurred = np.abs(np.diff(cv2.blur(values, kernel), axis=axis))
        total = float(sharp.sum())
        found.append(1.0 - float(np.maximum(0.0, sharp - blurred).sum()) / total if total > 0.0 else float("nan"))
    return float(np.max(found))


def _measured(grey: Image) -> tuple[float, float, float, float, float]:
    share = 1.0 / grey.size
    black, white = np.count_nonzero(grey <= BLACK) * share, np.count_nonzero(grey >= WHITE) * share
    return blur_of(grey), float(grey.mean()), float(grey.std()), float(black), float(white)
