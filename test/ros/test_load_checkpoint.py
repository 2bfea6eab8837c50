"""Tests of a checkpoint that is loaded while the node runs."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from robot_stage import Stage
from stage_drive import Drive
from std_srvs.srv import Trigger
from waiting import wait_until

from localization_common.geometry import se3
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.localizer import Localizer

CHECKPOINT = Path(__file__).resolve().parents[2] / "models" / "vlocnet_apartment_light.safetensors"


def test_a_checkpoint_is_loaded_while_frames_go_on_and_the_pose_stays(
    drive: Drive, keyframe_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = drive.start(keyframe_map)
    for i in range(4):
        drive.send(i)
    reading, go = threading.Event(), threading.Event()
    read = node._read_network

    def slowly(path: Path) -> Localizer:
        reading.set()
        assert go.wait(30.0)
        return read(path)

    monkeypatch.setattr(node, "_read_network", slowly)
    assert drive.stage.parameters_set("vlocnet", checkpoint=str(CHECKPOINT)) == ""
    client = drive.stage.robot.node.create_client(Trigger, "vlocnet/load_checkpoint")
    assert client.wait_for_service(10.0)
    future = client.call_async(Trigger.Request())
    assert reading.wait(20.0)
    for i in range(4, 7):
        drive.send(i)  # while the file is read
    assert not future.done()
    go.set()
    assert wait_until(future.done, 60.0)
    assert (future.result().success, future.result().message) == (
        True, f"{CHECKPOINT}: pose, odometry, segmentation, depth",
    )  # fmt: skip
    drive.send(7)
    drive.send(8)
    assert sorted(drive.poses) == list(range(2, 9))
    assert drive.metres_off(list(range(2, 9))).max() < 0.02
    recorder = drive.stage.robot.recorder
    assert recorder.wait_for(lambda: recorder.count("vlocnet/odometry") == 2, 20.0)
    first, second = (recorder.by_stamp("vlocnet/odometry")[drive.stamps[i]] for i in (7, 8))
    moved = se3.inverse(drive.queries.map_T_base[7]) @ drive.queries.map_T_base[8]
    assert np.linalg.norm((se3.inverse(first.matrix) @ second.matrix)[:3, 3] - moved[:3, 3]) < 0.03
    values = drive.stage.status_now("vlocnet").values
    assert (values["streams"], values["refined"]) == ("pose, odometry, segmentation, depth", "yes")


def test_a_checkpoint_that_does_not_fit_is_refused_and_the_old_localizer_goes_on(
    drive: Drive, keyframe_map: Path, tmp_path: Path
) -> None:
    drive.start(keyframe_map)
    for i in range(3):
        drive.send(i)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(CHECKPOINT.read_bytes()[:-1000])
    reasons = {
        str(damaged): "not a complete safetensors file",
        str(CHECKPOINT.with_name("dmn_apartment.safetensors")): "holds a 'dmn', not a 'vlocnet'",
        str(tmp_path / "absent"): "no such file",
        "": "parameter checkpoint is empty, and the place has no network yet",
    }
    for i, (path, reason) in enumerate(reasons.items(), start=3):
        assert drive.stage.parameters_set("vlocnet", checkpoint=path) == ""
        response = drive.stage.call(Trigger, "vlocnet/load_checkpoint")
        assert not response.success
        assert reason in response.message
        drive.send(i)
    assert sorted(drive.poses) == list(range(2, 7))
    assert drive.stage.status_now("vlocnet").values["streams"] == "pose, of the keyframe map"


def test_a_node_that_is_not_configured_loads_no_checkpoint(stage: Stage) -> None:
    stage.start(VlocnetNode, active=False, autostart=False)
    response = stage.call(Trigger, "vlocnet/load_checkpoint")
    assert (response.success, response.message) == (False, "vlocnet is not configured")
