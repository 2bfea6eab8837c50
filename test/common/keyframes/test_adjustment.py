"""Bundle adjustment corrects poses and a lens with known errors."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_views import angle_deg, cameras, rays_of, scene, small

from localization_common.geometry import se3
from localization_common.keyframes.adjustment import AdjustedKeyframes, adjust
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.triangulation import triangulate

POINTS, KEYFRAMES = 150, 12
EACH = np.tile(np.arange(POINTS), KEYFRAMES)
TRACKS = FeatureTracks(EACH, np.repeat(np.arange(KEYFRAMES), POINTS), EACH)


def adjusted(
    lens: LensCorrection, *, calibrate: bool, wrong: bool = True, position_std: float = 0.01
) -> tuple[np.ndarray, np.ndarray, AdjustedKeyframes]:
    """Return true poses, given ones with errors up to 1 cm and 0.3 deg a coordinate, and the adjusted ones."""
    points, _ = scene(POINTS)
    true = cameras(KEYFRAMES, metres=0.8, degrees=12.0)
    rng = np.random.default_rng(5)
    given = true @ np.stack([small(rng, 0.01, 0.3) if wrong else np.eye(4) for _ in true])
    rays = np.concatenate([lens.distort(rays_of(points, pose)) for pose in true])
    start = triangulate(rays, se3.inverse(given)[TRACKS.keyframe], TRACKS.point, POINTS)
    found = adjust(start, given, rays, TRACKS, position_std=position_std, calibrate=calibrate, loss=0.002)
    return true, given, found


def worst(poses: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    metres = np.linalg.norm(poses[:, :3, 3] - true[:, :3, 3], axis=1).max()
    return float(metres), max(angle_deg(a, b) for a, b in zip(poses, true, strict=True))


def aligned(poses: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return poses without their common motion: a mean error of priors is the same as a moved map."""
    middle, true_middle = poses[:, :3, 3].mean(axis=0), true[:, :3, 3].mean(axis=0)
    u, _, vt = np.linalg.svd((true[:, :3, 3] - true_middle).T @ (poses[:, :3, 3] - middle))
    turn = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    size = np.linalg.norm(true[:, :3, 3] - true_middle) / np.linalg.norm(poses[:, :3, 3] - middle)
    result = poses.copy()
    result[:, :3, :3] = turn @ poses[:, :3, :3]
    result[:, :3, 3] = size * (poses[:, :3, 3] - middle) @ turn.T + true_middle
    return result


def test_adjusted_poses_agree() -> None:
    true, given, found = adjusted(LensCorrection(), calibrate=False)
    assert worst(aligned(given, true), true)[0] > 0.007
    metres, degrees = worst(aligned(found.map_T_camera, true), true)
    assert metres < 1e-3
    assert degrees < 0.03
    assert worst(found.map_T_camera, true)[0] < 0.012  # held near the given frame
    assert found.lens == LensCorrection()


def test_accurate_positions_do_not_change() -> None:
    _, given, found = adjusted(LensCorrection(), calibrate=False, position_std=1e-5)
    assert worst(found.map_T_camera, given)[0] < 1e-3


def test_a_wrong_lens_is_corrected() -> None:
    true, _, found = adjusted(LensCorrection(1.03, 0.05), calibrate=True)
    assert found.lens.focal == pytest.approx(1.03, abs=2e-3)
    assert found.lens.radial == pytest.approx(0.05, abs=2e-3)
    assert worst(aligned(found.map_T_camera, true), true)[0] < 5e-4


def test_correct_poses_and_lenses_do_not_change() -> None:
    true, _, found = adjusted(LensCorrection(), calibrate=True, wrong=False)
    metres, degrees = worst(found.map_T_camera, true)
    assert metres < 1e-5
    assert degrees < 1e-3
    np.testing.assert_allclose(found.points, scene(POINTS)[0], atol=1e-4)


def test_a_keyframe_without_points_keeps_its_pose() -> None:
    points, _ = scene(POINTS)
    true = cameras(KEYFRAMES)
    seen = TRACKS.keyframe != 4
    tracks = FeatureTracks(TRACKS.point[seen], TRACKS.keyframe[seen], TRACKS.feature[seen])
    rays = np.concatenate([rays_of(points, pose) for pose in np.delete(true, 4, axis=0)])
    found = adjust(points, true, rays, tracks, position_std=0.01, calibrate=False, loss=0.002)
    metres, degrees = worst(found.map_T_camera, true)
    assert metres < 1e-5
    assert degrees < 1e-3
