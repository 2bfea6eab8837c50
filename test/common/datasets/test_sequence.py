"""Sequences: pairs across gaps, selections, ranges of frame numbers."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.datasets import FrameRanges, Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3


def read_image(position: int) -> np.ndarray:
    return np.full((2, 3, 3), position, np.uint8)


def read_depth(position: int) -> np.ndarray:
    return np.full((2, 3), position, np.float32)


def sequence(numbers: tuple[int, ...] = (3, 4, 5, 9, 10, 12)) -> Sequence:
    poses = np.tile(np.eye(4), (len(numbers), 1, 1))
    poses[:, 0, 3] = numbers
    return Sequence(
        name="made",
        camera=Camera(3, 2, 2.0, 2.0, 1.0, 0.5),
        frame_numbers=np.array(numbers),
        stamps=np.array(numbers) * 1000,
        map_T_camera=poses,
        read_image=read_image,
        read_depth=read_depth,
        odom_T_base=poses + 0.0,
    )


def test_pairs_do_not_span_gaps() -> None:
    assert sequence().pairs().tolist() == [[0, 1], [1, 2], [3, 4]]
    assert sequence().pairs(max_frame_gap=2).tolist() == [[0, 1], [1, 2], [3, 4], [4, 5]]
    assert sequence((1, 5, 9)).pairs().shape == (0, 2)


def test_a_selection_selects_everything() -> None:
    chosen = sequence().select([1, 3, 5])
    assert chosen.frame_numbers.tolist() == [4, 9, 12]
    assert chosen.stamps.tolist() == [4000, 9000, 12000]
    assert chosen.map_T_camera[:, 0, 3].tolist() == [4, 9, 12]
    assert chosen.odom_T_base is not None
    assert chosen.odom_T_base[:, 0, 3].tolist() == [4, 9, 12]
    assert chosen.read_depth is not None
    assert [int(chosen.read_image(i)[0, 0, 0]) for i in range(3)] == [1, 3, 5]
    assert [int(chosen.read_depth(i)[0, 0]) for i in range(3)] == [1, 3, 5]
    assert chosen.read_labels is None
    again = chosen.select(np.array([False, True, True]))
    assert int(again.read_image(0)[0, 0, 0]) == 3


def test_a_selection_goes_to_a_data_loaders_worker() -> None:
    there = pickle.loads(pickle.dumps(sequence().select([2, 4])))
    assert int(there.read_image(1)[0, 0, 0]) == 4


@pytest.mark.parametrize("positions", [[], np.zeros(6, bool), [17], np.zeros(5, bool), [2, 1]])
def test_impossible_selections_are_refused(positions: object) -> None:
    with pytest.raises(DatasetError, match="made"):
        sequence().select(positions)  # type: ignore[arg-type]


def test_hold_out_and_remaining_frames_are_the_whole() -> None:
    ranges = FrameRanges.parse("4-9,12")
    assert sequence().with_numbers(ranges).frame_numbers.tolist() == [4, 5, 9, 12]
    assert sequence().without_numbers(ranges).frame_numbers.tolist() == [3, 10]
    assert sequence().chosen("4-9,12", exclude="5").frame_numbers.tolist() == [4, 9, 12]
    assert sequence().chosen(exclude="4-9,12").frame_numbers.tolist() == [3, 10]
    assert sequence().chosen().frame_numbers.tolist() == [3, 4, 5, 9, 10, 12]


@pytest.mark.parametrize("text", ["", "a", "5-3", "1-2-3", "1,,2", "-4"])
def test_malformed_ranges_are_refused(text: str) -> None:
    with pytest.raises(DatasetError, match="200-239,450"):
        FrameRanges.parse(text)


def test_the_base_is_behind_the_camera_by_its_mount() -> None:
    base_T_camera = np.eye(4)
    base_T_camera[:3, :3] = se3.BODY_R_OPTICAL
    base_T_camera[:3, 3] = [0.2, 0.0, 0.6]
    poses = sequence().map_T_camera @ base_T_camera
    mounted = replace(sequence(), map_T_camera=poses, base_T_camera=base_T_camera)
    np.testing.assert_allclose(mounted.map_T_base, sequence().map_T_camera, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stamps": np.arange(5)}, "6 frames, but stamps"),
        ({"stamps": np.array([0, 1, 2, 2, 3, 4])}, "must increase"),
        ({"frame_numbers": np.array([0, 1, 2, 1, 3, 4])}, "must increase"),
        ({"map_T_camera": np.zeros((6, 3, 4))}, "poses"),
        ({"odom_T_base": np.zeros((5, 4, 4))}, "odometry"),
        ({"frame_numbers": np.zeros(0, int)}, "no frames"),
    ],
)
def test_contradicting_arrays_are_refused(change: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        replace(sequence(), **change)


def test_frames_without_pose_stay_until_poses_are_required() -> None:
    whole = sequence()
    poses = whole.map_T_camera.copy()
    poses[[1, 4]] = np.nan
    partly = replace(whole, map_T_camera=poses)
    assert partly.has_pose.tolist() == [True, False, True, True, False, True]
    assert np.isnan(partly.map_T_base[[1, 4]]).all()
    assert np.isfinite(partly.map_T_base[[0, 2, 3, 5]]).all()
    known = partly.with_poses()
    assert known.frame_numbers.tolist() == [3, 5, 9, 12]
    assert int(known.read_image(1)[0, 0, 0]) == 2
    assert len(known) + known.summary.frames_left_out == len(partly) + partly.summary.frames_left_out == 6
    assert "2 frames: a true pose is not known (frame 4, frame 10)" in known.summary.text()
    assert whole.with_poses() is whole
    with pytest.raises(DatasetError, match=r"made: none of the 6 frames has a true pose.*--poses"):
        replace(whole, map_T_camera=np.full((6, 4, 4), np.nan)).with_poses()


@pytest.mark.parametrize("field", ["map_T_camera", "odom_T_base"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pose_is_known_or_not_never_partly(field: str, value: float) -> None:
    poses = sequence().map_T_camera.copy()
    poses[2, 0, 3] = value
    with pytest.raises(DatasetError, match=r"made: (poses|odometry) of frame 5 hold some NaN or infinity"):
        replace(sequence(), **{field: poses})


def test_odometry_may_be_known_for_some_frames() -> None:
    odometry = sequence().map_T_camera.copy()
    odometry[:2] = np.nan
    partly = replace(sequence(), odom_T_base=odometry)
    assert partly.has_odometry.tolist() == [False, False, True, True, True, True]
    assert partly.with_odometry().frame_numbers.tolist() == [5, 9, 10, 12]
    assert partly.with_odometry().summary.frames_left_out == 2
    with pytest.raises(DatasetError, match="made: none of the 6 frames has odometry"):
        replace(sequence(), odom_T_base=None).with_odometry()
    assert not replace(sequence(), odom_T_base=None).has_odometry.any()
