from __future__ import annotations

import json

import numpy as np
import pytest
from evo.core import metrics as evo_metrics
from evo.core.trajectory import PosePath3D
from transforms3d.euler import euler2mat

from deep_localization.evaluation import scoring
from deep_localization.evaluation.drive_results import BeliefRecord, Results
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError

KEYS = {
    "pose": {"median_m", "median_deg", "within_5cm_5deg", "frames"},
    "odometry": {"rpe_percent", "rpe_deg_per_m"},
    "segmentation": {"miou"},
    "belief": {"median_m", "success_rate", "steps_to_converge"},
    "runtime": {"frames_in", "frames_processed", "frames_dropped", "latency_ms_p50", "latency_ms_p95"},
}


def perfect(drive: Sequence) -> Results:
    poses = dict(zip(drive.stamps.tolist(), drive.map_T_base, strict=True))
    return Results("offline", map_T_base=poses, odom_T_base=dict(poses))


def test_keys_are_those_of_the_issue_and_unknown_is_null(drive: Sequence) -> None:
    values = scoring.score(Results("offline"), drive)
    assert {group: set(entries) for group, entries in values.items()} == KEYS
    assert values["pose"] == {"median_m": None, "median_deg": None, "within_5cm_5deg": None, "frames": 0}
    assert values["belief"]["success_rate"] is None
    assert values["segmentation"]["miou"] is None


