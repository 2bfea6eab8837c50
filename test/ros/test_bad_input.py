"""Tests of bad input: it is refused with a reason, it ends no node, and the next good image is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from robot_stage import Stage
from sensor_msgs.msg import CameraInfo, Image
from stage_robot import CAMERA, FIRST, PERIOD, textured

from dmn_ros.node import DmnNode
from localization_common.camera import Camera
from localization_common.ros.conversions import camera_to_info, image_from_array
from localization_common.ros.outputs import header
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.checkpoint import load_vlocnet, save_vlocnet

HEAD = header(FIRST, "camera_optical_frame")
NODES = [pytest.param(VlocnetNode, id="vlocnet"), pytest.param(DmnNode, id="dmn")]


def good() -> Image:
    return image_from_array(textured(0), "rgb8", HEAD)


def unknown_encoding() -> Image:
    image = good()
    image.encoding = "rgb9"
    return image


def wrong_step() -> Image:
    image = good()
    image.step = CAMERA.width
    return image


def cut_short() -> Image:
    image = good()
    image.data = image.data[: len(image.data) // 2]
    return image


def too_long() -> Image:
    image = good()
    image.data = image.data + image.data
    return image


def empty() -> Image:
    return Image(header=HEAD, encoding="rgb8")


def not_a_number() -> Image:
    intensities = np.full((CAMERA.height, CAMERA.width), 0.5, np.float32)
    intensities[::2] = np.nan
    return image_from_array(intensities, "32FC1", HEAD)


def depth() -> Image:
    return image_from_array(np.full((CAMERA.height, CAMERA.width), 3.0, np.float32), "32FC1", HEAD)


def constant() -> Image:
    return image_from_array(np.full((CAMERA.height, CAMERA.width, 3), 128, np.uint8), "rgb8", HEAD)


def other_size() -> Image:
    return image_from_array(textured(0, Camera.from_field_of_view(80, 60, 90.0)), "rgb8", HEAD)


CASES: list[tuple[Callable[[], Image], str]] = [
    (unknown_encoding, "unknown encoding 'rgb9'"),
    (wrong_step, "step is 160 bytes"),
    (cut_short, "cut short"),
    (too_long, "step or height is wrong"),
    (empty, "image is empty"),
    (not_a_number, "NaN"),
    (depth, "is this depth?"),
    (constant, "nearly constant"),
    (other_size, "image is 80x60, but camera_info has 160x120"),
]


@pytest.mark.parametrize(("make_image", "reason"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_vlocnet_refuses_it_with_a_reason_and_uses_the_next_good_image(
    stage: Stage, make_image: Callable[[], Image], reason: str
) -> None:
    node = stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    refuse_then_accept(stage, node, make_image, reason, 0)


def test_dmn_refuses_each_with_a_reason_and_uses_the_next_good_image(stage: Stage) -> None:
    node = stage.start(DmnNode, process_all=True, localized_share=1e-9, localized_images=1)
    for number, (make_image, reason) in enumerate(CASES):
        refuse_then_accept(stage, node, make_image, reason, 2 * number)


def refuse_then_accept(stage: Stage, node: Any, make_image: Callable[[], Image], reason: str, index: int) -> None:
    """Send a bad image and a good one, and check the diagnostics after each."""
    name, processed = node.get_name(), node.monitor.processed
    image = make_image()
    image.header = header(FIRST + index * PERIOD, "camera_optical_frame")
    stage.robot.await_processed(name, stage.robot.send(index, image))
    assert reason in stage.status_now(name).message
    assert node.monitor.processed == processed
    stamp = stage.robot.send(index + 1)
    stage.robot.await_processed(name, stamp)
    assert stamp in stage.robot.recorder.by_stamp(f"{name}/pose")
    assert reason not in stage.status_now(name).message
    assert node.monitor.processed == processed + 1


def test_a_refused_image_leaves_no_trace_in_the_frame_pair(stage: Stage) -> None:
    """Check that the motion after a bad image is the motion since the last good one."""
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    black = image_from_array(np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8), "rgb8", header(FIRST + PERIOD, "c"))
    stage.robot.await_processed("vlocnet", stage.robot.send(1, black))
    last = stage.robot.send(2)
    stage.robot.await_processed("vlocnet", last)
    moved = stage.robot.recorder.by_stamp("vlocnet/odometry")
    assert sorted(moved) == [FIRST, last]
    assert not np.allclose(moved[last].matrix, np.eye(4), atol=1e-6)


@pytest.mark.parametrize("node_type", NODES)
def test_a_defect_costs_one_frame(stage: Stage, node_type: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that an unexpected exception is on /diagnostics until a frame succeeds."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError("of a defect")

    node = stage.start(node_type, process_all=True)
    stage.robot.mount_camera()
    name = node.get_name()
    with monkeypatch.context() as patch:
        patch.setattr(node, "begin", fail)
        stage.robot.await_processed(name, stage.robot.send(0))
    assert "unexpected: ZeroDivisionError: of a defect" in stage.status_now(name).message
    assert (node.monitor.refused, node.monitor.processed) == (1, 0)
    stage.robot.await_processed(name, stage.robot.send(1))
    assert "unexpected" not in stage.status_now(name).message
    assert (node.monitor.refused, node.monitor.processed) == (1, 1)


def test_without_camera_info_the_image_is_refused(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True, camera_info_timeout=0.1)
    stage.robot.mount_camera()
    stage.robot.images.publish(good())
    stage.robot.await_processed("vlocnet", FIRST)
    assert "no message on /camera_info" in stage.status_now("vlocnet").message


def test_an_uncalibrated_camera_is_refused_until_it_is_calibrated(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True, camera_info_timeout=5.0)
    stage.robot.mount_camera()
    stage.robot.infos.publish(CameraInfo(header=HEAD, width=CAMERA.width, height=CAMERA.height))
    stage.robot.images.publish(good())
    stage.robot.await_processed("vlocnet", FIRST)
    assert "camera_info cannot be used" in stage.status_now("vlocnet").message
    stage.robot.await_processed("vlocnet", stage.robot.send(1))
    assert stage.status_now("vlocnet").level < 2


def test_a_camera_with_a_small_field_of_view_is_refused(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    narrow = Camera.from_field_of_view(CAMERA.width, CAMERA.height, 30.0)
    stage.robot.infos.publish(camera_to_info(narrow, HEAD))
    stage.robot.images.publish(good())
    stage.robot.await_processed("vlocnet", FIRST)
    assert "of the view that the network was trained with" in stage.status_now("vlocnet").message


def test_a_lens_of_62_degrees_is_used_with_a_warning(stage: Stage, models: Path, tmp_path: Path) -> None:
    """Publish images of a depth camera's lens; the network has 90 degrees, and was trained with narrower views, too."""
    trained = load_vlocnet(models / "vlocnet.safetensors")
    path = tmp_path / "trained.safetensors"
    save_vlocnet(path, trained.network, camera=trained.camera, card={"augmentation": {"narrow": 0.1}})
    stage.start(VlocnetNode, process_all=True, checkpoint=str(path))
    stage.robot.mount_camera()
    lens = Camera.from_field_of_view(CAMERA.width, CAMERA.height, 62.0)
    stage.robot.infos.publish(camera_to_info(lens, HEAD))
    stage.robot.images.publish(good())
    stage.robot.await_processed("vlocnet", FIRST)
    assert list(stage.robot.recorder.by_stamp("vlocnet/pose")) == [FIRST]
    status = stage.status_now("vlocnet")
    assert "the camera shows 35% of the network's view" in status.message
    assert status.level == 1


