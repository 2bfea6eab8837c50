"""Calm apartments: less texture, the same rooms and furniture."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.errors import ConfigError
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.solid import CLASS_NAMES
from localization_sim.textures import calmed, wallpaper


def solids(apartment: Apartment, label: str) -> np.ndarray:
    """Positions (N, 3) of the solids of a class, in their order."""
    return np.asarray(apartment.model.geom_pos[apartment.geom_labels == CLASS_NAMES.index(label)])


def test_furniture_stays_and_pictures_get_fewer() -> None:
    usual, calm = Apartment.from_seed(3), Apartment.from_seed(3, calm=1.0)
    for label in ("wall", "seat", "cabinet", "window"):
        np.testing.assert_array_equal(solids(usual, label), solids(calm, label))
    assert 0 < len(solids(calm, "picture")) < 0.6 * len(solids(usual, "picture"))


def test_patterns_and_colours_fade_towards_their_mean() -> None:
    image = wallpaper(np.random.default_rng(0), 0.6, 2)
    assert np.abs(calmed(image, 1.0).astype(float) - image).max() <= 1.0  # rounding
    plain, half = calmed(image, 0.05), calmed(image, 0.5)
    assert plain.std(axis=(0, 1)).max() < 0.1 * image.std(axis=(0, 1)).max()
    assert plain.std(axis=(0, 1)).max() < half.std(axis=(0, 1)).max() < image.std(axis=(0, 1)).max()

    def colourful(x: np.ndarray) -> float:
        return float(np.ptp(x.mean(axis=(0, 1))))

    assert colourful(plain) < 0.5 * colourful(image)


def test_a_wrong_share_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"calm is 1\.5"):
        Apartment.from_seed(0, calm=1.5)
