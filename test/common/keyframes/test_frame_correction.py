"""Correction between the adjusted map and the given frame, and its variance."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_views import angle_deg, cameras, small

from localization_common.geometry import se3
from localization_common.keyframes.correction_fit import fit_correction
from localization_common.keyframes.frame_correction import FrameCorrection, exponential, twists
from localization_common.keyframes.keyframe_selection import distances

KERNEL = {"metres": 0.1, "radians": np.radians(8.0)}


def line(count: int, step: float) -> np.ndarray:
    """Return keyframes along a line with a step in metres."""
    poses = np.tile(cameras(1)[0], (count, 1, 1))
    poses[:, 0, 3] += step * np.arange(count)
    return poses


def moved(given: np.ndarray, *, metres: float = 0.02, degrees: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(1)
    return given @ np.stack([small(rng, metres, degrees) for _ in given])


def test_keyframes_far_apart_are_corrected_exactly() -> None:
    given = line(5, 1.0)
    adjusted = moved(given)
    adjusted[:, 0, 3] += 0.9  # where the next one was given
    correction = FrameCorrection(given, adjusted, **KERNEL, variance=np.zeros((2, 6)))
    for k in range(5):
        np.testing.assert_allclose(correction.to_given(adjusted[k])[0], given[k], atol=1e-9)
        np.testing.assert_allclose(correction.to_adjusted(given[k]), adjusted[k], atol=1e-9)
        assert distances(adjusted, adjusted[k], **KERNEL).argmin() == k


def test_to_given_and_to_adjusted_are_inverse() -> None:
    given = line(20, 0.05)
    correction = FrameCorrection(given, moved(given), **KERNEL, variance=np.zeros((2, 6)))
    for pose in line(9, 0.11):
        back = correction.to_given(correction.to_adjusted(pose))[0]
        assert np.linalg.norm(back[:3, 3] - pose[:3, 3]) < 2e-3
        assert angle_deg(back, pose) < 0.1


def test_between_keyframes_the_near_ones_have_more_weight() -> None:
    given = line(2, 0.2)
    adjusted = given @ np.stack([exponential(np.array([m, 0.0, 0.0, 0.0, 0.0, 0.0])) for m in (-0.01, -0.03)])
    correction = FrameCorrection(given, adjusted, **KERNEL, variance=np.zeros((2, 6)))

    def added(pose: np.ndarray) -> float:
        return float((se3.inverse(pose) @ correction.to_given(pose)[0])[0, 3])

    middle = adjusted[0].copy()
    middle[:3, 3] = adjusted[:, :3, 3].mean(axis=0)
    assert added(middle) == pytest.approx(0.02, abs=1e-6)
    assert 0.01 < added(adjusted[0]) < 0.014
    far = adjusted[1].copy()
    far[0, 3] += 30.0
    assert added(far) == pytest.approx(0.03, abs=1e-6)


def test_the_variance_grows_up_to_four_widths_away() -> None:
    given = line(2, 5.0)
    variance = np.stack([np.full(6, 1e-4), np.arange(1.0, 7.0) * 1e-4])
    correction = FrameCorrection(given, given, **KERNEL, variance=variance)

    def at(metres: float) -> np.ndarray:
        pose = given[0].copy()
        pose[0, 3] -= metres
        return correction.to_given(pose)[1]

    np.testing.assert_allclose(at(0.0), np.diag(variance[0]))
    np.testing.assert_allclose(at(0.2), np.diag(variance[0] + 4.0 * variance[1]))
    np.testing.assert_allclose(at(0.4), at(50.0))


def test_a_map_of_one_keyframe() -> None:
    given = line(1, 0.1)
    adjusted = moved(given)
    correction = fit_correction(given, adjusted, **KERNEL)
    np.testing.assert_allclose(correction.to_given(adjusted[0])[0], given[0], atol=1e-9)
    assert np.isfinite(correction.variance).all()


def test_twists_are_undone_by_their_exponentials() -> None:
    given = cameras(4)
    adjusted = moved(given)
    back = adjusted @ np.stack([exponential(twist) for twist in twists(given, adjusted)])
    np.testing.assert_allclose(back, given, atol=1e-9)


def test_the_kernel_of_a_random_walk_is_narrow() -> None:
    """Use corrections that are a random walk: the nearest keyframes predict them, distant ones do not."""
    given = line(200, 0.05)
    steps = np.random.default_rng(0).normal(size=(200, 6)) * 2e-3
    fitted = fit_correction(given, given @ np.stack([exponential(t) for t in np.cumsum(steps, axis=0)]), **KERNEL)
    assert fitted.metres < 0.1
    at, grows = fitted.variance
    assert (grows > 1e-7).all()
    assert (np.sqrt(at) < 4e-3).all()


def test_a_constant_correction_has_no_variance() -> None:
    given = line(50, 0.05)
    fitted = fit_correction(given, given @ exponential(np.full(6, 0.01)), **KERNEL)
    np.testing.assert_allclose(fitted.variance, 0.0, atol=1e-12)


def test_corrections_that_are_noise_are_averaged() -> None:
    given = line(200, 0.05)
    noise = np.random.default_rng(0).normal(size=(200, 6)) * 5e-3
    fitted = fit_correction(given, given @ np.stack([exponential(n) for n in noise]), **KERNEL)
    assert fitted.metres > 0.4
    at, grows = fitted.variance
    assert (at > 1.5e-5).all()
    assert (grows < 0.5 * at).all()
