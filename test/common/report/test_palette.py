"""Colours that are drawn over images."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from localization_common.report.palette import circled, heat_overlay, heat_palette, tinted

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def test_heat_is_red_green_blue_and_the_hotter_the_brighter() -> None:
    palette = heat_palette()
    np.testing.assert_allclose(palette, 255.0 * np.array(mpl.colormaps["inferno"].colors), atol=1.0)
    brightness = palette @ [0.299, 0.587, 0.114]
    assert (np.diff(brightness[::8]) > 0.0).all()


def test_tint_runs_from_the_image_to_the_colour() -> None:
    colors = 255 - IMAGE
    assert np.array_equal(tinted(IMAGE, colors, 0.0), IMAGE)
    assert np.array_equal(tinted(IMAGE, colors, 1.0), colors)
    assert (tinted(IMAGE, colors, 0.5) == 128).all()  # 127.5, to the nearest even


def test_heat_shows_where_it_is_and_the_grey_image_elsewhere() -> None:
    heat = np.zeros(IMAGE.shape[:2], np.float32)
    heat[:, 8:] = 1.0
    mixed = heat_overlay(IMAGE, heat, 1.0)
    assert (mixed[:, 8:] == heat_palette()[255]).all()
    cold = mixed[:, :8].astype(float)
    assert (cold == cold[..., :1]).all()
    assert cold[..., 0] == pytest.approx(IMAGE[:, :8] @ [0.299, 0.587, 0.114], abs=1.0)


def test_circles_are_green_and_round_their_pixels() -> None:
    image = np.full((40, 60, 3), 128, dtype=np.uint8)
    marked = circled(image, np.array([[20.2, 11.8], [59.0, 39.0]]))
    changed = (marked != 128).any(axis=-1)
    distance = np.hypot(*np.meshgrid(np.arange(60) - 20, np.arange(40) - 12))
    assert (marked[12, 16] == marked[12, 24]).all()
    assert marked[12, 16, 1] > 200
    assert marked[12, 16, [0, 2]].max() < 100
    assert not changed[(distance < 2.5) | ((distance > 5.5) & (distance < 20.0))].any()
    assert changed[-1].any()  # a circle at the border is drawn in part
    assert (image == 128).all()
    np.testing.assert_array_equal(circled(image, np.empty((0, 2))), image)
