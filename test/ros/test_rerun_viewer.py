"""Tests of the node rerun_viewer beside running localizer nodes; they skip where rerun-sdk is not installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from nav_msgs.msg import OccupancyGrid
from rerun_files import rows_of
from robot_stage import Stage, overrides
from std_msgs.msg import Float32
from waiting import wait_until

from deep_localization.viewer.node import RerunViewer
from dmn_ros.node import DmnNode
from localization_common.errors import ConfigError
from localization_common.ros.outputs import LATCHED
from vlocnet_ros.node import VlocnetNode

FRAMES = 3


def start_viewer(stage: Stage, path: Path, **values: object) -> RerunViewer:
    """Start the viewer with a file as its sink."""
    parameters = overrides(show="file", file=str(path), image_rate=100.0, **values)
    viewer = RerunViewer(context=stage.context, parameter_overrides=parameters)
    stage.add(viewer)
    return viewer


def test_viewer_draws_what_the_nodes_publish(stage: Stage, tmp_path: Path) -> None:
    path, robot = tmp_path / "live.rrd", stage.robot
    viewer = start_viewer(stage, path)
    stage.start(VlocnetNode, process_all=True, tf_mode="none")
    stage.start(DmnNode, process_all=True, tf_mode="none", localized_share=1e-9, localized_images=1)
    quality = robot.node.create_publisher(Float32, "vlocnet/quality", 10)
    maps = robot.node.create_publisher(OccupancyGrid, "map", LATCHED)
    assert wait_until(lambda: quality.get_subscription_count() == 1 and maps.get_subscription_count() == 1)
    grid = OccupancyGrid(data=[0, 100, -1, 0, 0, 0])
    grid.info.width, grid.info.height, grid.info.resolution = 3, 2, 0.05
    grid.info.origin.orientation.w = 1.0
    maps.publish(OccupancyGrid(data=[0]))  # its size does not fit: a warning, and the viewer goes on
    robot.mount_camera()
    for index in range(FRAMES):
        quality.publish(Float32(data=0.5))
        stamp = robot.send(index)
        robot.await_processed("vlocnet", stamp)
        robot.await_processed("dmn", stamp)
    maps.publish(grid)
    expected = {
        "map/camera/image": FRAMES, "map/camera/labels": 1, "map/camera": 2,  # intrinsics, pose
        "map/vlocnet/two_sigma": FRAMES, "map/dmn/two_sigma": FRAMES, "map/particles": 1, "map/context_views": 1,
        "map/occupancy_grid": 1, "quality/vlocnet": 2,  # style, value
        "state/vlocnet": 1, "state/dmn": 1,
    }  # fmt: skip

    def missing() -> set[str]:
        viewer.flush()
        rows = rows_of(path)
        return {entity for entity, least in expected.items() if rows[entity] < least}

    wait_until(lambda: not missing(), timeout=40.0)
    assert missing() == set()


def test_a_sink_that_does_not_open_is_refused(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="parameter show is file"):
        start_viewer(stage, tmp_path / "file" / "live.rrd")
