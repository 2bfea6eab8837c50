"""Keyframe maps from features with known points and poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_views import CAMERA, angle_deg, cameras, features_of, scene, small

from localization_common.errors import ConfigError, MapError
from localization_common.keyframes.building import KeyframeConfig, Keyframes, build
from localization_common.keyframes.features import Features
from localization_common.keyframes.retrieval import THUMBNAIL

COUNT = 10


def keyframes(*, noise: float = 0.0, wrong: float = 0.0) -> tuple[Keyframes, np.ndarray]:
    """Return keyframes of the synthetic scene, and their true poses; given ones have errors up to some metres."""
    points, descriptors = scene(400)
    true = cameras(COUNT, metres=0.4, degrees=6.0)
    features = [features_of(points, descriptors, pose, noise=noise, seed=k)[0] for k, pose in enumerate(true)]
    rng = np.random.default_rng(4)
    given = true @ np.stack([small(rng, wrong, 30.0 * wrong) for _ in true])
    return Keyframes(given, features, np.zeros((COUNT, THUMBNAIL), dtype=np.uint8), CAMERA.fx), true


def test_points_are_at_their_true_positions() -> None:
    known = build(keyframes()[0], KeyframeConfig())
    points, _ = scene(400)
    away = np.linalg.norm(known.points[:, None] - points, axis=2)
    assert len(known.points) > 250
    assert away.min(axis=1).max() < 1e-3
    assert len(set(away.argmin(axis=1))) == len(known.points)
    assert known.noise < 1e-5
    assert known.card["observations"] >= 3 * len(known.points)
    assert len(known.repeated_view) == len(known.thumbnails) == COUNT
    assert known.image_vectors is not None
    found = [known.image_vectors.similarity(f.descriptors).argmax() for f in keyframes()[0].features]
    assert found == list(range(COUNT))


def test_noise_is_measured() -> None:
    """Allow for the three coordinates of a point that are fitted to about fourteen observed ones."""
    noise = 0.3 / CAMERA.fx
    assert 0.85 * noise < build(keyframes(noise=noise)[0], KeyframeConfig()).noise < noise


def test_given_poses_that_disagree_are_adjusted_and_stored() -> None:
    """Compare relative poses of keyframes up to a common scale, which only the given poses determine."""
    made, true = keyframes(wrong=0.01)
    known = build(made, KeyframeConfig(position_std=0.01))
    given, adjusted = known.correction.given, known.correction.adjusted
    np.testing.assert_array_equal(given, made.given)

    def apart(poses: np.ndarray) -> np.ndarray:
        metres = np.linalg.norm(poses[:, None, :3, 3] - poses[None, :, :3, 3], axis=2)
        return metres / metres.mean()

    before, after = (np.abs(apart(poses) - apart(true)).mean() for poses in (given, adjusted))
    assert after < 0.25 * before
    assert np.linalg.norm(adjusted[:, :3, 3] - true[:, :3, 3], axis=1).max() < 0.015
    assert max(angle_deg(a, b) for a, b in zip(given, adjusted, strict=True)) > 0.05


def test_features_of_moved_objects_are_dropped() -> None:
    """Move a fifth of the points in each keyframe: they must not be in the map."""
    made, _ = keyframes()
    _, strange = scene(40, seed=9)
    rng = np.random.default_rng(6)
    mixed = [
        Features(
            np.concatenate([f.rays, rng.uniform(-0.7, 0.7, (40, 2))]),
            np.concatenate([f.descriptors, strange]),
            np.concatenate([f.sizes, np.ones(40)]),
        )
        for f in made.features
    ]
    points, _ = scene(400)
    known = build(replace(made, features=mixed), KeyframeConfig())
    assert len(known.points) > 250
    away = np.linalg.norm(known.points[:, None] - points, axis=2).min(axis=1)
    assert (away < 1e-2).mean() > 0.99


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_keyframes_are_refused(count: int) -> None:
    made, _ = keyframes()
    few = Keyframes(made.given[:count], made.features[:count], made.thumbnails[:count], made.focal)
    with pytest.raises(MapError, match="only 0 points are seen from at least 3 keyframes"):
        build(few, KeyframeConfig())


def test_poses_that_are_not_the_cameras_are_refused() -> None:
    made, _ = keyframes()
    with pytest.raises(MapError, match="are the poses those of the camera"):
        build(replace(made, given=made.given[::-1] @ np.diag([1.0, -1.0, -1.0, 1.0])), KeyframeConfig())


def test_maps_far_from_their_origin_are_refused() -> None:
    """Check the limit beyond which single precision rounds points to decimetres."""
    made, _ = keyframes()
    given = made.given.copy()
    given[:, 0, 3] += 5e5
    with pytest.raises(MapError, match="give poses with an origin nearby"):
        build(replace(made, given=given), KeyframeConfig())


def test_configurations_are_checked() -> None:
    for wrong in ({"most": 0}, {"metres": 0.0}, {"residual": -1.0}, {"position_std": 0.0}):
        with pytest.raises(ConfigError):
            KeyframeConfig(**wrong)
