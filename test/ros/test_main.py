"""Tests of the console scripts as processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rcl_interfaces.srv import GetParameters
from robot_stage import Stage

from localization_common.ros import main
from localization_common.ros.lifecycle_client import call

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def start(processes: list[subprocess.Popen[str]], module: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, "--ros-args", *arguments]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env=dict(os.environ), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    processes.append(process)
    return process


def signal_until_end(process: subprocess.Popen[str], ending: signal.Signals) -> str:
    """Send a signal again and again, as Ctrl-C and a launch do, until the process ends; return its output."""
    while True:
        process.send_signal(ending)  # to a process that has ended this does nothing
        try:
            return process.communicate(timeout=0.02)[0]
        except subprocess.TimeoutExpired:
            pass


def test_a_refused_parameter_ends_the_start_with_one_clear_line(
    ros_domain: int, processes: list[subprocess.Popen[str]]
) -> None:
    process = start(processes, "vlocnet_ros.node", "-p", "tf_mode:=sideways")
    output, _ = process.communicate(timeout=120.0)
    assert process.returncode == 2
    assert "cannot start: parameter tf_mode is 'sideways'; it must be one of map_odom, map_base, none" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("module", ["vlocnet_ros.node", "localization_sim.node"])
def test_a_wrong_parameter_of_rclpy_ends_the_start_with_one_clear_line(
    ros_domain: int, processes: list[subprocess.Popen[str]], module: str
) -> None:
    if module == "localization_sim.node":
        pytest.importorskip("mujoco", reason="mujoco is not installed: the simulator draws with it")
    process = start(processes, module, "-p", 'use_sim_time:="true"')
    output, _ = process.communicate(timeout=120.0)
    assert process.returncode == 2, output
    (line,) = (line for line in output.splitlines() if line.startswith("cannot start: "))
    assert "'use_sim_time'" in line
    assert "BOOL" in line
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("given", "modes"),
    [
        ((), ["map_odom", "none"]),
        (("-p", "vlocnet:tf_mode:=none", "-p", "dmn:tf_mode:=map_odom"), ["none", "map_odom"]),
    ],
)
def test_one_node_of_two_in_a_process_broadcasts(
    stage: Stage, processes: list[subprocess.Popen[str]], given: tuple[str, ...], modes: list[str]
) -> None:
    start(processes, "deep_localization.node", "-p", "autostart:=false", *given)
    found = []
    for name in ("vlocnet", "dmn"):
        client = stage.robot.node.create_client(GetParameters, f"{name}/get_parameters")
        found.append(call(client, GetParameters.Request(names=["tf_mode"]), 120.0).values[0].string_value)
    assert found == modes


@pytest.mark.parametrize("library", ["torch", "safetensors"])
def test_a_python_without_torch_ends_the_start_with_one_clear_line(library: str) -> None:
    script = f"import sys; sys.modules['{library}'] = None; from deep_localization.starting import dmn; sys.exit(dmn())"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    remedy = "activate the virtual environment that has it"
    assert (done.returncode, done.stderr) == (2, f"cannot start: {sys.executable} has no {library}: {remedy}\n")


@pytest.mark.parametrize(
    ("module", "names", "ending"),
    [
        ("deep_localization.node", ("vlocnet", "dmn"), signal.SIGINT),
        ("vlocnet_ros.node", ("vlocnet",), signal.SIGTERM),
    ],
)
def test_a_node_works_as_a_process_and_ends_cleanly_at_a_signal(
    stage: Stage,
    models: Path,
    processes: list[subprocess.Popen[str]],
    module: str,
    names: tuple[str, ...],
    ending: signal.Signals,
) -> None:
    arguments = ["-p", "base_frame_id:=base_link", "-p", f"dmn:map_path:={models / 'map.safetensors'}"]
    for name in names:
        arguments += ["-p", f"{name}:checkpoint:={models / name}.safetensors"]
    process = start(processes, module, *arguments)
    for name in names:
        assert stage.client(name).wait_until_active(120.0)
    output = signal_until_end(process, ending)
    assert process.returncode == 0, output
    assert "Traceback" not in output


def test_the_simulated_robot_ends_cleanly_while_it_drives(
    ros_domain: int, processes: list[subprocess.Popen[str]]
) -> None:
    pytest.importorskip("mujoco", reason="mujoco is not installed: the simulator draws with it")
    small = ["-p", "width:=32", "-p", "height:=24", "-p", "rate:=30.0", "-p", "odom_rate:=50.0"]
    process = start(processes, "localization_sim.node", *small)
    assert process.stdout is not None
    assert any("driving 'test'" in line for line in process.stdout)
    output = signal_until_end(process, signal.SIGINT)
    assert process.returncode == 0, output
    assert "Traceback" not in output


@pytest.mark.parametrize("program", ["vlocnet", "dmn", "localization"])
def test_a_program_that_is_still_importing_ends_without_output(
    processes: list[subprocess.Popen[str]], program: str
) -> None:
    call = f"from deep_localization.starting import {program}; {program}()"
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-c", call],
        cwd=REPOSITORY, env=dict(os.environ), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    processes.append(process)
    assert process.stdout is not None
    assert any("rclpy.impl" in line for line in process.stdout), "the imports have not begun"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60.0)
    assert process.returncode == 0
    assert [line for line in output.splitlines() if not line.startswith("import time:")] == []


def test_a_clean_up_that_hangs_does_not_keep_the_process() -> None:
    """Leave a thread behind that never ends: the interpreter waits for it, and ignores SIGINT and SIGTERM."""
    code = (
        "import threading; from localization_common.ros import main; main.LEAVE_WITHIN = 0.5; "
        "threading.Thread(target=threading.Event().wait).start(); main.supervised(lambda: None)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60.0).returncode == -signal.SIGALRM


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    """Restores the handlers that a test replaces."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


def test_a_signal_that_is_pending_when_the_work_ends_is_quiet_too(
    signal_handlers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python runs the old handler of a pending signal at the beginning of `signal.signal`."""
    pending, set_handler = [signal.SIGINT], signal.signal

    def set_after_pending(number: signal.Signals, handler: object) -> object:
        old = signal.getsignal(number)
        if number in pending and old is main._interrupt:
            pending.remove(number)
            main._interrupt(number, None)
        return set_handler(number, handler)  # type: ignore[arg-type]

    monkeypatch.setattr(main, "_in_context", lambda work, arguments: 0)
    monkeypatch.setattr(signal, "signal", set_after_pending)
    assert main.supervised(lambda: None) == 0
    assert pending == []
