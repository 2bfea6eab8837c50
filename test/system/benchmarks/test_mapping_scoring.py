"""Scores of maps that are made of true poses and known errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import planar, se3
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_mapping.mapped_place import MappedDrive, MappedPlace, Scale

EVERY = 5


@pytest.fixture(scope="module")
def scoring(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("mapping_scoring")


def curve(name: str, start: float, count: int = 60) -> Sequence:
    """Drive on a circle of 3 m; wheels report 1 % too much."""
    angle = start + 0.08 * np.arange(count)
    poses = planar.to_se3(np.stack([3.0 * np.cos(angle), 3.0 * np.sin(angle), angle + np.pi / 2], axis=1))
    base_T_camera = se3.BODY_T_OPTICAL.copy()
    base_T_camera[2, 3] = 0.6
    odometry = se3.inverse(poses[0]) @ poses
    odometry[:, :3, 3] *= 1.01
    return Sequence(
        name,
        camera=None,  # type: ignore[arg-type] # no image is read
        frame_numbers=np.arange(count),
        stamps=np.arange(count) * 200_000_000,
        map_T_camera=poses @ base_T_camera,
        read_image=lambda position: np.zeros((1, 1, 3), dtype=np.uint8),
        base_T_camera=base_T_camera,
        odom_T_base=odometry,
    )


def mapped(
    truths: list[Sequence],
    *,
    noise: float = 0.0,
    turned: float = 0.0,
    scale: float = 1.0,
    lost: tuple[int, ...] = (),
) -> MappedPlace:
    """Map in the frame of the first pose, with position noise (metres), a turn (degrees) of each pose and a scale."""
    random = np.random.default_rng(0)
    map_T_truth = se3.inverse(truths[0].map_T_base[0])
    drives, keyframes = [], []
    for truth in truths:
        poses = map_T_truth @ truth.map_T_camera
        poses[:, :3, 3] = scale * (poses[:, :3, 3] + noise * random.normal(size=(len(truth), 3)))
        poses[:, :3, :3] = poses[:, :3, :3] @ Rotation.from_rotvec([0.0, np.radians(turned), 0.0]).as_matrix()
        keyframes.append(poses[::EVERY])
        located = poses.copy()
        located[list(lost)] = np.nan
        hidden = replace(truth, map_T_camera=np.full_like(poses, np.nan))
        count = len(truth)
        drives.append(MappedDrive(hidden, located, np.full(count, 0.5), np.full(count, 50)))
    counts = [len(k) for k in keyframes]
    none = np.empty(0, dtype=np.int64)
    return MappedPlace(
        drives=tuple(drives),
        keyframe_drive=np.repeat(np.arange(len(truths)), counts),
        keyframe_position=np.concatenate([EVERY * np.arange(count) for count in counts]),
        map_T_camera=np.concatenate(keyframes),
        features=[],
        thumbnails=np.empty((0, 0), dtype=np.uint8),
        focal=160.0,
        points=np.empty((0, 3)),
        tracks=FeatureTracks(none, none, none),
        scale=Scale(True, "wheel odometry"),
        closures=np.empty((0, 2), dtype=np.int64),
    )


def drives() -> list[Sequence]:
    return [curve("first", 0.0), curve("second", 1.0, count=40)]


def test_a_perfect_map_in_its_own_frame_has_no_error(scoring: ModuleType) -> None:
    numbers = scoring.score_map(mapped(drives()), drives()).numbers()
    assert numbers["keyframes"] == 12 + 8
    assert numbers["frames"] == 100
    assert numbers["located"] == 1.0
    for name in ("median_m", "p95_m", "median_deg", "scale_error", "frames_median_m"):
        assert numbers[name] == pytest.approx(0.0, abs=1e-6), name


def test_errors_of_positions_and_rotations_are_those_of_the_poses(scoring: ModuleType) -> None:
    numbers = scoring.score_map(mapped(drives(), noise=0.02, turned=0.4), drives()).numbers()
    assert numbers["frames_median_m"] == pytest.approx(0.02 * 1.538, rel=0.15)  # median length of a normal 3D vector
    assert numbers["p95_m"] > 1.3 * numbers["median_m"]
    assert numbers["median_deg"] == pytest.approx(0.4, abs=0.15)


def test_a_large_map_has_a_scale_error_and_a_map_without_scale_is_aligned_with_one(scoring: ModuleType) -> None:
    large = mapped(drives(), scale=1.02)
    rigid, similar = (scoring.score_map(large, drives(), scaled=scaled) for scaled in (False, True))
    assert rigid.scale_error == pytest.approx(0.02)
    assert rigid.numbers()["median_m"] > 0.03
    assert similar.numbers()["median_m"] == pytest.approx(0.0, abs=1e-6)


def test_drives_are_scored_in_one_frame(scoring: ModuleType) -> None:
    place = mapped(drives())
    place.map_T_camera[place.keyframe_drive == 1, 0, 3] += 0.10  # the second drive beside the first
    assert scoring.score_map(place, drives()).numbers()["median_m"] > 0.02


def test_frames_without_a_pose_are_counted(scoring: ModuleType) -> None:
    numbers = scoring.score_map(mapped(drives(), lost=(3, 4, 5)), drives()).numbers()
    assert numbers["located"] == pytest.approx(0.94)
    assert numbers["frames_median_m"] == pytest.approx(0.0, abs=1e-6)


def test_frames_are_found_in_the_truth_by_their_stamps(scoring: ModuleType) -> None:
    every_second = [truth.select(np.arange(0, len(truth), 2)) for truth in drives()]
    assert scoring.score_map(mapped(every_second), drives()).numbers()["p95_m"] == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(DatasetError, match="30 of 60 frames are not in first"):
        scoring.score_map(mapped(drives()), every_second)


def test_frames_of_a_place_are_scored_like_those_of_a_map(scoring: ModuleType) -> None:
    place = mapped(drives(), noise=0.02, lost=(3, 4))
    poses = np.concatenate([drive.map_T_camera for drive in place.drives])
    alignment, numbers = scoring.score_frames(poses, np.concatenate([one.map_T_camera for one in drives()]))
    assert numbers["located"] == pytest.approx(0.96)
    assert numbers["median_m"] == pytest.approx(0.02 * 1.538, rel=0.15)
    np.testing.assert_allclose(alignment.truth_T_estimated, drives()[0].map_T_base[0], atol=0.02)


def test_wheels_alone(scoring: ModuleType) -> None:
    numbers = scoring.wheels_alone(curve("first", 0.0))
    assert numbers["scale_error"] == pytest.approx(0.01)
    assert 0.01 < numbers["median_m"] < 0.04
    with pytest.raises(DatasetError, match="no odometry"):
        scoring.wheels_alone(replace(curve("first", 0.0), odom_T_base=None))
