"""`~/quality`: high with a pose, and 0 whenever there is none, so that a robot can stop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from robot_stage import Stage
from stage_robot import CAMERA, FIRST, PERIOD
from std_msgs.msg import Float32
from std_srvs.srv import SetBool
from test_amcl_interface import CERTAIN, drive
from waiting import RawListener

from dmn_ros.node import DmnNode
from localization_common.ros.conversions import image_from_array
from localization_common.ros.lifecycle_client import DEACTIVATE, call
from localization_common.ros.outputs import header


def rated(qualities: RawListener, accept: Callable[[float], bool]) -> float:
    """Wait for a quality that ``accept`` accepts."""
    while not accept(quality := qualities.next().data):
        pass
    return quality


@pytest.fixture
def qualities(stage: Stage) -> RawListener:
    """Qualities of a dmn node that has published poses of three frames."""
    stage.start(DmnNode, **CERTAIN)
    listener = stage.listen(Float32, "dmn/quality")
    drive(stage, range(3))
    for _ in range(3):
        assert rated(listener, lambda quality: quality > 0.0) > 0.5
    return listener


def test_a_refused_image_has_no_quality(stage: Stage, qualities: RawListener) -> None:
    black = np.zeros((CAMERA.height, CAMERA.width, 3), dtype=np.uint8)
    image = image_from_array(black, "rgb8", header(FIRST + 3 * PERIOD, "camera_optical_frame"))
    stage.robot.await_processed("dmn", stage.robot.send(3, image))
    assert qualities.next().data == 0.0


def test_a_camera_that_ends_has_no_quality(qualities: RawListener) -> None:
    assert rated(qualities, lambda quality: quality == 0.0) == 0.0


def test_a_node_that_is_disabled_has_no_quality(stage: Stage, qualities: RawListener) -> None:
    client = stage.robot.node.create_client(SetBool, "dmn/enable")
    assert call(client, SetBool.Request(data=False), 10.0).success
    assert qualities.next().data == 0.0


def test_a_node_that_is_deactivated_has_no_quality(stage: Stage, qualities: RawListener) -> None:
    assert stage.client("dmn").change(DEACTIVATE)
    assert qualities.next().data == 0.0
