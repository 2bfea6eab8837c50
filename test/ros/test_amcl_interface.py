"""Interface that Nav2's tools expect of a localizer: amcl_pose, quality, map->odom without jumps, a kept pose."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseWithCovarianceStamped
from made_places import make_place
from robot_stage import Stage
from stage_robot import BASE_T_CAMERA, FIRST, PERIOD, SECOND
from std_msgs.msg import Float32
from std_srvs.srv import Empty

from dmn_ros.node import DmnNode
from localization_common.errors import MapError
from localization_common.geometry import planar, se3
from localization_common.place import Place
from localization_common.place.saved_pose import SavedPose, pose_file, read_saved_pose
from localization_common.ros.lifecycle_client import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE
from vlocnet_ros.node import VlocnetNode

#: A dmn node that publishes each pose and keeps its belief where it was set: images count almost nothing.
CERTAIN: dict[str, Any] = {
    "process_all": True, "localized_share": 1e-9, "localized_images": 1, "localized_fit": -100.0,
    "likelihood_exponent": 1e-6, "set_initial_pose": True, "initial_pose__x": 1.0,
    "initial_pose__std_d": 0.01, "initial_pose__std_a": 0.01, "min_noise_d": 0.0, "min_noise_a": 0.0,
}  # fmt: skip


def place_with(models: Path, path: Path) -> Place:
    """Place with the tiny networks and the context map."""
    place = make_place(path)
    for part, name in (("vlocnet", "vlocnet"), ("dmn", "dmn"), ("context_map", "map"), ("keyframes", "keyframes")):
        shutil.copy(models / f"{name}.safetensors", path / f"{part}.safetensors")
    return place


def drive(stage: Stage, frames: range) -> None:
    """Send frames with odometry and its TF."""
    for i in frames:
        odom_T_base = planar.to_se3(np.array([0.1 * i, 0.0, 0.0]))
        stage.robot.send_transform("odom", "base_link", odom_T_base, FIRST + i * PERIOD)
        stage.robot.await_processed("dmn", stage.robot.send(i))


def test_amcl_pose_and_quality(stage: Stage) -> None:
    stage.start(DmnNode, amcl_pose=True, **CERTAIN)
    recorder = stage.also_record({"amcl_pose": PoseWithCovarianceStamped})
    qualities = stage.listen(Float32, "dmn/quality")
    drive(stage, range(4))
    own = stage.robot.recorder.of("dmn/pose")
    assert recorder.wait_for(lambda: recorder.count("amcl_pose") == len(own) == 4, 10.0)
    for one, other in zip(own, recorder.of("amcl_pose"), strict=True):
        np.testing.assert_array_equal(one.matrix, other.matrix)
    rated = [qualities.next().data for _ in own]
    assert all(0.5 < quality <= 1.0 for quality in rated if quality > 0.0)
    assert any(rated)


def test_quality_is_zero_without_a_pose(stage: Stage) -> None:
    stage.start(DmnNode, process_all=True)  # it may be anywhere
    qualities = stage.listen(Float32, "dmn/quality")
    drive(stage, range(1))
    assert qualities.next().data == 0.0
    assert stage.robot.recorder.count("dmn/pose") == 0


def test_a_pose_that_a_user_sets_jumps_once_and_is_reported(stage: Stage) -> None:
    stage.start(DmnNode, **CERTAIN)
    drive(stage, range(3))
    assert stage.status_now("dmn").values["relocalizations"] == "0"
    stage.robot.send_initial_pose(planar.to_se3(np.array([2.5, 0.0, 0.0])))
    drive(stage, range(3, 6))
    status = stage.status_now("dmn")
    assert "relocalized: map -> odom jumps by 1.2" in status.message
    assert status.values["relocalizations"] == "1"
    sent = [t.matrix[0, 3] for t in stage.robot.transforms_of("map")]
    assert len(sent) == 6
    assert sorted(np.abs(np.diff(sent)))[-1] > 1.0
    assert sorted(np.abs(np.diff(sent)))[-2] <= 0.1 * PERIOD / SECOND + 1e-6


def test_a_correction_while_driving_is_spread(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the parameter with a pose that is off by 0.3 m from one frame on."""
    node = stage.start(DmnNode, max_correction_speed=0.25, **CERTAIN)
    drive(stage, range(3))
    broadcast = node.broadcast
    off = se3.exp(np.array([0.0, 0.3, 0.0, 0.0, 0.0, 0.0]))
    monkeypatch.setattr(node, "broadcast", lambda pose, stamp: broadcast(off @ pose, stamp))
    drive(stage, range(3, 12))
    y = np.array([t.matrix[1, 3] for t in stage.robot.transforms_of("map")])
    steps = np.diff(y[2:])
    np.testing.assert_allclose(steps[:5], 0.25 * PERIOD / SECOND, rtol=0.1)
    assert y[-1] - y[2] == pytest.approx(0.3, abs=0.03)


