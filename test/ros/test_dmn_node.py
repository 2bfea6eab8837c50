"""Tests of the dmn node with a publishing robot."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from nav_msgs.msg import OccupancyGrid
from robot_stage import Stage
from stage_robot import CAMERA, FIRST, PERIOD, textured
from std_srvs.srv import Empty, Trigger
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray
from waiting import wait_until

from dmn_ros.filter.belief import Belief
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.map.context_map import ContextMap
from dmn_ros.node import DmnNode
from dmn_ros.runtime.checkpoint import load_network, save_network
from dmn_ros.runtime.localizer import Localizer
from dmn_ros.settings import InitialPoseSettings
from localization_common.geometry import planar
from localization_common.ros.outputs import header
from localization_common.ros.transforms import transform_stamped
from localization_sim.rendering import mounted_camera

ALWAYS_LOCALIZED = 1e-9
START = InitialPoseSettings(x=1.0)
#: Parameters of a robot that knows where it starts: its first image is enough for a pose.
AT_START = {"set_initial_pose": True, "initial_pose__x": START.x}


def offline(models: Path, indices: range, proposals: dict[int, PlanarGaussian] | None = None) -> list[Belief]:
    """Compute beliefs of the localizer with the robot's odometry and with proposals, from START."""
    config = FilterConfig(max_particles=500, global_particles=500, localized_share=ALWAYS_LOCALIZED)
    localizer = Localizer.from_files(models / "dmn.safetensors", models / "map.safetensors", filter_config=config)
    localizer.set_camera(CAMERA)
    localizer.reset_gaussian(START.mean, START.covariance)
    return [
        localizer.step(textured(i), FIRST + i * PERIOD, np.array([0.1 * i, 0.0, 0.0]), (proposals or {}).get(i))
        for i in indices
    ]


def test_published_poses_are_those_of_the_localizer(stage: Stage, models: Path) -> None:
    stage.start(DmnNode, process_all=True, localized_share=ALWAYS_LOCALIZED, **AT_START)
    stamps = [stage.robot.send(i) for i in range(8)]
    stage.robot.await_processed("dmn", stamps[-1])
    published = stage.robot.recorder.by_stamp("dmn/pose")
    assert sorted(published) == stamps
    for stamp, belief in zip(stamps, offline(models, range(8)), strict=True):
        np.testing.assert_allclose(planar.from_se3(published[stamp].matrix), belief.most_likely, atol=1e-6)
        off = belief.particles - belief.most_likely
        off[:, 2] = planar.wrap_angle(off[:, 2])
        expected = (off.T * belief.weights) @ off
        np.testing.assert_allclose(published[stamp].covariance[np.ix_((0, 1, 5), (0, 1, 5))], expected, atol=1e-6)


def test_images_of_a_robot_that_has_hardly_moved_are_not_dropped(stage: Stage) -> None:
    """Require a pose for each image that came while the node was busy, as far as the particles only have to move."""
    node = stage.start(DmnNode, update_min_d=0.35, localized_share=ALWAYS_LOCALIZED, **AT_START)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    done = threading.Event()
    node._submit(done.wait)
    stamps = []
    try:
        for i in range(1, 7):  # 0.1 m each: the third is the last that is light
            stamps.append(stage.robot.send(i))
            assert wait_until(lambda: node.frames.received == len(stamps) + 1)
            assert wait_until(lambda: node.odometry.buffer.reaches(stamps[-1]))
    finally:
        done.set()
    stage.robot.await_processed("dmn", stamps[-1])
    published = stage.robot.recorder.by_stamp("dmn/pose")
    assert sorted(published)[1:] == [*stamps[:3], stamps[-1]]
    assert node.frames.dropped == 2


def proposal(stamp: int, x: float, *, variance: float = 0.01) -> PoseWithCovarianceStamped:
    """Make a pose of another localizer on the map's x axis."""
    message = PoseWithCovarianceStamped(header=header(stamp, "map"))
    message.pose.pose.position.x, message.pose.pose.orientation.w = x, 1.0
    message.pose.covariance = (np.eye(6) * variance).ravel()
    return message


