"""Consensus and tracking, on poses with known errors."""

from __future__ import annotations

import numpy as np
import pytest
from made_drives import NOTHING, SPREAD, STEP, USUAL, drive, noisy, run

from localization_common.errors import ConfigError
from localization_common.geometry import se3
from vlocnet_ros.runtime.estimate import Health
from vlocnet_ros.runtime.integrity.consensus import Consensus, ConsensusConfig
from vlocnet_ros.runtime.integrity.pose_fusion import PoseFusion
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig


def test_the_consensus_is_better_than_its_poses_and_ignores_outliers():
    true, motion = drive(60)
    regressed = noisy(true, 0.05, 0.02)
    regressed[::4, :3, 3] += 3.0
    fused = run(PoseFusion(SPREAD, None, USUAL), regressed, motion)
    errors = [np.linalg.norm(v.pose[:3, 3] - t[:3, 3]) for v, t in zip(fused[20:], true[20:], strict=True)]
    angles = [se3.rotation_angle(v.pose[:3, :3].T @ t[:3, :3]) for v, t in zip(fused[20:], true[20:], strict=True)]
    assert max(errors) < 0.06  # the noise of a single pose has a norm of 0.09
    assert max(angles) < 0.02
    assert se3.nearest_rigid(fused[-1].pose, tolerance=1e-9) is not None


def test_without_fusion_each_frame_keeps_its_own_pose_and_an_outlier_is_withheld():
    true, motion = drive(30)
    regressed = noisy(true, 0.02, 0.01)
    regressed[20, :3, 3] += 3.0
    fused = run(PoseFusion(SPREAD, None, USUAL, fuse=False), regressed, motion)
    np.testing.assert_array_equal(np.stack([v.pose for v in fused]), regressed)
    assert [i for i, v in enumerate(fused) if v.health is Health.LOST] == [20]
    assert "contradict" in fused[20].reason


def test_a_fast_camera_does_not_fill_the_window():
    window = Consensus(ConsensusConfig(spacing=150_000_000))
    for i in range(31):  # 30 Hz
        window.add(np.eye(4), None if i == 0 else np.eye(4), i * 33_333_333, NOTHING)
    assert len(window) == 7  # one second, every fifth frame
    with pytest.raises(ConfigError):
        ConsensusConfig(window=0)


def test_an_unknown_motion_starts_a_new_window():
    true, motion = drive(3)
    window = Consensus(ConsensusConfig())
    window.add(true[0], None, 1, NOTHING)
    window.add(true[1], motion, 2 * STEP, NOTHING)
    assert len(window) == 2
    agreement = window.add(true[2], None, 3 * STEP, NOTHING)
    assert len(agreement.weights) == 1
    np.testing.assert_allclose(agreement.pose, true[2], atol=1e-12)


@pytest.mark.parametrize("coherent", [True, False])
def test_a_lasting_contradiction_is_lost_until_new_poses_agree(coherent):
    true, motion = drive(80)
    regressed = noisy(true, 0.02, 0.01)
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = [4.0, 0.0, 2.0]
    regressed[40:] = elsewhere @ regressed[40:]
    if not coherent:
        regressed[40:] = noisy(regressed[40:], 20.0, 1.0, seed=3)
    fused = run(PoseFusion(SPREAD, None, USUAL), regressed, motion)
    assert all(v.health is Health.OK for v in fused[:40])
    lost = [i for i, v in enumerate(fused) if v.health is Health.LOST]
    assert lost[0] == 43  # after 0.25 m, at 8 cm a frame
    assert "0.32 m" in fused[43].reason
    if coherent:
        assert lost == list(range(43, 47))  # then eight of ten poses are of the new place and agree
        assert np.linalg.norm(fused[-1].pose[:3, 3] - regressed[-1, :3, 3]) < 0.1
    else:
        assert lost == list(range(43, 80))


def test_a_majority_for_another_place_does_not_confirm_itself():
    """Replace ten contradicting poses by coherent ones: these must last before they are confirmed."""
    true, motion = drive(40)
    regressed = noisy(true, 0.02, 0.01)
    regressed[11:20] = noisy(regressed[11:20], 30.0, 1.0, seed=5)
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = [4.0, 0.0, 2.0]
    regressed[20:] = elsewhere @ regressed[20:]
    patient = TrackingConfig(patience=1e6, reach=1e6, restart=15)
    healths = [v.health for v in run(PoseFusion(SPREAD, None, patient), regressed, motion)]
    lost = [i for i, health in enumerate(healths) if health is Health.LOST]
    assert 20 < lost[0] < 31  # the consensus is of the new place now
    assert lost == list(range(lost[0], 31))  # until twelve of the last fifteen are


def test_a_standing_robot_is_lost_after_a_while():
    true, _ = drive(1)
    regressed = np.repeat(true, 60, axis=0)
    regressed[40:] = noisy(regressed[40:], 5.0, 1.0)
    fused = run(PoseFusion(SPREAD, None, USUAL), regressed, np.eye(4))
    doubts = [i for i, v in enumerate(fused) if v.health is Health.UNCERTAIN]
    assert (doubts[0], doubts[-1]) == (43, 46)  # half the patience of 1.6 s, and all of it
    assert fused[47].health is Health.LOST
