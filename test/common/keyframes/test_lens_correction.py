"""Correction of the focal length and the radial distortion of a calibration."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.keyframes.lens_correction import LensCorrection


@pytest.mark.parametrize(
    "lens", [LensCorrection(), LensCorrection(1.03, 0.08), LensCorrection(0.97, -0.12), LensCorrection(1.0, 0.4)]
)
def test_corrected_rays_are_the_true_ones(lens: LensCorrection) -> None:
    true = np.random.default_rng(0).uniform(-0.7, 0.7, (500, 2))
    given = lens.distort(true)
    np.testing.assert_allclose(lens.undistort(given), true, atol=1e-9)
    np.testing.assert_allclose(lens.distort(lens.undistort(given)), given, atol=1e-9)


def test_a_distorted_ray_by_hand() -> None:
    np.testing.assert_allclose(
        LensCorrection(1.1, 0.2).distort(np.array([[0.3, 0.4]])), [[0.3 * 1.1 * 1.05, 0.4 * 1.1 * 1.05]]
    )
    assert LensCorrection(1.1, 0.2).undistort(np.empty((0, 2))).shape == (0, 2)