def test_pose_medians_by_hand(drive: Sequence) -> None:
    results = perfect(drive)
    for i, stamp in enumerate(drive.stamps.tolist()):
        shifted = drive.map_T_base[i].copy()
        # 20 frames exact, 20 off by 4 cm and 3 deg, 20 off by 30 cm and 10 deg: the median is the middle third's
        offset, angle = ((0.0, 0.0), (0.04, 3.0), (0.30, 10.0))[i // 20]
        shifted[1, 3] += offset
        shifted[:3, :3] = shifted[:3, :3] @ euler2mat(0.0, 0.0, np.radians(angle))
        results.map_T_base[stamp] = shifted
    pose = scoring.score(results, drive)["pose"]
    assert pose["median_m"] == pytest.approx(0.04)
    assert pose["median_deg"] == pytest.approx(3.0)
    assert pose["within_5cm_5deg"] == pytest.approx(40 / 60)
    assert pose["frames"] == 60


def test_lost_frames_are_not_scored(drive: Sequence) -> None:
    results = perfect(drive)
    for stamp in drive.stamps[:15].tolist():
        del results.map_T_base[stamp]
    assert scoring.score(results, drive)["pose"]["frames"] == 45


def test_poses_of_another_recording_are_an_error(drive: Sequence) -> None:
    results = Results("live", map_T_base={5: np.eye(4)})
    with pytest.raises(DatasetError, match="another recording"):
        scoring.score(results, drive)


def test_odometry_of_a_wrong_scale_and_heading(drive: Sequence) -> None:
    results = perfect(drive)
    for stamp in drive.stamps.tolist():
        results.odom_T_base[stamp] = results.odom_T_base[stamp].copy()
        results.odom_T_base[stamp][0, 3] *= 1.05
    odometry = scoring.score(results, drive)["odometry"]
    assert odometry["rpe_percent"] == pytest.approx(5.0)
    assert odometry["rpe_deg_per_m"] == pytest.approx(0.0, abs=1e-6)


def test_odometry_agrees_with_evo(drive: Sequence) -> None:
    generator = np.random.default_rng(3)
    results = perfect(drive)
    pose = np.eye(4)
    for i, stamp in enumerate(drive.stamps.tolist()):
        if i:
            step = np.linalg.inv(drive.map_T_base[i - 1]) @ drive.map_T_base[i]
            step[:3, 3] += generator.normal(0, 0.01, 3)
            step[:3, :3] = euler2mat(*generator.normal(0, 0.01, 3)) @ step[:3, :3]
            pose = pose @ step
        results.odom_T_base[stamp] = pose
    mine = scoring.score(results, drive)["odometry"]
    reference = PosePath3D(poses_se3=list(drive.map_T_base))
    estimate = PosePath3D(poses_se3=[results.odom_T_base[stamp] for stamp in drive.stamps.tolist()])
    theirs = []
    for relation in (evo_metrics.PoseRelation.translation_part, evo_metrics.PoseRelation.rotation_angle_deg):
        rpe = evo_metrics.RPE(relation, 1.0, evo_metrics.Unit.meters, all_pairs=True, pairs_from_reference=True)
        rpe.process_data((reference, estimate))
        theirs.append(rpe.get_statistic(evo_metrics.StatisticsType.mean))
    # Segments are 1 m long but for the last one, which ends with the drive at 0.9 m.
    assert mine["rpe_percent"] == pytest.approx(100.0 * theirs[0], rel=0.01)
    assert mine["rpe_deg_per_m"] == pytest.approx(theirs[1], rel=0.01)


def test_odometry_is_not_scored_across_a_pause(drive: Sequence) -> None:
    positions = np.r_[0:20, 25:60]
    parted = drive.select(positions)
    results = perfect(parted)
    for i, stamp in enumerate(parted.stamps.tolist()):
        results.odom_T_base[stamp] = drive.map_T_base[i]  # keeps its pose over the pause, as the node's does
    assert scoring.score(results, parted)["odometry"]["rpe_percent"] == pytest.approx(0.0, abs=1e-9)
    across = scoring.score(results, parted, max_gap_s=60.0)["odometry"]["rpe_percent"]
    assert across is not None
    assert across > 1.0


def test_a_drive_that_is_too_short_has_no_odometry_score(drive: Sequence) -> None:
    few = drive.select(np.arange(5))
    assert scoring.score(perfect(few), few)["odometry"] == {"rpe_percent": None, "rpe_deg_per_m": None}


def test_mean_iou_by_hand_and_outside_of_the_view(drive: Sequence) -> None:
    labels = np.zeros((48, 64), dtype=np.uint8)
    labels[:, 16:] = 1  # of 64 columns; class 0: 16 of 32 right, class 1: 32 of 48
    results = Results("offline", labels={int(drive.stamps[0]): labels})
    assert scoring.score(results, drive)["segmentation"]["miou"] == pytest.approx((16 / 32 + 32 / 48) / 2)
    unseen = labels.copy()
    unseen[:, 16:32] = 255  # what was wrong is now outside of the network's view
    results.labels[int(drive.stamps[0])] = unseen
    assert scoring.score(results, drive)["segmentation"]["miou"] == 1.0


def test_belief_convergence_by_hand() -> None:
    errors = np.full((4, scoring.HORIZON), 2.0)
    errors[0, :] = 0.1  # at once: 1 step
    errors[1, 5:] = 0.4  # five frames too far, then within: 6 steps
    errors[2, :-1] = 0.1  # within all along but for the end: no success
    values = scoring.belief_convergence(errors)
    assert values["success_rate"] == 0.5
    assert values["steps_to_converge"] == pytest.approx(3.5)
    assert scoring.belief_convergence(errors[3:])["steps_to_converge"] is None


def test_belief_median(drive: Sequence) -> None:
    results = Results("offline")
    for i, stamp in enumerate(drive.stamps.tolist()):
        pose = np.array([drive.map_T_base[i, 0, 3] + 0.3, 0.4, 0.0])
        results.beliefs[stamp] = BeliefRecord(pose if i else None)
    assert scoring.score(results, drive)["belief"]["median_m"] == pytest.approx(0.5)


def test_runtime_percentiles_and_file(drive: Sequence, tmp_path) -> None:
    results = Results("live", frames_in=10, frames_received=9, frames_processed=8, frames_dropped=1)
    results.latency_ms = {i: float(i) for i in range(101)}
    values = scoring.score(results, drive)
    assert values["runtime"] == {
        "frames_in": 10,
        "frames_processed": 8,
        "frames_dropped": 1,
        "latency_ms_p50": 50.0,
        "latency_ms_p95": 95.0,
    }
    assert results.lost_in_transport == 1
    scoring.write_metrics(tmp_path / "metrics.json", values)
    assert json.loads((tmp_path / "metrics.json").read_text()) == values
