"""Tests of the diagnostics of a node."""

from __future__ import annotations

import numpy as np
import pytest
from robot_stage import Stage
from std_srvs.srv import SetBool, Trigger

from localization_common.ros.diagnostics import diagnostic_status, starvation
from localization_common.ros.lifecycle_client import DEACTIVATE, call
from localization_common.ros.log_limit import LogLimit
from localization_common.ros.monitor import Durations, Level, Monitor, Problem, Rate
from vlocnet_ros.node import VlocnetNode


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rate_of_the_last_seconds() -> None:
    clock = Clock()
    rate = Rate(window=5.0, clock=clock)
    assert (rate.hertz, rate.seconds_since) == (0.0, None)
    for _ in range(100):
        rate.tick()
        clock.now += 0.1
    assert rate.hertz == pytest.approx(10.0)
    assert rate.seconds_since == pytest.approx(0.1)
    clock.now += 6.0
    assert rate.hertz == 0.0


def test_percentiles_of_the_last_durations() -> None:
    durations = Durations(window=100)
    assert np.isnan(durations.percentile(50))
    for value in range(1000):
        durations.add(float(value))
    expected = np.percentile(np.arange(900, 1000), [50, 95])
    assert [durations.percentile(50), durations.percentile(95)] == pytest.approx(expected.tolist())


def test_a_problem_and_its_end_are_logged_once() -> None:
    logged: list[tuple[str, Problem | None]] = []
    clock = Clock()
    monitor = Monitor(lambda key, problem: logged.append((key, problem)), LogLimit(clock=clock))
    for late in range(5):
        monitor.problem("odometry", Level.ERROR, f"odometry ends {late} s before the image")
    assert len(logged) == 1
    monitor.problem("odometry", Level.ERROR, "no odometry")
    assert len(logged) == 2
    clock.now += 2.0
    monitor.solved("odometry")
    monitor.solved("odometry")
    assert logged[2:] == [("odometry", None)]
    assert monitor.problems == {}


def test_status_has_the_worst_level_and_every_text_worst_first() -> None:
    problems = {"a": Problem(Level.WARN, "dim"), "b": Problem(Level.ERROR, "lost")}
    status = diagnostic_status("/node", problems, {"N_eff": "3"})
    assert (status.level, status.message, status.name) == (b"\x02", "lost; dim", "/node")
    assert (status.values[0].key, status.values[0].value) == ("N_eff", "3")
    assert diagnostic_status("/node", {}, {}).level == b"\x00"


def test_without_images_the_reason_is_reported() -> None:
    monitor = Monitor(lambda *_: None)
    assert starvation(monitor, "/image", lambda: "nobody") == "no image on /image yet: nobody"
    monitor.input_rate.tick()
    assert starvation(monitor, "/image", lambda: "nobody") == ""


def test_a_working_node_reports_rates_ages_and_times(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True, tf_mode="none")
    stage.robot.mount_camera()
    stamps = [stage.robot.send(i) for i in range(4)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    status = stage.status_now("vlocnet")
    assert (status.level, status.message) == (0, "working")
    assert status.values["device"] == "cpu"
    assert status.values["frames processed"] == "4"
    for key in ("input rate [Hz]", "output rate [Hz]", "inference p50 [ms]", "inference p95 [ms]", "latency p95 [ms]"):
        assert float(status.values[key]) > 0.0, key
    age = stage.robot.node.get_clock().now().nanoseconds * 1e-9 - stamps[-1] * 1e-9
    assert float(status.values["stamp age [s]"]) == pytest.approx(age, abs=30.0)


def test_a_node_without_images_reports_it(stage: Stage) -> None:
    stage.start(VlocnetNode)
    status = stage.robot.await_status("vlocnet", lambda s: "no image on /image yet" in s.message)
    assert status.level == 2


def test_states_are_reported(stage: Stage) -> None:
    stage.start(VlocnetNode)
    assert stage.status_now("vlocnet").values["state"] == "active"
    assert stage.client("vlocnet").change(DEACTIVATE)
    status = stage.status_now("vlocnet")
    assert (status.level, status.message, status.values["state"]) == (1, "inactive", "inactive")


def test_enable_pauses_and_resumes(stage: Stage) -> None:
    node = stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    client = stage.robot.node.create_client(SetBool, "vlocnet/enable")
    assert call(client, SetBool.Request(data=False)).success
    assert "disabled by service" in stage.status_now("vlocnet").message
    stage.robot.send(0)
    assert call(client, SetBool.Request(data=True)).success
    stage.robot.await_processed("vlocnet", stage.robot.send(1))
    assert node.frames.received == 1


def test_reset_drops_the_frame_pair(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    for i in range(2):
        stage.robot.await_processed("vlocnet", stage.robot.send(i))
    assert stage.call(Trigger, "vlocnet/reset").success
    stage.robot.await_processed("vlocnet", stage.robot.send(2))
    second, third = stage.robot.recorder.of("vlocnet/odometry")[1:]
    np.testing.assert_array_equal(second.matrix, third.matrix)  # a first frame has no motion
