"""Tests of both nodes in one process: the image crosses DDS once; vlocnet's odometry moves dmn's particles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from robot_stage import Stage
from stage_robot import BASE_T_CAMERA, CAMERA, FIRST, PERIOD, textured
from waiting import wait_until

from deep_localization.node import make_nodes
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.node import DmnNode
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from localization_common.geometry import planar, se3
from localization_common.geometry.odometry_integration import OdometryIntegrator, PlanarOdometry
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.localizer import Localizer as VlocnetLocalizer

FRAMES = 12


@pytest.mark.parametrize("shared", [True, False], ids=["image in process", "image over DDS"])
def test_live_chain_gives_the_poses_of_offline_feeding(stage: Stage, models: Path, shared: bool) -> None:
    vlocnet = stage.start(VlocnetNode, process_all=True)
    options = {"feed": vlocnet.feed} if shared else {}
    remap = ["--ros-args", "-r", "odom:=vlocnet/odometry"]
    dmn = stage.start(
        DmnNode,
        options={"cli_args": remap, **options},
        process_all=True,
        localized_share=1e-9,
        localized_images=1,
        odometry_timeout=30.0,
        tf_mode="none",
    )
    stage.robot.mount_camera()
    assert stage.robot.images.get_subscription_count() == (1 if shared else 2)
    stamps = [stage.robot.send(i, odometry=False) for i in range(FRAMES)]
    stage.robot.await_processed("dmn", stamps[-1], timeout=60.0)
    poses, beliefs = offline(models)
    published = stage.robot.recorder.by_stamp("vlocnet/pose")
    tracked = stage.robot.recorder.by_stamp("dmn/pose")
    assert sorted(published) == sorted(tracked) == stamps
    for i, stamp in enumerate(stamps):
        np.testing.assert_allclose(published[stamp].matrix, poses[i], atol=1e-4)
        np.testing.assert_allclose(planar.from_se3(tracked[stamp].matrix), beliefs[i], atol=1e-4)
    assert vlocnet.monitor.processed == dmn.monitor.processed == FRAMES


def offline(models: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Compute poses and beliefs of the same localizers without DDS."""
    vlocnet = VlocnetLocalizer.from_checkpoint(models / "vlocnet.safetensors")
    config = FilterConfig(max_particles=500, global_particles=500, localized_share=1e-9, localized_images=1)
    dmn = DmnLocalizer.from_files(models / "dmn.safetensors", models / "map.safetensors", filter_config=config)
    integrator, flat = OdometryIntegrator(), PlanarOdometry()
    vlocnet.set_camera(CAMERA)
    dmn.set_camera(CAMERA)
    poses, beliefs = [], []
    for i in range(FRAMES):
        image, stamp = textured(i), FIRST + i * PERIOD
        estimate = vlocnet.step(image, stamp)
        poses.append(estimate.map_T_camera @ se3.inverse(BASE_T_CAMERA))
        sample = integrator.step(stamp, estimate.previous_T_camera, estimate.motion_covariance, BASE_T_CAMERA)
        beliefs.append(dmn.step(image, stamp, flat.step(sample.odom_T_base)).most_likely)
    return poses, beliefs


def test_one_of_the_two_can_fail_without_the_other(stage: Stage) -> None:
    vlocnet = stage.start(VlocnetNode, active=False, checkpoint="/nowhere.safetensors")
    stage.start(DmnNode, options={"feed": vlocnet.feed}, process_all=True)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert not vlocnet.active


def test_the_process_that_hosts_both_has_one_subscription(stage: Stage, models: Path) -> None:
    arguments = [
        "--ros-args", "-r", "odom:=vlocnet/odometry", "-p", "base_frame_id:=base_link",
        "-p", f"vlocnet:checkpoint:={models / 'vlocnet.safetensors'}",
        "-p", f"dmn:checkpoint:={models / 'dmn.safetensors'}",
        "-p", f"dmn:map_path:={models / 'map.safetensors'}",
    ]  # fmt: skip
    vlocnet, dmn = make_nodes(context=stage.context, cli_args=arguments)
    stage.add(vlocnet)
    stage.add(dmn)
    assert wait_until(lambda: vlocnet.active and dmn.active, 30.0)
    assert wait_until(lambda: stage.robot.images.get_subscription_count() == 1)
    assert stage.robot.node.count_subscribers("image") == 1
    stage.robot.mount_camera()
    stamp = stage.robot.send(0, odometry=False)
    stage.robot.await_processed("vlocnet", stamp)
    stage.robot.await_processed("dmn", stamp)
    assert dmn.belief is not None
