from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deep_localization.demo.demo_scoring import start_errors
from deep_localization.evaluation import metrics_summary, offline, scoring
from deep_localization.evaluation.drive_results import Results
from deep_localization.evaluation.localizers import Localizers
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from localization_common.geometry import planar, se3
from vlocnet_ros.config import Tasks, VLocNetConfig
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.localizer import Localizer as VlocnetLocalizer


@pytest.fixture
def localizers(tiny_models) -> Localizers:
    vlocnet = VlocnetLocalizer.from_checkpoint(tiny_models.vlocnet)
    return Localizers(vlocnet, DmnLocalizer.from_files(tiny_models.dmn, tiny_models.map))


def test_every_frame_leaves_every_estimate(drive: Sequence, localizers: Localizers) -> None:
    few = drive.select(np.arange(12))
    done = []
    results = offline.run_offline(few, localizers, progress=lambda n, total: done.append((n, total)))
    stamps = few.stamps.tolist()
    for record in (results.map_T_base, results.odom_T_base, results.labels, results.beliefs, results.latency_ms):
        assert list(record) == stamps
    assert results.frames_in == results.frames_processed == 12
    assert done == [(i, 12) for i in range(1, 13)] * 2
    assert results.labels[stamps[0]].shape == (48, 64)
    np.testing.assert_array_equal(results.odom_T_base[stamps[0]], np.eye(4))


def test_poses_are_of_the_base_and_odometry_chains_the_camera_motions(drive: Sequence, localizers: Localizers) -> None:
    few = drive.select(np.arange(6))
    results = offline.run_offline(few, Localizers(vlocnet=localizers.vlocnet))
    localizers.vlocnet.reset()
    odom_T_camera = few.base_T_camera
    for i, stamp in enumerate(few.stamps.tolist()):
        estimate = localizers.vlocnet.step(few.read_image(i), stamp)
        np.testing.assert_allclose(results.map_T_base[stamp] @ few.base_T_camera, estimate.map_T_camera, atol=1e-9)
        if estimate.previous_T_camera is not None:
            odom_T_camera = odom_T_camera @ estimate.previous_T_camera
        np.testing.assert_allclose(results.odom_T_base[stamp] @ few.base_T_camera, odom_T_camera, atol=1e-9)


def test_a_pause_breaks_the_pair(drive: Sequence, localizers: Localizers) -> None:
    parted = drive.select(np.r_[0:5, 40:45])
    results = offline.run_offline(parted, Localizers(vlocnet=localizers.vlocnet))
    before, after = (results.odom_T_base[int(parted.stamps[i])] for i in (4, 5))
    np.testing.assert_array_equal(before, after)


def test_bad_images_are_skipped_and_counted(drive: Sequence, localizers: Localizers) -> None:
    black = np.zeros((48, 64, 3), dtype=np.uint8)
    spoiled = replace(drive, read_image=lambda i: black if i == 3 else drive.read_image(i)).select(np.arange(8))
    results = offline.run_offline(spoiled, localizers)
    assert results.frames_processed == 7
    assert int(spoiled.stamps[3]) not in results.map_T_base
    assert int(spoiled.stamps[3]) not in results.beliefs
    assert int(spoiled.stamps[4]) in results.beliefs


def test_frames_of_the_particle_filter_alone_are_counted(drive: Sequence, localizers: Localizers) -> None:
    few = drive.select(np.arange(5))
    results = offline.run_offline(few, Localizers(dmn=localizers.dmn), recorded_odometry=True)
    assert results.frames_processed == len(results.beliefs) == 5


def test_recorded_odometry_is_used_with_its_option(drive: Sequence, localizers: Localizers) -> None:
    flat = offline.filter_odometry(drive, Results("offline"), recorded=True)
    np.testing.assert_allclose(flat, planar.from_se3(drive.odom_T_base), atol=1e-9)
    with pytest.raises(ConfigError, match="no odometry was estimated"):
        offline.filter_odometry(drive, Results("offline"), recorded=False)
    with pytest.raises(ConfigError, match="holds no odometry"):
        offline.filter_odometry(replace(drive, odom_T_base=None), Results("offline"), recorded=True)


