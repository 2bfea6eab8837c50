"""Tests of evaluate_bag with a keyframe map: refined poses of live nodes and of offline evaluation are equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deep_localization.evaluation import comparison
from deep_localization.evaluation.evaluate_bag import Evaluation, load
from deep_localization.evaluation.live import run_live
from deep_localization.evaluation.node_processes import Models
from deep_localization.evaluation.offline import run_offline
from dmn_ros.filter.filter_config import FilterConfig
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from localization_common.files.shipped_files import shipped
from localization_common.metrics import pose_metrics


@pytest.mark.slow
def test_live_and_offline_poses_are_refined_alike(
    queries: Sequence, keyframe_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "0")  # restored at the end: run_live chooses its own
    write_sequence(queries.select(np.arange(5)), tmp_path / "bag")
    vlocnet = shipped("models/vlocnet_apartment_light.safetensors")
    options = Evaluation(tmp_path / "bag", vlocnet, keyframe_map=keyframe_map)
    truth = open_sequence(options.bag)
    offline = run_offline(truth, load(options.models, 1, FilterConfig()))
    live = run_live(truth, options.models, log_dir=tmp_path / "log")
    stamps = truth.stamps.tolist()
    assert sorted(live.map_T_base) == sorted(offline.map_T_base) == stamps
    difference = comparison.largest_difference(live.map_T_base, offline.map_T_base)
    assert (difference.frames, difference.metres < 1e-4, difference.radians < 1e-4) == (5, True, True)
    poses = np.stack([live.map_T_base[stamp] for stamp in stamps])
    assert pose_metrics.pose_errors(poses, truth.map_T_base).metres.max() < 0.02


def test_a_keyframe_map_needs_a_network_with_poses() -> None:
    with pytest.raises(ConfigError, match="give a checkpoint for vlocnet"):
        Models(dmn=Path("dmn"), map=Path("map"), keyframe_map=Path("keyframes"))