def test_proposals_reach_the_filter_moved_on_by_the_odometry(stage: Stage, models: Path) -> None:
    node = stage.start(DmnNode, process_all=True, **AT_START)
    publisher = stage.robot.node.create_publisher(PoseWithCovarianceStamped, "proposal", 10)
    assert wait_until(lambda: publisher.get_subscription_count() == 1)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    publisher.publish(proposal(FIRST, 1.0))
    assert wait_until(lambda: node.pending_proposal is not None)
    stage.robot.await_processed("dmn", stage.robot.send(1))
    assert node.pending_proposal is None
    expected = offline(models, range(2), {1: PlanarGaussian(np.array([1.1, 0.0, 0.0]), np.eye(3) * 0.01)})[-1]
    without = offline(models, range(2), {})[-1]
    assert node.belief is not None
    np.testing.assert_allclose(node.belief.particles, expected.particles, atol=1e-5)
    assert len(np.setdiff1d(expected.particles[:, 0], without.particles[:, 0])) > 10


def test_an_invalid_proposal_is_reported_and_the_next_one_is_used(stage: Stage) -> None:
    node = stage.start(DmnNode, process_all=True)
    publisher = stage.robot.node.create_publisher(PoseWithCovarianceStamped, "proposal", 10)
    assert wait_until(lambda: publisher.get_subscription_count() == 1)
    publisher.publish(proposal(FIRST, 0.0, variance=-1.0))
    assert wait_until(lambda: "proposal" in node.monitor.problems)
    assert "proposal is ignored: " in stage.status_now("dmn").message
    assert node.pending_proposal is None
    publisher.publish(proposal(FIRST, 0.0))
    assert wait_until(lambda: node.pending_proposal is not None)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert "proposal" not in node.monitor.problems


def test_proposals_without_a_covariance_end_nothing(stage: Stage) -> None:
    """Localizers by tags and simulators leave the covariance zero; without noise nothing widens it."""
    node = stage.start(DmnNode, process_all=True, min_noise_d=0.0, min_noise_a=0.0)
    publisher = stage.robot.node.create_publisher(PoseWithCovarianceStamped, "proposal", 10)
    assert wait_until(lambda: publisher.get_subscription_count() == 1)
    for i in range(3):
        publisher.publish(proposal(FIRST, 0.1 * i, variance=0.0))
        assert wait_until(lambda: node.pending_proposal is not None)
        stage.robot.await_processed("dmn", stage.robot.send(i))
    assert (node.monitor.refused, node.monitor.processed) == (0, 3)


def test_no_pose_is_published_until_localized(stage: Stage) -> None:
    stage.start(DmnNode, process_all=True, localized_share=1.0)
    stamps = [stage.robot.send(i) for i in range(3)]
    stage.robot.await_processed("dmn", stamps[-1])
    assert stage.robot.recorder.count("dmn/pose") == 0
    status = stage.robot.await_status("dmn", lambda s: "not localized" in s.message)
    assert status.level == 2
    assert float(status.values["N_eff"]) > 0.0
    assert float(status.values["particle spread [m]"]) > 0.0


def test_images_wait_for_their_odometry_and_it_is_interpolated(stage: Stage, models: Path) -> None:
    stage.start(DmnNode, process_all=True, localized_share=ALWAYS_LOCALIZED, odometry_timeout=20.0, **AT_START)
    stage.robot.send_odometry(FIRST - PERIOD, -0.1)
    stamps = [stage.robot.send(i, odometry=False) for i in range(8)]
    for i in range(0, 9, 2):  # at every second image, and beyond the last
        stage.robot.send_odometry(FIRST + i * PERIOD, 0.1 * i)
    stage.robot.await_processed("dmn", stamps[-1])
    published = stage.robot.recorder.by_stamp("dmn/pose")
    for stamp, belief in zip(stamps, offline(models, range(8)), strict=True):
        np.testing.assert_allclose(planar.from_se3(published[stamp].matrix), belief.most_likely, atol=1e-5)


@pytest.mark.parametrize("silent", [0, 10], ids=["at once", "after a silence"])
def test_odometry_that_starts_again_moves_no_particles_and_is_reported(stage: Stage, silent: int) -> None:
    node = stage.start(DmnNode, process_all=True, odometry_timeout=0.2, **AT_START)
    for i in range(31):
        stage.robot.send_odometry(FIRST + i * PERIOD, 0.1 * i)
    stage.robot.await_processed("dmn", stage.robot.send(30, odometry=False))
    assert node.belief is not None
    before = node.belief.mean
    again = 30 + silent + 1
    for i in range(again, again + 3):
        stage.robot.send_odometry(FIRST + i * PERIOD, 0.0)
    if silent:
        stage.robot.await_processed("dmn", stage.robot.send(35, odometry=False))
        assert "begins" in stage.status_now("dmn").message  # no interpolation across the restart
    stage.robot.await_processed("dmn", stage.robot.send(again + 1, odometry=False))
    assert np.linalg.norm(node.belief.mean[:2] - before[:2]) < 0.3
    assert "started again" in stage.status_now("dmn").message
    assert node.odometry.buffer.restarts == 1