def test_without_odometry_stream_there_is_no_odometry(drive: Sequence, tiny_models, localizers: Localizers) -> None:
    """Check that there is no odometry, and that particles, which need it, are refused with a reason."""
    few = drive.select(np.arange(6))
    pose_alone = VlocnetLocalizer.from_checkpoint(tiny_models.pose_alone)
    results = offline.run_offline(few, Localizers(vlocnet=pose_alone))
    assert list(results.map_T_base) == list(results.latency_ms) == few.stamps.tolist()
    assert results.odom_T_base == {}
    values = scoring.score(results, few, segment_m=0.2)
    assert values["odometry"] == {"rpe_percent": None, "rpe_deg_per_m": None}
    assert "Odometry" not in metrics_summary.text(values, {})
    both = Localizers(pose_alone, localizers.dmn)
    with pytest.raises(ConfigError, match=r"with an odometry stream, or use the recorded odometry"):
        offline.run_offline(few, both)
    assert len(offline.run_offline(few, both, recorded_odometry=True).beliefs) == 6


def test_the_demonstration_starts_no_particles_without_odometry(drive: Sequence, localizers: Localizers) -> None:
    assert start_errors(3, localizers, Results("live"), drive) is None
    moved = Results("live", odom_T_base=dict(zip(drive.stamps.tolist(), drive.odom_T_base, strict=True)))
    assert start_errors(3, localizers, moved, drive).shape == (3, scoring.HORIZON)


def test_segmentation_alone_has_no_poses(drive: Sequence, tmp_path: Path) -> None:
    config = VLocNetConfig(
        width=64, height=48, stem=4, mids=(2, 4, 4, 4), expansion=2, units=(1, 2, 3, 2), classes=2,
        tasks=Tasks(pose=False, odometry=False, depth=False),
    )  # fmt: skip
    save_vlocnet(tmp_path / "labels.safetensors", VLocNet(config).eval())
    few = drive.select(np.arange(3))
    results = offline.run_offline(few, Localizers(VlocnetLocalizer.from_checkpoint(tmp_path / "labels.safetensors")))
    assert list(results.labels) == few.stamps.tolist()
    assert results.map_T_base == results.odom_T_base == {}


class Oracle:
    """Localizer without a network, whose belief approaches the true pose with each step."""

    def __init__(self, drive: Sequence) -> None:
        self.truth = dict(zip(drive.stamps.tolist(), planar.from_se3(drive.map_T_base), strict=True))
        self.starts: list[int] = []

    def set_camera(self, camera, base_R_camera=None) -> None:
        self.camera = camera

    def reset_uniform(self) -> None:
        self.steps = 0

    def step(self, image, stamp, odom_P_base, proposal=None):
        if self.steps == 0:
            self.starts.append(stamp)
        self.steps += 1
        error = np.array([1.0 / self.steps, 0.0, 0.0])

        class Belief:
            most_likely = self.truth[stamp] + error

        return Belief()


def test_random_starts_measure_each_step_and_keep_clear_of_pauses(drive: Sequence) -> None:
    parted = drive.select(np.r_[0:15, 40:60])
    oracle = Oracle(parted)
    odometry = planar.from_se3(parted.odom_T_base)
    errors = offline.random_starts(oracle, parted, odometry, count=17, seed=1)
    np.testing.assert_allclose(errors, np.broadcast_to(1.0 / np.arange(1, 11), (17, 10)))
    usable = {*parted.stamps[0:6].tolist(), *parted.stamps[15:26].tolist()}
    assert set(oracle.starts) == usable  # each of the 6 + 11 places once
    again = Oracle(parted)
    offline.random_starts(again, parted, odometry, count=17, seed=1)
    assert again.starts == oracle.starts
    with pytest.raises(ConfigError, match="10 frames in a row"):
        offline.random_starts(oracle, drive.select(np.arange(9)), odometry[:9])


def test_base_and_camera_are_not_confused(drive: Sequence) -> None:
    np.testing.assert_allclose(drive.map_T_base[0], np.eye(4), atol=1e-12)
    np.testing.assert_allclose(drive.map_T_base @ drive.base_T_camera, drive.map_T_camera, atol=1e-12)
    assert not np.allclose(se3.inverse(drive.base_T_camera), np.eye(4))
