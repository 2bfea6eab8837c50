"""Progress along a drive without odometry, from the motion of its images."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from localization_mapping.progress import Tick

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Corners = npt.NDArray[np.float32]

#: Width in pixels of the images in which corners are tracked.
_WIDTH = 160
#: Motion of the image between two keyframes as a share of its width: 3 to 4.5 degrees for cameras of 60 to 90 degrees.
_SHARE = 0.025
#: Number of corners, their smallest quality, and their smallest distance in pixels.
_CORNERS, _QUALITY, _APART = 200, 0.01, 5
#: Smallest number of corners whose motion counts, and smallest share of the corners that are tracked to the next image.
_FEWEST, _TRACKED = 12, 0.3
#: Share of the corners below which new ones are found.
_LEFT = 0.5
#: Largest distance in pixels between a corner and itself tracked there and back.
_BACK = 1.0
#: Size of the window in pixels and number of halvings of the tracking (Lucas and Kanade 1981, Bouguet 2001).
_WINDOW, _LEVELS = (15, 15), 3
#: Mean difference in grey levels below which two images without corners are the same view.
_SAME = 2.0


def image_progress(read_image: Callable[[int], Image], count: int, tick: Tick) -> Array:
    """Measure the progress (N,) along a drive in units of keyframe distances; it never decreases.

    Corners are tracked from image to image. The progress since they were found is their median motion. Motion to and
    fro about one view adds nothing. An image in which most corners are lost counts as a full step.

    Args:
        read_image: position 0..N-1 -> (H, W, 3) uint8 RGB.
        count: number N of images.
        tick: called after each image.
    """
    progress = np.zeros(count)
    if count == 0:
        return progress
    before = _small(read_image(0))
    found = now = _corners(before)
    start, first = 0.0, len(found)
    tick()
    for i in range(1, count):
        image = _small(read_image(i))
        tracked, kept = _track(before, image, now)
        if len(tracked) < max(_FEWEST, _TRACKED * len(now)):
            still = len(now) < _FEWEST and float(cv2.absdiff(before, image).mean()) < _SAME
            progress[i] = start = progress[i - 1] + (0.0 if still else 1.0)
            found = now = _corners(image)
            first = len(found)
        else:
            found, now = found[kept], tracked
            moved = float(np.median(np.linalg.norm(now - found, axis=1))) / (_SHARE * image.shape[1])
            progress[i] = max(progress[i - 1], start + moved)
            if moved >= 1.0 or len(now) < _LEFT * first:
                start = progress[i]
                found = now = _corners(image)
                first = len(found)
        before = image
        tick()
    return progress


def _small(image: Image) -> Image:
    size = (_WIDTH, max(1, round(_WIDTH / image.shape[1] * image.shape[0])))
    return np.asarray(cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY))


def _corners(image: Image) -> Corners:
    """Find corners (M, 2)."""
    found = cv2.goodFeaturesToTrack(image, _CORNERS, _QUALITY, _APART)
    return np.empty((0, 2), dtype=np.float32) if found is None else found.reshape(-1, 2)


def _track(before: Image, image: Image, corners: Corners) -> tuple[Corners, npt.NDArray[np.bool_]]:
    """Track corners (M, 2) to an image; return those found (T, 2), and (M,) True where they are."""
    if len(corners) == 0:
        return corners, np.zeros(0, dtype=np.bool_)
    there, ok, _ = cv2.calcOpticalFlowPyrLK(before, image, corners, None, winSize=_WINDOW, maxLevel=_LEVELS)
    back, again, _ = cv2.calcOpticalFlowPyrLK(image, before, there, None, winSize=_WINDOW, maxLevel=_LEVELS)
    kept = (ok.ravel() > 0) & (again.ravel() > 0) & (np.linalg.norm(back - corners, axis=1) < _BACK)
    return there[kept], kept