def test_missing_odometry_is_reported(stage: Stage) -> None:
    stage.start(DmnNode, process_all=True, odometry_timeout=0.1)
    stamp = stage.robot.send(0, odometry=False)
    stage.robot.await_processed("dmn", stamp)
    status = stage.robot.await_status("dmn", lambda s: "no odometry on /odom in time" in s.message)
    assert status.level == 2
    stamp = stage.robot.send(1)
    stage.robot.await_processed("dmn", stamp)
    stage.robot.await_status("dmn", lambda s: "odometry" not in s.message)


def test_particles_belief_and_views_are_published_for_subscribers(stage: Stage, models: Path) -> None:
    node = stage.start(DmnNode, process_all=True, published_particles=100, belief_resolution=0.5)
    recorder = stage.also_record({"dmn/particles": PoseArray, "dmn/belief": OccupancyGrid})
    markers = stage.listen(MarkerArray, "dmn/particle_markers")
    views = stage.listen(MarkerArray, "dmn/context_views", latched=True)
    stage.robot.send(0)
    assert recorder.wait_for(lambda: bool(recorder.count("dmn/particles") and recorder.count("dmn/belief")), 20.0)
    particles, grid = recorder.of("dmn/particles")[0], recorder.of("dmn/belief")[0]
    assert particles.frame_id == grid.frame_id == "map"
    assert 50 < len(particles.matrices) <= 100
    assert grid.bounds == (-4.0, -3.0, 4.0, 3.0)
    assert grid.occupancy.shape == (12, 16)
    assert np.nanmax(grid.occupancy) == 1.0
    stroke = markers.next().markers[0]
    assert len(stroke.points) == len(stroke.colors) == 2 * len(particles.matrices)
    arrows = [m for m in views.next().markers if m.action == m.ADD]
    poses = np.array([[m.pose.position.x, m.pose.position.y] for m in arrows])
    np.testing.assert_allclose(poses, ContextMap.load(models / "map.safetensors").poses[:, :2])
    assert node.active


def test_reinitialize_global_localization_spreads_the_particles(stage: Stage) -> None:
    stage.start(DmnNode, process_all=True, set_initial_pose=True, initial_pose__std_d=0.1, initial_pose__std_a=0.1)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    narrow = stage.robot.await_status("dmn", lambda s: "particle spread [m]" in s.values)
    assert float(narrow.values["particle spread [m]"]) < 0.5
    stage.call(Empty, "reinitialize_global_localization")
    stage.robot.await_processed("dmn", stage.robot.send(1))
    stage.robot.await_status("dmn", lambda s: float(s.values.get("particle spread [m]", "0")) > 1.0)


def test_request_nomotion_update_weighs_an_image_of_a_robot_that_stands(stage: Stage) -> None:
    node = stage.start(DmnNode, process_all=True)
    standing = 0.0
    for i in range(2):
        stage.robot.send_odometry(FIRST + i * PERIOD, standing)
        stage.robot.await_processed("dmn", stage.robot.send(i, odometry=False))
    assert not node.belief.observed
    stage.call(Empty, "request_nomotion_update")
    stage.robot.send_odometry(FIRST + 2 * PERIOD, standing)
    stage.robot.await_processed("dmn", stage.robot.send(2, odometry=False))
    assert node.belief.observed