def test_the_last_pose_is_kept_over_a_restart(stage: Stage, models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen")
    given = {"place": str(place.path), "checkpoint": "", "map_path": "", **CERTAIN}
    stage.start(DmnNode, **given)
    drive(stage, range(8))
    last = stage.robot.recorder.of("dmn/pose")[-1].matrix
    client = stage.client("dmn")
    assert client.change(DEACTIVATE)
    saved = read_saved_pose(pose_file(place, "/dmn"), place)
    assert saved is not None
    np.testing.assert_allclose(saved.map_T_base, last, atol=1e-6)
    assert client.change(CLEANUP)
    assert stage.parameters_set("dmn", initialize_at_saved_pose=True, set_initial_pose=False) == ""
    assert client.change(CONFIGURE)
    assert client.change(ACTIVATE)
    stage.robot.await_processed("dmn", stage.robot.send(8))
    found = stage.robot.recorder.of("dmn/pose")[-1].matrix
    assert np.linalg.norm(found[:3, 3] - last[:3, 3]) < 0.2


@pytest.mark.parametrize(
    "content",
    ["", "{}", '{"position": [NaN]}', "[" * 100_000, '{"map_id": "other"}'],
    ids=["empty", "without fields", "NaN", "nested deeply", "of another place"],  # a long id stops `colcon test`
)
def test_a_saved_pose_that_cannot_be_used_is_left_out(stage: Stage, models: Path, tmp_path: Path, content: str) -> None:
    place = place_with(models, tmp_path / "kitchen")
    pose_file(place, "/dmn").write_text(content)
    given = {"place": str(place.path), "checkpoint": "", "map_path": "", "initialize_at_saved_pose": True}
    node = stage.start(DmnNode, process_all=True, **given)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert len(node.belief.particles) == 500  # anywhere
    assert node.belief.spread > 0.5


def test_a_pose_of_another_map_frame_is_not_used(models: Path, tmp_path: Path) -> None:
    place = place_with(models, tmp_path / "kitchen")
    path = pose_file(place, "/robot1/dmn")
    assert path.name == "kitchen.robot1.dmn.pose.json"
    assert read_saved_pose(path, place) is None
    SavedPose.of(place, "map", 1, BASE_T_CAMERA, np.eye(6)).write(path)
    read = read_saved_pose(path, place)
    assert read is not None
    np.testing.assert_allclose(read.map_T_base, BASE_T_CAMERA, atol=1e-12)
    shutil.rmtree(place.path)
    with pytest.raises(MapError, match="another map frame"):
        read_saved_pose(path, place_with(models, tmp_path / "kitchen"))


def test_vlocnet_publishes_both_and_searches_its_map_at_the_saved_pose(
    stage: Stage, models: Path, tmp_path: Path
) -> None:
    place = place_with(models, tmp_path / "kitchen")
    SavedPose.of(place, "map", 1, np.eye(4), np.eye(6)).write(pose_file(place, "/vlocnet"))
    given = {"place": str(place.path), "checkpoint": "", "initialize_at_saved_pose": True}
    node = stage.start(VlocnetNode, process_all=True, amcl_pose=True, **given)
    assert node._guess.pending is not None
    recorder = stage.also_record({"amcl_pose": PoseWithCovarianceStamped})
    qualities = stage.listen(Float32, "vlocnet/quality")
    stage.robot.mount_camera()
    stamps = [stage.robot.send(i) for i in range(3)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    assert node._guess.pending is None
    poses = stage.robot.recorder.count("vlocnet/pose")
    assert recorder.wait_for(lambda: recorder.count("amcl_pose") == poses, 10.0)
    assert sum(qualities.next().data > 0.0 for _ in stamps) == poses


def test_the_belief_starts_anew_on_request(stage: Stage) -> None:
    stage.start(DmnNode, **CERTAIN)
    drive(stage, range(2))
    stage.call(Empty, "reinitialize_global_localization")
    drive(stage, range(2, 4))
    assert stage.status_now("dmn").values["relocalizations"] == "1"
