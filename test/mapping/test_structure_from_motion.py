"""Structure from motion of keyframes without odometry: poses up to scale, lens, parts that do not join, too little."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from made_room import MOUNT, circle, errors, keyframes_of, made_keyframes, tick, views

from localization_common.errors import ConfigError, DatasetError
from localization_common.geometry import se3
from localization_common.keyframes.features import root_sift
from localization_common.keyframes.lens_correction import LensCorrection
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.keyframe_subset import matches_within, subset, undistorted
from localization_mapping.options import MappingOptions
from localization_mapping.pair_matching import match_pairs
from localization_mapping.rounds import adjust_in_rounds
from localization_mapping.structure_from_motion import MotionStructure, structure_from_motion
from localization_mapping.visual_pairs import visual_pairs

Array = npt.NDArray[np.float64]

TRUE = circle(16, turns=0.5) @ MOUNT
OPTIONS = MappingOptions(features=400)


def unknown_motion(keyframes: KeyframeSet) -> KeyframeSet:
    """Return the keyframes without odometry."""
    return replace(keyframes, odom_T_base=np.full_like(keyframes.odom_T_base, np.nan))


def solved(keyframes: KeyframeSet, *, calibrate: bool = False) -> MotionStructure:
    matches = match_pairs(keyframes, visual_pairs(keyframes, OPTIONS), tick)
    return structure_from_motion(keyframes, matches, calibrate=calibrate)


def metric(found: Array, true: Array) -> Array:
    """Move poses (K, 4, 4) to the frame and the scale of true ones, by their first and most distant positions."""
    far = int(np.argmax(np.linalg.norm(true[:, :3, 3] - true[0, :3, 3], axis=1)))
    lengths = [float(np.linalg.norm(poses[far, :3, 3] - poses[0, :3, 3])) for poses in (found, true)]
    scaled = found.copy()
    scaled[:, :3, 3] *= lengths[1] / lengths[0]
    return np.asarray(true[0] @ se3.inverse(scaled[0]) @ scaled)


@pytest.fixture(scope="module")
def keyframes() -> KeyframeSet:
    return unknown_motion(made_keyframes(circle(16, turns=0.5), noise=0.3, count=500))


@pytest.fixture(scope="module")
def found(keyframes: KeyframeSet) -> MotionStructure:
    return solved(keyframes)


def test_poses_are_right_up_to_scale(found: MotionStructure) -> None:
    assert found.registered.all()
    metres, degrees = errors(metric(found.map_T_camera, TRUE), TRUE)
    assert np.median(metres) < 0.03
    assert np.median(degrees) < 0.5
    assert found.lens == LensCorrection()
    assert found.models == (16,)
    assert "poses to 16 of 16 keyframes" in found.notes[0]


def test_adjustment_works_without_odometry(keyframes: KeyframeSet, found: MotionStructure) -> None:
    matches = match_pairs(keyframes, visual_pairs(keyframes, OPTIONS), tick)
    start = found.map_T_camera @ keyframes.camera_T_base
    structure, tracks = adjust_in_rounds(keyframes, start, matches, None, tick=tick)
    metres, degrees = errors(metric(structure.map_T_base @ MOUNT, TRUE), TRUE)
    assert np.median(metres) < 0.02
    assert np.median(degrees) < 0.3
    assert tracks.points > 100
    np.testing.assert_allclose(structure.map_T_base[0], start[0], atol=1e-4)


def test_lens_is_estimated(keyframes: KeyframeSet) -> None:
    """The images' focal length is 3 % longer than that of the calibration."""
    wrong = replace(keyframes, features=undistorted(keyframes, LensCorrection(1.0 / 1.03, 0.0)).features)
    found = solved(wrong, calibrate=True)
    assert found.lens.focal == pytest.approx(1.03, abs=0.025)
    corrected = undistorted(wrong, found.lens)
    off = corrected.features.rays - keyframes.features.rays
    assert np.abs(off).max() < 0.02
    assert "focal length is 1.0" in found.notes[-1]


def test_keyframes_that_nothing_joins_are_left_out(keyframes: KeyframeSet) -> None:
    rng = np.random.default_rng(9)
    points = rng.uniform([-3.0, -3.0, 0.0], [3.0, 3.0, 2.0], (300, 3))
    others = circle(3, turns=0.1)
    features, _ = views(points, root_sift(rng.gamma(0.3, size=(300, 128)).astype(np.float32)), others @ MOUNT)
    together = KeyframeSet.joined([keyframes, keyframes_of(features, others, drive=1)])
    found = solved(together)
    assert found.registered.tolist() == [True] * 16 + [False] * 3
    assert np.isnan(found.map_T_camera[16:]).all()
    assert any("3 keyframes are left out (numbers 16, 17, 18)" in note for note in found.notes)

    matches = match_pairs(together, visual_pairs(together, OPTIONS), tick)
    kept = subset(together, found.registered)
    assert len(kept) == 16
    np.testing.assert_array_equal(kept.features.rays, keyframes.features.rays)
    within = matches_within(matches, found.registered)
    assert max(max(m.a, m.b) for m in within) == 15
    late = subset(together, np.arange(19) >= 4)
    np.testing.assert_array_equal(late.features[0].rays, keyframes.features[4].rays)
    assert {(m.a + 4, m.b + 4) for m in matches_within(matches, np.arange(19) >= 4)} == {
        (m.a, m.b) for m in matches if min(m.a, m.b) >= 4
    }


def test_images_without_overlap_give_no_poses() -> None:
    rng = np.random.default_rng(1)
    features = []
    for pose in TRUE[:4]:
        points = pose[:3, 3] + rng.normal(size=(300, 3)) * 3.0
        looks = root_sift(rng.gamma(0.3, size=(300, 128)).astype(np.float32))
        features += views(points, looks, pose[None])[0]
    with pytest.raises(DatasetError, match="finds no motion that fits 4 keyframes; the camera must move"):
        solved(keyframes_of(features, TRUE[:4]))


def test_missing_pycolmap_is_an_error(keyframes: KeyframeSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with pytest.raises(ConfigError, match=r"pip install pycolmap .* aarch64"):
        structure_from_motion(keyframes, [])


def test_pairs_are_neighbours_and_similar_views(keyframes: KeyframeSet) -> None:
    pairs = visual_pairs(keyframes, OPTIONS)
    assert all(a < b for a, b in pairs)
    assert {(a, b) for a in range(16) for b in range(a + 1, min(16, a + 11))} <= set(pairs)
    joined = KeyframeSet.joined([keyframes, replace(keyframes, drive=np.ones(16, dtype=np.int64))])
    between = [(a, b - 16) for a, b in visual_pairs(joined, OPTIONS) if a < 16 <= b]
    assert sum(a == b for a, b in between) == 16  # each finds its own twin
