"""Tests of image subscriptions: quality of service, transports, sharing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from robot_stage import Stage
from sensor_msgs.msg import CompressedImage
from stage_robot import CAMERA, FIRST, PERIOD, Robot, textured
from waiting import wait_until

from localization_common.camera import Camera
from localization_common.errors import InputError
from localization_common.ros.camera_feed import Frame
from localization_common.ros.conversions import camera_to_info, image_from_array
from localization_common.ros.outputs import header
from vlocnet_ros.node import VlocnetNode

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT


@pytest.mark.parametrize("reliability", [RELIABLE, BEST_EFFORT], ids=["reliable", "best effort"])
def test_live_cameras_of_either_reliability_are_received(stage: Stage, reliability: ReliabilityPolicy) -> None:
    stage.use_robot(Robot(stage.robot.node, reliability=reliability))
    stage.start(VlocnetNode)
    stage.robot.mount_camera()
    stage.robot.await_processed("vlocnet", stage.robot.send(0))


def test_a_bag_player_that_is_reliable_loses_nothing_to_a_node_that_processes_all(stage: Stage) -> None:
    node = stage.start(VlocnetNode, process_all=True, camera_info_timeout=0.0)
    for i in range(50):
        stage.robot.send(i)
    assert wait_until(lambda: node.frames.received == 50)


def test_a_mismatch_of_reliability_is_reported(stage: Stage) -> None:
    """Check the diagnostics of process_all, which needs a reliable publisher, with a best-effort publisher."""
    qos = QoSProfile(depth=1, reliability=BEST_EFFORT)
    stage.robot.node.destroy_publisher(stage.robot.images)
    unmatched = stage.robot.node.create_publisher(CompressedImage, "image/compressed", qos)
    stage.start_unmatched(VlocnetNode, process_all=True, image_transport="compressed")
    status = stage.robot.await_status("vlocnet", lambda s: "publishes there as best effort" in s.message)
    assert "process_all wants a reliable publisher: set process_all to false" in status.message
    assert unmatched.get_subscription_count() == 0


def test_compressed_images(stage: Stage) -> None:
    stage.robot.node.destroy_publisher(stage.robot.images)
    images = stage.robot.node.create_publisher(CompressedImage, "image/compressed", 10)
    stage.start_unmatched(VlocnetNode, process_all=True, image_transport="compressed")
    assert wait_until(lambda: images.get_subscription_count() == 1)
    stage.robot.mount_camera()
    png = cv2.imencode(".png", textured(0)[..., ::-1])[1].tobytes()
    head = header(FIRST, "camera_optical_frame")
    stage.robot.infos.publish(camera_to_info(CAMERA, head))
    images.publish(CompressedImage(header=head, format="png", data=png))
    stage.robot.await_processed("vlocnet", FIRST)
    assert stage.robot.recorder.count("vlocnet/pose") == 1


def test_a_frame_is_decoded_once() -> None:
    message = image_from_array(textured(0)[..., ::-1].copy(), "bgr8", header(FIRST, "/camera"))
    frame = Frame(message)
    assert (frame.stamp, frame.frame_id) == (FIRST, "camera")
    first = frame.rgb()
    np.testing.assert_array_equal(first, textured(0))
    assert frame.rgb() is first


def test_a_frame_that_cannot_be_decoded_raises_at_every_call() -> None:
    message = image_from_array(textured(0), "rgb8", header(FIRST, "camera"))
    message.encoding = "nonsense"
    frame = Frame(message)
    for _ in range(2):
        with pytest.raises(InputError, match="nonsense"):
            frame.rgb()


def test_a_calibration_in_use_is_kept_when_others_arrive(stage: Stage) -> None:
    """Send a calibration of zeros and that of another camera; both are reported."""
    node = stage.start(VlocnetNode, tf_mode="none")
    stage.robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    head = header(FIRST, "camera_optical_frame")
    other = Camera.from_field_of_view(320, 240, 90.0)
    zeros = camera_to_info(CAMERA, head)
    zeros.k = [0.0] * 9
    infos = ((zeros, "cannot be used"), (camera_to_info(other, head), "is for 320x240"))
    for index, (info, complaint) in enumerate(infos):
        stage.robot.infos.publish(info)
        assert wait_until(lambda complaint=complaint: complaint in node.feed.calibration.complaint)
        stamp = FIRST + (index + 1) * PERIOD
        image = image_from_array(textured(index), "rgb8", header(stamp, "camera_optical_frame"))
        stage.robot.images.publish(image)
        stage.robot.await_processed("vlocnet", stamp)
        message = stage.status_now("vlocnet").message
        assert complaint in message
        assert "the calibration for 160x120, which images use, is kept" in message
    assert node.monitor.processed == 3


def test_another_resolution_is_used_when_the_previous_one_is_not_in_use(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localization_common.ros.camera_calibration.KEPT_FOR", 0.0)
    node = stage.start(VlocnetNode, tf_mode="none")
    stage.robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    other = Camera.from_field_of_view(320, 240, 90.0)
    head = header(FIRST + PERIOD, "camera_optical_frame")
    stage.robot.infos.publish(camera_to_info(other, head))
    assert wait_until(lambda: node.feed.camera(0.0).width == 320)
    stage.robot.images.publish(image_from_array(textured(1, other), "rgb8", head))
    stage.robot.await_processed("vlocnet", FIRST + PERIOD)
    assert node.monitor.processed == 2
