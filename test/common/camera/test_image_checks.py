"""Checks of images before a network gets them."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.camera.image_checks import require_usable
from localization_common.errors import InputError


def noise(shape: tuple[int, ...] = (48, 64, 3)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)


def test_a_picture_passes_unchanged() -> None:
    image = noise()
    assert require_usable(image) is image


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (noise((48, 64)), "shape"),
        (noise((48, 64, 4)), "shape"),
        (noise().astype(np.float32), "float32"),
        (np.full((48, 64, 3), np.nan, np.float32), "float32"),
        (np.zeros((0, 64, 3), np.uint8), "empty"),
        (np.zeros((48, 64, 3), np.uint8), "constant"),
        (np.full((48, 64, 3), 255, np.uint8), "constant"),
        (np.tile(np.array([255, 0, 0], np.uint8), (48, 64, 1)), "constant"),  # a colour is no content
    ],
)
def test_images_without_content_are_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        require_usable(image)


def test_a_dark_picture_with_content_passes() -> None:
    image = (noise() // 16).astype(np.uint8)
    assert require_usable(image).max() < 16
