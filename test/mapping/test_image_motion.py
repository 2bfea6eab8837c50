"""Progress along a drive from its images: pans, shakes, jumps and blank walls of known size."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from localization_mapping.image_motion import image_progress

Image = npt.NDArray[np.uint8]

#: Picture that is larger than the images cut from it.
WALL: Image = cv2.GaussianBlur(
    np.random.default_rng(3).integers(0, 255, (240, 2000, 3), dtype=np.uint8), (0, 0), 2.0
).astype(np.uint8)


def progress_of(images: list[Image]) -> npt.NDArray[np.float64]:
    """Progress along a list of images."""
    return image_progress(images.__getitem__, len(images), lambda: None)


def pan(offsets: list[int]) -> list[Image]:
    """Cut images of 320x240 at offsets in pixels."""
    return [np.ascontiguousarray(WALL[:, x : x + 320]) for x in offsets]


def test_pan_counts_shares_of_the_width() -> None:
    found = progress_of(pan(list(range(0, 960, 8))))
    assert found[-1] == pytest.approx(952 / (0.025 * 320), rel=0.02)
    assert (np.diff(found) >= 0).all()


def test_shaking_adds_no_more_than_its_width() -> None:
    found = progress_of(pan([100 + round(3 * np.sin(i)) for i in range(60)]))
    assert found[-1] < 1.0


def test_standing_still_is_one_stretch() -> None:
    rng = np.random.default_rng(0)
    still = pan([100])[0]
    noisy = [np.clip(still + rng.normal(0, 4, still.shape), 0, 255).astype(np.uint8) for _ in range(40)]
    assert progress_of(noisy)[-1] < 0.2


def test_jump_to_another_view_is_a_full_step() -> None:
    found = progress_of(pan([0, 2, 1200, 1202]))
    assert found[2] - found[1] == pytest.approx(1.0)
    assert found[3] - found[2] < 0.3


def test_blank_wall_is_a_step_when_it_appears_and_when_it_ends() -> None:
    blank = np.full((240, 320, 3), 90, dtype=np.uint8)
    found = progress_of([*pan([0]), blank, blank, blank, *pan([0])])
    assert np.diff(found).tolist() == [1.0, 0.0, 0.0, 1.0]


def test_moving_object_does_not_count() -> None:
    images = pan([100] * 20)
    for i, image in enumerate(images):
        image[80:160, 10 * i : 10 * i + 60] = WALL[80:160, 1500:1560]
    assert progress_of(images)[-1] < 1.0


def test_no_images() -> None:
    assert progress_of([]).shape == (0,)
