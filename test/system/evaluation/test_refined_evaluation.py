"""Tests of evaluate_bag with a keyframe map: refined poses of live nodes and of offline evaluation are equal."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from deep_localization.evaluation import comparison
from deep_localization.evaluation.evaluate_bag import Evaluation, evaluate, load
from deep_localization.evaluation.live import run_live
from deep_localization.evaluation.models import Models
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


@pytest.mark.slow
def test_a_keyframe_map_alone_localizes_alike_live_and_offline(
    queries: Sequence, keyframe_map: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "0")  # restored at the end: run_live chooses its own
    write_sequence(queries.select(np.arange(8)), tmp_path / "bag")
    options = Evaluation(tmp_path / "bag", keyframe_map=keyframe_map, output=tmp_path / "report", live=True, starts=0)
    result = evaluate(options, command="evaluate_bag")
    assert result.metrics["pose"]["frames"] >= 4  # the first frames agree on a place before a pose is published
    assert result.metrics["pose"]["median_m"] < 0.02
    (difference,) = (text for name, text in result.notes.items() if "the offline pose" in name)
    metres, radians = (float(word) for word in re.findall(r"\d\.\de[+-]\d+", difference))
    assert max(metres, radians) < 1e-4, difference
    assert f"over {result.metrics['pose']['frames']} frames" in difference


def test_neither_network_nor_map_is_refused() -> None:
    with pytest.raises(ConfigError, match="neither a checkpoint nor a keyframe map"):
        Models()
