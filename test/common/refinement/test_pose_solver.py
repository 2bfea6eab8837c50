"""Poses from matches: exact, robust, with correct covariances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2
from synthetic_views import NOISE, angle_deg, cameras, rays_of, scene, small

from localization_common.refinement.perturbation import difference, moved_by
from localization_common.refinement.pose_solver import PosePrior, PoseSolution, solve

POINTS = scene(100)[0]
POSE = cameras(1)[0]
NUMBERS = {"noise": NOISE, "inlier": 4.0, "least": 12}
START = POSE @ small(np.random.default_rng(7), 0.1, 3.0)


def off(solution: PoseSolution | None) -> tuple[float, float]:
    """Return metres and degrees from the true pose."""
    assert solution is not None
    pose = solution.map_T_camera
    return float(np.linalg.norm(pose[:3, 3] - POSE[:3, 3])), angle_deg(pose, POSE)


@pytest.mark.parametrize("start", [None, POSE, START])
def test_without_noise_the_pose_is_exact(start: np.ndarray | None) -> None:
    found = solve(POINTS, rays_of(POINTS, POSE), start=start, **NUMBERS)
    metres, degrees = off(found)
    assert metres < 1e-8
    assert degrees < 1e-6
    assert found is not None
    assert found.inliers.all()


@pytest.mark.parametrize("start", [None, START])
def test_outliers_do_not_matter(start: np.ndarray | None) -> None:
    """Use forty wrong matches in a hundred, also as a group with the same shift."""
    rng = np.random.default_rng(0)
    rays = rays_of(POINTS, POSE) + NOISE * rng.normal(size=(100, 2))
    without = solve(POINTS[40:], rays[40:], start=POSE, **NUMBERS)
    assert without is not None
    for wrong in (rng.uniform(-0.8, 0.8, (40, 2)), rays[:40] + np.array([0.1, -0.05])):
        found = solve(POINTS, np.concatenate([wrong, rays[40:]]), start=start, **NUMBERS)
        assert found is not None
        assert found.inliers[:40].sum() <= 3
        assert found.inliers[40:].sum() >= 57
        np.testing.assert_allclose(found.map_T_camera, without.map_T_camera, atol=2e-3)


def test_starts_and_samples_lead_to_the_same_pose() -> None:
    rays = rays_of(POINTS, POSE) + NOISE * np.random.default_rng(1).normal(size=(100, 2))
    poses = [solve(POINTS, rays, start=start, **NUMBERS) for start in (None, POSE, START)]
    for found in poses[1:]:
        assert found is not None
        assert poses[0] is not None
        np.testing.assert_allclose(found.map_T_camera, poses[0].map_T_camera, atol=1e-5)


def test_samples_replace_a_start_without_a_solution() -> None:
    far = POSE.copy()
    far[:3, :3] = far[:3, :3] @ np.diag([-1.0, 1.0, -1.0])
    rays = rays_of(POINTS, POSE) + NOISE * np.random.default_rng(1).normal(size=(100, 2))
    assert off(solve(POINTS, rays, start=far, **NUMBERS))[0] < 0.01


@pytest.mark.parametrize("start", [None, START])
def test_too_few_or_contradicting_matches_have_no_pose(start: np.ndarray | None) -> None:
    rng = np.random.default_rng(2)
    rays = rays_of(POINTS, POSE)
    assert solve(POINTS[:11], rays[:11], start=start, **NUMBERS) is None
    assert solve(POINTS[:0], rays[:0], start=start, **NUMBERS) is None
    assert solve(POINTS, rng.uniform(-0.8, 0.8, (100, 2)), start=start, **NUMBERS) is None


@pytest.mark.parametrize("start", [None, START])
def test_degenerate_points_give_no_pose_or_a_large_covariance(start: np.ndarray | None) -> None:
    """Use points at one place, or on one line: no pose, or one with a large covariance."""
    line = POINTS[:1] + np.linspace(0.0, 1.0, 30)[:, None] * (POINTS[1] - POINTS[0])
    for points in (np.repeat(POINTS[:1], 30, axis=0), line):
        found = solve(points, rays_of(points, POSE), start=start, **NUMBERS)
        assert found is None or np.linalg.eigvalsh(found.information)[0] < 1.0


def errors_squared(noise: float, *, prior: bool = False, draws: int = 200) -> float:
    """Return the mean normalised squared error of poses from rays with another noise than expected."""
    rng = np.random.default_rng(3)
    prior_covariance = np.diag([4e-3**2] * 3 + [1.5e-3**2] * 3)
    total = 0.0
    for _ in range(draws):
        points = POINTS[rng.choice(100, 60, replace=False)]
        rays = rays_of(points, POSE) + noise * rng.normal(size=(60, 2))
        known = None
        if prior:
            guess = moved_by(POSE, rng.multivariate_normal(np.zeros(6), prior_covariance))
            known = PosePrior(guess, np.linalg.inv(prior_covariance))
        found = solve(points, rays, start=START, prior=known, **NUMBERS)
        assert found is not None
        error = difference(found.map_T_camera, POSE)
        total += float(error @ found.information @ error) / max(1.0, found.chi2)
    return total / draws


@pytest.mark.parametrize("prior", [False, True])
def test_covariances_agree_with_the_errors(prior: bool) -> None:
    low, high = chi2.ppf([0.025, 0.975], 6 * 200) / 200
    assert low < errors_squared(NOISE, prior=prior) < high


def test_matches_with_more_scatter_give_a_larger_covariance() -> None:
    """Allow for outliers: the limit of four expected deviations is less than three of the true ones."""
    low, high = chi2.ppf([0.025, 0.975], 6 * 200) / 200
    assert low < errors_squared(1.4 * NOISE) < 1.1 * high


def test_a_prior_moves_the_pose_according_to_its_information() -> None:
    points, aside = POINTS[:12], POSE.copy()
    aside[:3, 3] += (0.02, 0.0, 0.0)
    rays = rays_of(points, POSE)

    def moved(information: float) -> float:
        return off(solve(points, rays, start=POSE, prior=PosePrior(aside, information * np.eye(6)), **NUMBERS))[0]

    assert moved(1e-3) < 1e-6
    assert 0.001 < moved(1e5) < 0.015
    assert moved(1e9) == pytest.approx(0.02, rel=0.01)


def test_difference_is_the_inverse_of_moved_by() -> None:
    twist = np.array([0.1, -0.2, 0.3, 0.2, 0.1, -0.3])
    np.testing.assert_allclose(difference(moved_by(POSE, twist), POSE), twist, atol=1e-12)
