"""Scores against numbers computed by hand, and the evaluation of a drive."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dmn_ros.commands import evaluate
from dmn_ros.evaluation import localization_scores
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.map.drive_frames import read_frames
from dmn_ros.training import training_data
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import planar, se3


def test_pose_error_wraps() -> None:
    distance, turn = localization_scores.pose_error(np.array([3.0, 0.0, 3.1]), np.array([0.0, 4.0, -3.1]))
    assert distance == pytest.approx(5.0)
    assert turn == pytest.approx(2 * np.pi - 6.2)


def test_success_counts_mean_and_most_likely_pose() -> None:
    errors = np.array([[0.4, 0.1, 0.1, 0.2], [0.6, 0.1, 0.2, 0.2], [2.0, 0.1, 3.0, 0.2], [0.1, 0.0, 0.1, 0.1]])
    row = localization_scores.success(errors, 0.5)
    assert row["success_mean"] == 0.5
    assert row["success_most_likely"] == 0.75
    assert row["median_m"] == pytest.approx(0.15)
    assert row["median_deg"] == pytest.approx(np.degrees(0.2))


def test_baselines() -> None:
    truth = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [4.0, 3.0, 0.0]])
    views = np.array([[0.3, 0.4, 1.0], [4.0, 2.0, 1.0]])
    assert localization_scores.closest_context(truth, views, 0.6) == {
        "success": pytest.approx(1 / 3),
        "median_m": pytest.approx(1.0),
    }
    row = localization_scores.uninformed(truth, (0.0, -1.0, 4.0, 1.0), 0.5)
    assert row == {"success": pytest.approx(1 / 3), "median_m": pytest.approx(2.0)}


def test_frames_of_a_drive_have_its_mount() -> None:
    sequence, mount = _sequence(5), (0.3, -0.1, 0.6)
    camera = Camera.from_field_of_view(32, 24, 90.0)
    assert read_frames(sequence, camera).mount == pytest.approx((0.0, 0.0, 0.0))
    base_T_camera = planar.to_se3(np.array(mount)) @ sequence.base_T_camera
    frames = read_frames(replace(sequence, base_T_camera=base_T_camera), camera)
    assert frames.mount == pytest.approx(mount)
    of_camera = frames.of_camera()
    np.testing.assert_allclose(of_camera.poses, planar.compose(frames.poses, np.array(mount)), atol=1e-12)
    expected = read_frames(sequence, camera).poses  # base and camera have the same pose here
    np.testing.assert_allclose(planar.relative(expected, of_camera.poses), 0.0, atol=1e-9)
    again = of_camera.on_base(mount)
    np.testing.assert_allclose(planar.relative(frames.poses, again.poses), 0.0, atol=1e-12)
    assert again.mount == mount


def test_training_uses_the_poses_of_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence, camera = _sequence(5), Camera.from_field_of_view(32, 24, 90.0)
    base_T_camera = planar.to_se3(np.array([0.3, -0.1, 0.6])) @ sequence.base_T_camera
    monkeypatch.setattr(training_data, "open_sequence", lambda *_: replace(sequence, base_T_camera=base_T_camera))
    place = training_data.read_place(tmp_path / "drive", camera)
    of_cameras = read_frames(sequence, camera).poses  # base and camera have the same pose here
    np.testing.assert_allclose(planar.relative(of_cameras, place.drives[0].poses), 0.0, atol=1e-9)


def _sequence(frames: int = 161) -> Sequence:
    """Drive around a circle at 7.9 cm a frame: every second frame is weighed."""
    turn = np.linspace(0, 2 * np.pi, frames)
    poses = np.stack([2 * np.cos(turn), 2 * np.sin(turn), turn + np.pi / 2], axis=1)
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (frames, 24, 32, 3), dtype=np.uint8)
    base_T_camera = np.eye(4)
    base_T_camera[:3, :3] = se3.BODY_R_OPTICAL
    return Sequence(
        name="circle",
        camera=Camera.from_field_of_view(32, 24, 90.0),
        frame_numbers=np.arange(frames),
        stamps=np.arange(frames) * 200_000_000,
        map_T_camera=planar.to_se3(poses) @ base_T_camera,
        read_image=lambda i: images[i],
        odom_T_base=planar.to_se3(planar.relative(poses[:1], poses)),
    )


def test_the_evaluation_fills_every_row(
    tiny_files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate, "open_sequence", lambda *_: _sequence())
    checkpoint, map_path = tiny_files
    output = tmp_path / "out.json"
    small = FilterConfig(min_particles=50, max_particles=100, global_particles=200, reference_poses=8)
    arguments = evaluate.EvaluateCommand(
        tmp_path, checkpoint, map_path, output, starts=4, frames=5, one_step=6, filter=small, threads=1
    )
    results = evaluate.evaluate(arguments)
    evaluate.print_table(results)
    assert json.loads(json.dumps(results)) == results
    assert results["one_step_global"]["trials"] == 6
    for setting in ("sequential_global_camera_frames", "sequential_global_weighed_frames"):
        assert results[setting]["trials"] == 4
        assert results[setting]["median_m"] > 0.2  # the weights are random
    assert results["sequential_global_weighed_frames"]["camera_frames_mean"] == 9.0  # 1st, 3rd, 5th, 7th, 9th
    # random weights: the belief stays near its initial Gaussian of 1.5 m, whose mean is random, too
    assert 0.5 < results["tracking"]["mean_squared_m2"] < 12.0
    assert results["tracking"]["mean_squared_units2"] == pytest.approx(results["tracking"]["mean_squared_m2"] / 25.0)
    assert results["uninformed"]["median_m"] == pytest.approx(2.0)
    assert "sequential_global_weighed_frames" in capsys.readouterr().out
    assert evaluate.evaluate(arguments) == results


def test_frames_without_true_pose_are_fed_and_not_scored(
    tiny_files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _sequence()
    poses, odometry = whole.map_T_camera.copy(), whole.odom_T_base
    assert odometry is not None
    poses[np.random.default_rng(3).random(len(poses)) < 0.5] = np.nan
    odometry[3] = np.nan
    partly = replace(whole, map_T_camera=poses, odom_T_base=odometry)
    monkeypatch.setattr(evaluate, "open_sequence", lambda *_: partly)
    small = FilterConfig(min_particles=50, max_particles=100, global_particles=200, reference_poses=8)
    arguments = evaluate.EvaluateCommand(
        tmp_path, *tiny_files, tmp_path / "out.json", starts=6, frames=5, one_step=6, filter=small
    )
    results = evaluate.evaluate(arguments)
    assert results["frames_in_drive"] == 160  # one has no odometry, which moves the particles
    assert results["one_step_global"]["trials"] == 6
    assert results["sequential_global_camera_frames"]["trials"] in range(1, 7)
    for row in results.values():
        assert not isinstance(row, dict) or all(np.isfinite(v) for v in row.values() if isinstance(v, float))
    monkeypatch.setattr(evaluate, "open_sequence", lambda *_: replace(whole, map_T_camera=np.full_like(poses, np.nan)))
    with pytest.raises(DatasetError, match="circle: none of the 161 frames has a true pose"):
        evaluate.evaluate(arguments)


def test_a_drive_that_is_too_short_is_refused(
    tiny_files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "open_sequence", lambda *_: _sequence(20))
    with pytest.raises(DatasetError, match="circle: 20 frames, more than 40 are needed"):
        evaluate.evaluate(evaluate.EvaluateCommand(tmp_path, *tiny_files))
