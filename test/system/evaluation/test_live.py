from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deep_localization.evaluation import comparison
from deep_localization.evaluation.evaluate_bag import Evaluation, evaluate, load
from deep_localization.evaluation.live import run_live
from deep_localization.evaluation.models import Models
from deep_localization.evaluation.offline import run_offline
from deep_localization.evaluation.processes import ProcessError
from dmn_ros.filter.filter_config import FilterConfig
from localization_common.datasets.opening import open_sequence
from localization_common.errors import LocalizationError

# So low that the random network is localized, too, because its poses are compared.
FILTER = FilterConfig(localized_share=1e-6, max_particles=300, min_particles=100)


@pytest.fixture
def models(tiny_models) -> Models:
    return Models(tiny_models.vlocnet, tiny_models.dmn, tiny_models.map)


@pytest.mark.slow
def test_live_nodes_publish_what_offline_feeding_gives(
    short_bag: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "0")  # restored at the end: run_live chooses its own
    truth = open_sequence(short_bag)
    offline = run_offline(truth, load(models, 1, FILTER))
    live = run_live(truth, models, log_dir=tmp_path, filter_config=FILTER)
    stamps = truth.stamps.tolist()
    assert sorted(live.map_T_base) == sorted(live.odom_T_base) == sorted(live.labels) == stamps
    assert sorted(live.planar_T_base) == stamps[1:]  # a lost robot needs a second image
    for mine, theirs, frames in (
        (live.map_T_base, offline.map_T_base, 16),
        (live.odom_T_base, offline.odom_T_base, 16),
        (live.planar_T_base, offline.planar_T_base, 15),
    ):
        difference = comparison.largest_difference(mine, theirs)
        assert difference.frames == frames
        assert difference.metres < 1e-4
        assert difference.radians < 1e-4
    for stamp in stamps:
        np.testing.assert_array_equal(live.labels[stamp], offline.labels[stamp])
        heat, expected = live.beliefs[stamp].density, offline.beliefs[stamp].density
        assert heat is not None
        assert expected is not None
        # Published in hundredths of the heaviest cell.
        np.testing.assert_allclose(heat / heat.max(), expected / expected.max(), atol=0.0051)
    counts = (live.frames_in, live.frames_received, live.frames_processed, live.frames_dropped)
    assert counts == (16, 16, 16, 0)
    assert live.lost_in_transport == 0
    assert min(live.latency_ms.values()) > 0.0
    moved = comparison.largest_difference(
        offline.map_T_base, {s: p + 0.01 * np.eye(4, k=3) for s, p in offline.map_T_base.items()}
    )
    assert moved.metres == pytest.approx(0.01)  # the comparison itself sees a difference


@pytest.mark.slow
def test_a_network_without_odometry_is_evaluated_without_odometry(
    short_bag: Path, tiny_models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that no part waits for odometry, that latencies exist, and that no odometry is scored."""
    monkeypatch.setenv("ROS_DOMAIN_ID", "0")
    options = Evaluation(
        short_bag, tiny_models.pose_alone, output=tmp_path, live=True, train_data=short_bag, segment_m=0.3
    )
    result = evaluate(options, command="evaluate_bag")
    assert result.metrics["pose"]["frames"] == 16
    assert result.metrics["runtime"]["latency_ms_p50"] > 0.0
    assert "dometry" not in result.text()
    assert not (tmp_path / "odometry.tum").exists()


@pytest.mark.slow
def test_a_node_that_cannot_start_ends_the_run_with_its_reason(
    short_bag: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "0")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(models.vlocnet.read_bytes()[:1000])
    with pytest.raises(LocalizationError, match=r"vlocnet.*damaged\.safetensors"):
        run_live(open_sequence(short_bag), replace(models, vlocnet=damaged), log_dir=tmp_path / "log")


def children() -> list[int]:
    """Process ids of this process's children."""
    stats = [path.read_text().rsplit(")", 1) for path in Path("/proc").glob("[0-9]*/stat")]
    return [int(head.split()[0]) for head, tail in stats if int(tail.split()[1]) == os.getpid()]


@pytest.mark.slow
def test_a_node_that_ends_early_ends_the_run(
    short_bag: Path, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "0")
    before = children()
    started: list[int] = []

    def kill_at_third(sent: int, total: int) -> None:
        if sent == 3:
            started.extend(set(children()) - set(before))
            os.kill(started[0], signal.SIGKILL)

    with pytest.raises(ProcessError, match="vlocnet ended with exit status -9"):
        run_live(open_sequence(short_bag), Models(models.vlocnet), log_dir=tmp_path, progress=kill_at_third)
    assert len(started) == 1
    assert set(children()) <= set(before)
