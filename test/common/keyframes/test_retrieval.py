"""Thumbnails find similar images, independent of brightness."""

from __future__ import annotations

import cv2
import numpy as np

from localization_common.keyframes.retrieval import THUMBNAIL, nearest, thumbnail


def test_an_image_is_found_in_other_light_and_size() -> None:
    rng = np.random.default_rng(0)
    images = [cv2.resize(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8), (320, 240)) for _ in range(20)]
    known = np.stack([thumbnail(image) for image in images])
    assert known.shape == (20, THUMBNAIL)
    darker = cv2.resize((0.2 * images[13].astype(np.float64) + 180.0).astype(np.uint8), (160, 120))
    assert nearest(known, thumbnail(darker), 3)[0] == 13
    assert len(nearest(known, thumbnail(darker), 0)) == 0
    assert len(nearest(known[:1], thumbnail(np.zeros((12, 16, 3), dtype=np.uint8)), 5)) == 1
    assert len(nearest(known[:0], thumbnail(darker), 5)) == 0
