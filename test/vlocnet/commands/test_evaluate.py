"""Scores of `vlocnet_evaluate` for a checkpoint."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tiny_networks import HEIGHT, WIDTH

from localization_common.geometry import se3
from vlocnet_ros.commands import evaluate as evaluation
from vlocnet_ros.commands.calibrate import calibrated
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.training.training_frames import network_camera


def test_evaluation_measures_the_localizers_estimates(tiny_network, tmp_path, wall_sequence, monkeypatch):
    path = tmp_path / "tiny.safetensors"
    save_vlocnet(
        path,
        tiny_network,
        camera=network_camera(wall_sequence.camera, WIDTH, HEIGHT),
        class_names=wall_sequence.class_names,
    )
    n = len(wall_sequence)
    longer = replace(wall_sequence, map_T_camera=wall_sequence.map_T_camera.copy())
    true = longer.map_T_camera
    offset = np.array([0.03, 0.0, 0.04])

    def estimate(self, stamp, prediction, motion, sharpness):
        made = original(self, stamp, prediction, motion, sharpness)
        i = stamp // 100_000_000 - 1
        pose = true[i].copy()
        pose[:3, 3] += offset
        motion = None if self._previous is None else se3.inverse(true[i - 1]) @ true[i]
        if motion is not None:
            motion[:3, 3] *= 1.1
        labels = longer.read_labels(i)[::2, ::2]
        return replace(made, map_T_camera=pose, regressed_T_camera=pose, previous_T_camera=motion, labels=labels)

    original = evaluation.Localizer._estimate
    monkeypatch.setattr(evaluation.Localizer, "_estimate", estimate)
    result = evaluation.evaluate(path, [longer], train=[wall_sequence.select([0, 1, 2])], segment_m=0.25)
    numbers = result.numbers
    assert numbers["pose"]["median_m"] == pytest.approx(0.05)
    assert numbers["pose"]["frames"] == n
    assert numbers["odometry"]["rpe_percent"] == pytest.approx(10.0)
    assert numbers["segmentation"]["miou"] > 0.9
    assert numbers["baselines"]["nearest_training_pose"]["median_m"] == pytest.approx(
        np.median([0, 0, 0, *0.05 * np.arange(1, 6)])
    )
    assert numbers["baselines"]["constant_motion"]["rpe_percent"] == pytest.approx(0.0, abs=1e-6)
    again, residuals = calibrated(result, [TrackingConfig()])
    assert again["pose"]["frames"] == n
    np.testing.assert_allclose(np.diag(residuals.pose)[:3], offset**2, atol=1e-7)
    assert residuals.motion[0][0] == pytest.approx(0.005**2, rel=1e-2)
    assert "RPE 10.00 %" in evaluation.table(numbers)
    json.dumps(numbers)


def test_evaluation_continues_after_a_refused_frame(tiny_checkpoint, wall_sequence, capsys):
    def read(position):
        image = wall_sequence.read_image(position)
        return np.zeros_like(image) if position == 3 else image

    result = evaluation.evaluate(tiny_checkpoint, [replace(wall_sequence, read_image=read)], segment_m=0.1)
    assert (result.numbers["frames"], result.numbers["refused"]) == (len(wall_sequence) - 1, 1)
    assert len(result.motion_errors) == len(wall_sequence) - 2
    assert "nearly constant" in capsys.readouterr().err


def test_all_frames_are_used_and_those_with_a_true_pose_are_scored(tiny_checkpoint, wall_sequence):
    whole = evaluation.evaluate(tiny_checkpoint, [wall_sequence], train=[wall_sequence], segment_m=0.1)
    poses = wall_sequence.map_T_camera.copy()
    poses[[1, 4]] = np.nan
    partly = replace(wall_sequence, map_T_camera=poses)
    result = evaluation.evaluate(tiny_checkpoint, [partly], train=[wall_sequence], segment_m=0.1)
    n = len(wall_sequence)
    assert (result.numbers["frames"], result.numbers["without_true_pose"]) == (n, 2)
    assert result.numbers["pose"]["frames"] == n - 2
    assert result.numbers["baselines"]["thumbnail_nearest_neighbour"]["median_m"] == pytest.approx(0.0, abs=1e-9)
    known = [0, 2, 3, *range(5, n)]
    np.testing.assert_array_equal(result.regressed_errors, whole.regressed_errors[known])
    moved = [i for i in range(1, n) if not {i - 1, i} & {1, 4}]
    np.testing.assert_array_equal(result.motion_errors, whole.motion_errors[[i - 1 for i in moved]])
    json.dumps(result.numbers)
    assert "median" in evaluation.table(result.numbers)


def test_without_any_true_pose_there_are_estimates_but_no_errors(tiny_checkpoint, wall_sequence):
    unknown = replace(wall_sequence, map_T_camera=np.full_like(wall_sequence.map_T_camera, np.nan))
    result = evaluation.evaluate(tiny_checkpoint, [unknown], train=[wall_sequence], segment_m=0.1)
    assert result.numbers["frames"] == result.numbers["without_true_pose"] == len(wall_sequence)
    assert "pose" not in result.numbers
    assert "odometry" not in result.numbers
    assert f"{len(wall_sequence)} frames" in evaluation.table(result.numbers)


def test_evaluation_starts_a_new_pair_after_a_gap(tiny_checkpoint, wall_sequence):
    cut = wall_sequence.select([0, 1, 2, 5, 6, 7])
    result = evaluation.evaluate(tiny_checkpoint, [cut], segment_m=0.1)
    assert len(result.motion_errors) == 4
    (drive,) = result.drives
    assert [motion is None for motion in drive.motions] == [True, False, False, True, False, False]
    np.testing.assert_array_equal(drive.stamps, cut.stamps)
    np.testing.assert_array_equal(drive.map_T_camera, cut.map_T_camera)
    assert drive.features.shape == (6, 16)
