"""Tests of the bond between a node and a lifecycle manager as Nav2's."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bond.msg", reason="package bond is not installed: make setup, or Nav2, brings it")

from ament_index_python.packages import get_package_share_directory
from bond.msg import Status
from bond_fixtures import MakeManager, make_manager
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.serialization import serialize_message
from robot_stage import Stage, overrides
from waiting import wait_until

from deep_localization.node import make_nodes
from dmn_ros.node import DmnNode
from localization_common.ros import bond
from localization_common.ros.lifecycle_client import ACTIVATE, CONFIGURE, DEACTIVATE
from localization_common.ros.spinning import spinning
from vlocnet_ros.node import VlocnetNode

__all__ = ["make_manager"]


def managed(stage: Stage, make_node: Any = VlocnetNode, **values: Any) -> Any:
    """Start a node that waits for a manager."""
    return stage.start(make_node, active=False, **{"autostart": False, **values})


def test_the_messages_are_those_of_the_real_package() -> None:
    share = Path(get_package_share_directory("bond"))
    description = share / "msg" / "Status.json"
    if not description.exists():
        pytest.skip("this ROS has no type hashes")
    hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(description.read_text())["type_hashes"]}
    # The hash that rosidl computes from bond_core's definition: ends with other hashes do not hear each other.
    assert hashes["bond/msg/Status"] == "RIHS01_87eaccffa254ffffadc0b61600452e8251740f06c25659a2dbda4927fdb1f70a"


@pytest.mark.parametrize(
    ("make_node", "values"),
    [(VlocnetNode, {}), (DmnNode, {}), (VlocnetNode, {"use_sim_time": True, "bond_heartbeat_period": 0.25})],
    ids=["vlocnet", "dmn", "simulation time that stands still"],
)
def test_a_manager_brings_a_node_up_and_down(
    stage: Stage, make_manager: MakeManager, make_node: Any, values: dict[str, Any]
) -> None:
    node = managed(stage, make_node, **values)
    name = node.get_name()
    manager = make_manager(name)
    assert manager.startup()
    end = manager.bonds[name]
    assert wait_until(lambda: len(end.received) > 3)
    status = end.received[-1][1]
    assert (status.id, status.active) == (name, True)
    assert status.heartbeat_period == pytest.approx(values.get("bond_heartbeat_period", 0.1))
    assert manager.pause()
    assert end.received[-1][1].active is False  # broken by the node, not by silence
    assert manager.resume()
    assert manager.reset()
    assert manager.failures == []
    assert stage.robot.node.count_publishers("bond") == 0


def test_the_bond_holds_while_the_executor_of_both_nodes_is_busy(
    stage: Stage, models: Path, make_manager: MakeManager
) -> None:
    files = {"vlocnet:checkpoint": "vlocnet", "dmn:checkpoint": "dmn", "dmn:map_path": "map"}
    arguments = ["--ros-args", "-p", "autostart:=false"]
    for parameter, file in files.items():
        arguments += ["-p", f"{parameter}:={models / file}.safetensors"]
    nodes = make_nodes(context=stage.context, cli_args=arguments)
    manager = make_manager("vlocnet", "dmn", bond_timeout=2.0)
    with spinning(*nodes) as executor:
        assert manager.startup()
        busy, release = threading.Event(), threading.Event()
        executor.create_task(lambda: (busy.set(), release.wait(30.0)))
        assert busy.wait(10.0)
        assert not manager.failed.wait(3.0)
        release.set()
        assert all(max(end.gaps()) < 1.0 for end in manager.bonds.values())
        assert manager.reset()
    for node in nodes:
        node.destroy_node()
    assert manager.failures == []


@pytest.mark.parametrize("bond_timeout", [0.0, 1.0])
def test_heartbeat_period_zero_opens_no_bond(stage: Stage, make_manager: MakeManager, bond_timeout: float) -> None:
    node = managed(stage, bond_heartbeat_period=0.0)
    manager = make_manager("vlocnet", bond_timeout=bond_timeout)
    assert manager.startup() == (bond_timeout == 0.0)
    assert manager.failures == ([] if bond_timeout == 0.0 else ["server vlocnet was unable to be reached by bond"])
    assert node.active
    assert "/bond" not in {publisher.topic_name for publisher in node.publishers}


def test_a_node_without_the_messages_works_and_reports_it_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bond, "Status", None)
    node = stage.start(VlocnetNode)
    client = stage.client("vlocnet")
    assert client.change(DEACTIVATE)
    assert client.change(ACTIVATE)
    assert node.active
    lines = [line for line in capfd.readouterr().err.splitlines() if "bond" in line]
    assert len(lines) == 1, lines
    assert "bond_timeout to 0.0" in lines[0]


def test_a_node_that_no_manager_answers_ends_its_heartbeats_and_works_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bond, "CONNECT_TIMEOUT", 1.0)
    heard: list[Any] = []
    stage.robot.node.create_subscription(Status, "bond", heard.append, 100)
    node = stage.start(VlocnetNode)
    thread = node._bond._thread
    assert thread.is_alive()
    thread.join(10.0)
    assert not thread.is_alive()
    assert wait_until(lambda: len(heard) > 3)
    assert node.active
    assert "WARN" not in capfd.readouterr().err
    stage.robot.mount_camera()
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    assert stage.client("vlocnet").change(DEACTIVATE)


def test_a_manager_that_ends_is_answered_and_the_node_works_on(stage: Stage, make_manager: MakeManager) -> None:
    node = managed(stage)
    manager = make_manager("vlocnet")
    assert manager.startup()
    manager.stop_watching()
    end = manager.bonds["vlocnet"]
    assert wait_until(lambda: node._bond._state is bond.State.ALIVE)
    end.break_bond()
    assert end.wait_until_broken(2.0)  # by the answer: silence takes longer
    assert wait_until(lambda: not node._bond._thread.is_alive())
    assert node.active


def test_damaged_messages_and_those_of_others_leave_the_bond_alone(stage: Stage, make_manager: MakeManager) -> None:
    node = managed(stage)
    manager = make_manager("vlocnet", bond_timeout=2.0)
    assert manager.startup()
    publisher = stage.robot.node.create_publisher(Status, "bond", 10)
    assert wait_until(lambda: publisher.get_subscription_count() == 2)
    good = serialize_message(Status(id="vlocnet", instance_id="x", active=False))
    publisher.publish(good.replace(b"vlocnet", b"\xff\xfe\xfdcnet"))
    publisher.publish(good[:30])
    publisher.publish(Status(id="amcl", instance_id="y", active=False))
    assert not manager.failed.wait(2.5)
    assert node._bond._thread.is_alive()
    assert max(manager.bonds["vlocnet"].gaps()) < 1.0


def test_the_end_of_a_node_is_noticed_at_once(stage: Stage, make_manager: MakeManager) -> None:
    parameters = overrides(**stage.parameters(VlocnetNode), autostart=False)
    node = VlocnetNode(context=stage.context, parameter_overrides=parameters)
    with spinning(node):
        manager = make_manager("vlocnet", respawn=False)
        assert manager.startup()
        end = manager.bonds["vlocnet"]
    node.destroy_node()
    assert end.received[-1][1].active is False or end.wait_until_broken(1.0)


def test_bondpy_forms_a_bond_and_notices_its_end(stage: Stage) -> None:
    bondpy = pytest.importorskip("bondpy.bondpy", reason="bondpy is not installed")
    managed(stage)
    client = stage.client("vlocnet")
    assert client.change(CONFIGURE)
    assert client.change(ACTIVATE)
    node = Node("lifecycle_manager", context=stage.context)
    end = bondpy.Bond(node, "bond", "vlocnet")
    end.heartbeat_timeout, end.heartbeat_period = 1.0, 0.1
    with spinning(node):
        end.start()
        assert end.wait_until_formed(Duration(seconds=2.0))
        assert not end.wait_until_broken(Duration(seconds=3.0))
        assert client.change(DEACTIVATE)
        assert end.wait_until_broken(Duration(seconds=0.5))
        assert end.sister_died_first  # by a message of the node, not by silence
    end.shutdown()  # not before: it would destroy what the executor waits for
    node.destroy_node()
