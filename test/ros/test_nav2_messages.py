"""Tests of what dmn has with nav2_msgs only: amcl's service to set the pose, and the cloud of particles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nav2_msgs.srv", reason="nav2_msgs is not installed: make setup, or Nav2, brings it")

from ament_index_python.packages import get_package_share_directory
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav2_msgs.msg import ParticleCloud
from nav2_msgs.srv import SetInitialPose
from robot_stage import Stage
from stage_robot import FIRST
from test_amcl_interface import CERTAIN, drive

from dmn_ros.node import DmnNode
from localization_common.geometry import planar
from localization_common.ros import pose_input
from localization_common.ros.conversions import pose_from_matrix
from localization_common.ros.lifecycle_client import ACTIVATE, CONFIGURE, call
from localization_common.ros.outputs import header

SERVICE = "set_initial_pose"  # relative, as amcl's: it is in the namespace of the node
POSE = np.array([-2.0, 1.0, 0.5])
NEAR = {"atol": 0.15}
#: Hashes that rosidl computes from Nav2's definitions: ends with other hashes do not find each other.
HASHES = {
    "srv/SetInitialPose": "RIHS01_1f818551d505d16d89c8bf9b07121a6408de4408b7889dfda9a0db326c296153",
    "msg/ParticleCloud": "RIHS01_193d8cb88ca2b98cd81ece15342744f054bb398ebfa8f6369914432303f42b11",
}


def pose(frame_id: str = "map", x: float = POSE[0]) -> PoseWithCovarianceStamped:
    message = PoseWithCovarianceStamped(header=header(0, frame_id))
    message.pose.pose = pose_from_matrix(planar.to_se3(POSE))
    message.pose.pose.position.x = x
    message.pose.covariance = (np.eye(6) * 1e-4).ravel()
    return message


def ask(stage: Stage, message: PoseWithCovarianceStamped) -> None:
    """Call the service as Nav2's tools do; it always responds, and its response is empty."""
    client = stage.robot.node.create_client(SetInitialPose, SERVICE)
    assert isinstance(call(client, SetInitialPose.Request(pose=message), 10.0), SetInitialPose.Response)


def published(stage: Stage) -> np.ndarray:
    return planar.from_se3(stage.robot.recorder.of("dmn/pose")[-1].matrix)


@pytest.mark.parametrize("name", HASHES)
def test_the_definitions_are_those_of_nav2(name: str) -> None:
    description = Path(get_package_share_directory("nav2_msgs"), f"{name}.json")
    if not description.exists():
        pytest.skip("this ROS has no type hashes")
    hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(description.read_text())["type_hashes"]}
    assert hashes[f"nav2_msgs/{name}"] == HASHES[name]


def test_the_service_moves_the_belief(stage: Stage) -> None:
    stage.start(DmnNode, **CERTAIN)
    drive(stage, range(2))
    np.testing.assert_allclose(published(stage), [1.1, 0.0, 0.0], **NEAR)
    ask(stage, pose())
    drive(stage, range(2, 3))
    np.testing.assert_allclose(published(stage), POSE, **NEAR)
    assert stage.status_now("dmn").values["relocalizations"] == "1"


def test_the_service_is_accepted_before_the_node_is_active(stage: Stage) -> None:
    stage.start(DmnNode, active=False, autostart=False, **CERTAIN)
    ask(stage, pose())
    assert stage.client("dmn").change(CONFIGURE)
    assert stage.client("dmn").change(ACTIVATE)
    drive(stage, range(1))
    np.testing.assert_allclose(published(stage), POSE, **NEAR)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (pose(x=float("nan")), "initialpose is ignored: pose is not finite"),
        (pose("narnia"), "initialpose is ignored: no transform from narnia"),
        (pose(""), "initialpose is ignored: its header has no frame_id"),
    ],
    ids=["NaN", "foreign frame", "no frame"],
)
def test_a_bad_pose_is_refused_with_a_reason(
    stage: Stage, message: PoseWithCovarianceStamped, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    stage.start(DmnNode, transform_timeout=0.05, **CERTAIN)
    ask(stage, message)
    drive(stage, range(1))
    assert reason in stage.status_now("dmn").message
    assert reason in capfd.readouterr().err
    np.testing.assert_allclose(published(stage), [1.0, 0.0, 0.0], **NEAR)


def test_without_nav2_msgs_there_is_no_service(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_input, "SetInitialPose", None)
    node = stage.start(DmnNode)
    assert not [one for one in node.services if one.service_name == f"/{SERVICE}"]


def test_the_cloud_has_the_particles_with_their_weights(stage: Stage) -> None:
    node = stage.start(DmnNode, **CERTAIN)
    clouds = stage.listen(ParticleCloud, "particle_cloud")
    drive(stage, range(1))
    cloud = clouds.next()
    assert (cloud.header.frame_id, cloud.header.stamp.sec) == ("map", FIRST // 10**9)
    assert len(cloud.particles) == len(node.belief.particles)
    np.testing.assert_allclose([one.weight for one in cloud.particles], node.belief.weights, rtol=1e-6)
    mean = np.mean([[one.pose.position.x, one.pose.position.y] for one in cloud.particles], axis=0)
    np.testing.assert_allclose(mean, [1.0, 0.0], **NEAR)