def test_add_context_save_map_and_load_map(stage: Stage, models: Path, tmp_path: Path) -> None:
    saved = tmp_path / "larger.safetensors"
    options = {"localized_share": ALWAYS_LOCALIZED, "saved_map_path": str(saved), **AT_START}
    node = stage.start(DmnNode, process_all=True, **options)
    refused = stage.call(Trigger, "dmn/add_context")
    assert not refused.success
    assert "not localized" in refused.message
    stage.robot.await_processed("dmn", stage.robot.send(0))
    views = len(ContextMap.load(models / "map.safetensors"))
    assert stage.call(Trigger, "dmn/add_context").message == f"{views + 1} views"
    assert stage.call(Trigger, "dmn/save_map").success
    added = ContextMap.load(saved)
    assert len(added) == views + 1
    assert node.belief is not None
    np.testing.assert_allclose(added.covariances[-1], node.belief.pose_covariance)
    assert added.covariances[-1, 0, 0] > 0.0
    assert len(ContextMap.load(models / "map.safetensors")) == views
    reloaded = stage.call(Trigger, "dmn/load_map")
    assert reloaded.success
    assert reloaded.message.endswith(f"{views} views")


def test_a_damaged_map_is_refused_and_the_old_one_stays(stage: Stage, models: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    whole = (models / "map.safetensors").read_bytes()
    path.write_bytes(whole)
    stage.start(DmnNode, process_all=True, map_path=str(path), localized_share=ALWAYS_LOCALIZED, **AT_START)
    path.write_bytes(whole[: len(whole) // 2])
    refused = stage.call(Trigger, "dmn/load_map")
    assert not refused.success
    assert str(path) in refused.message
    stamp = stage.robot.send(0)
    stage.robot.await_processed("dmn", stamp)
    assert list(stage.robot.recorder.by_stamp("dmn/pose")) == [stamp]


def save_with_mount(models: Path, path: Path, mount: tuple[float, float, float]) -> None:
    """Save the map of the models with another mount."""
    replace(ContextMap.load(models / "map.safetensors"), mount=mount).save(path)


def test_a_mount_that_differs_from_the_maps_is_reported(stage: Stage, models: Path, tmp_path: Path) -> None:
    path = tmp_path / "map.safetensors"
    save_with_mount(models, path, (0.2, 0.05, 1.0))
    node = stage.start(DmnNode, process_all=True, map_path=str(path), localized_share=ALWAYS_LOCALIZED)
    stage.robot.mount_camera()
    stage.robot.await_processed("dmn", stage.robot.send(0))
    frames = iter(range(1, 100))

    def noticed() -> bool:  # TF may arrive later
        stage.robot.await_processed("dmn", stage.robot.send(next(frames)))
        return "mount" in node.monitor.problems

    assert wait_until(noticed)
    text = (
        "the camera is at (0.20 m, 0.05 m, 0 deg) on the base, but the map was made by a robot that has it at (0.20 m"
    )
    assert text in stage.status_now("dmn").message
    save_with_mount(models, path, (0.2, 0.05, 0.0))
    assert stage.call(Trigger, "dmn/load_map").success
    stage.robot.await_processed("dmn", stage.robot.send(next(frames)))
    assert "mount" not in node.monitor.problems


def test_services_of_a_node_that_is_not_configured_respond(stage: Stage) -> None:
    stage.start(DmnNode, active=False, autostart=False)
    response = stage.call(Trigger, "dmn/load_map")
    assert not response.success
    assert "not configured" in response.message
    stage.call(Empty, "reinitialize_global_localization")


def test_images_of_a_tilted_camera_are_rotated_upright_by_the_mount_in_tf(
    stage: Stage, models: Path, tmp_path: Path
) -> None:
    """The network accepts partial views: the belief is that of the localizer with the mount, and the share is shown."""
    network, camera, _ = load_network(models / "dmn.safetensors")
    network.config = replace(network.config, partial_views=True)
    save_network(tmp_path / "partial.safetensors", network, camera, {})
    base_T_camera = mounted_camera(tilt=np.radians(20.0))
    mount = transform_stamped("base_link", "camera_optical_frame", base_T_camera, 0)
    node = stage.start(
        DmnNode, checkpoint=str(tmp_path / "partial.safetensors"), process_all=True, localized_share=ALWAYS_LOCALIZED
    )
    stage.robot.static.publish(TFMessage(transforms=[mount]))

    def turned() -> bool:
        number = next(counter)
        stage.robot.await_processed("dmn", stage.robot.send(number))
        return "view" in node.monitor.problems

    counter = itertools.count()
    assert wait_until(turned)
    assert 0.6 < node.localizer.view_share < 0.85
    expected = Localizer.from_files(tmp_path / "partial.safetensors", models / "map.safetensors")
    expected.set_camera(CAMERA, base_T_camera[:3, :3])
    assert node.localizer.view_share == expected.view_share