def test_a_missing_transform_is_named_until_it_arrives(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True, transform_timeout=0.1)
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    assert "TF is empty, and base_link -> camera_optical_frame is needed" in stage.status_now("vlocnet").message
    assert stage.robot.recorder.count("vlocnet/pose") == 0
    stage.robot.mount_camera()
    stage.parameters_set("vlocnet", transform_timeout=10.0)
    stamp = stage.robot.send(1)
    stage.robot.await_processed("vlocnet", stamp)
    assert list(stage.robot.recorder.by_stamp("vlocnet/pose")) == [stamp]


def test_an_image_without_a_frame_is_refused_unless_the_parameter_names_it(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    image = image_from_array(textured(0), "rgb8", header(FIRST, ""))
    stage.robot.await_processed("vlocnet", stage.robot.send(0, image))
    assert "camera_frame_id" in stage.status_now("vlocnet").message


def test_an_image_with_the_stamp_of_the_one_before_is_refused(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    stage.robot.send(0)
    stage.robot.send(0, image_from_array(textured(7), "rgb8", HEAD))
    assert stage.robot.recorder.wait_for(lambda: stage.robot.recorder.count("vlocnet/processed") == 2, 10.0)
    assert "same stamp" in stage.status_now("vlocnet").message
    assert stage.robot.recorder.count("vlocnet/odometry") == 1


@pytest.mark.parametrize("make_node", NODES)
def test_a_teleported_camera_ends_nothing(stage: Stage, make_node: Any) -> None:
    """Send an image of another place, and odometry that jumps by a kilometre."""
    node = stage.start(make_node, process_all=True)
    stage.robot.mount_camera()
    for i in range(3):
        stage.robot.await_processed(node.get_name(), stage.robot.send(i))
    upside_down = np.ascontiguousarray(textured(99)[::-1])
    stage.robot.send_odometry(FIRST + 3 * PERIOD, 1000.0)
    image = image_from_array(upside_down, "rgb8", header(FIRST + 3 * PERIOD, "camera_optical_frame"))
    stage.robot.await_processed(node.get_name(), stage.robot.send(3, image, odometry=False))
    stage.robot.await_processed(node.get_name(), stage.robot.send(4))
    assert node.monitor.processed == (5 if make_node is VlocnetNode else 4)  # such odometry is ignored
    assert node.active


def test_odometry_that_is_not_finite_is_ignored(stage: Stage) -> None:
    node = stage.start(DmnNode, process_all=True, odometry_timeout=0.1)
    stage.robot.send_odometry(FIRST, float("nan"))
    stage.robot.await_processed("dmn", stage.robot.send(0, odometry=False))
    assert node.monitor.processed == 0
    stage.robot.await_processed("dmn", stage.robot.send(1))
    assert node.monitor.processed == 1
