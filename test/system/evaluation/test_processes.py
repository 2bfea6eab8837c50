from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deep_localization.evaluation.processes import ProcessError, Processes, claim_domain, ros_environment

SLEEP = "import signal, time; print('up', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('up', flush=True); time.sleep(60)"
)


def ended(pid: int) -> bool:
    """Return True if a process has ended, or is a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_until(condition, timeout: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_children_end_with_the_context_also_if_they_ignore_signals(tmp_path: Path) -> None:
    with Processes(tmp_path, os.environ, grace=0.5) as processes:
        processes.start("sleeper", ["-c", SLEEP])
        processes.start("stubborn", ["-c", STUBBORN])
        assert wait_until(lambda: all("up" in (tmp_path / f"{n}.log").read_text() for n in ("sleeper", "stubborn")))
        processes.check()
        pids = processes.pids
    assert all(ended(pid) for pid in pids.values())


def test_a_child_that_fails_is_reported_with_its_log_and_the_others_end(tmp_path: Path) -> None:
    processes = Processes(tmp_path, os.environ, grace=0.5)

    def fail() -> None:
        with processes:
            processes.start("sleeper", ["-c", SLEEP])
            processes.start("broken", ["-c", "raise SystemExit('no such checkpoint')"])
            assert wait_until(lambda: ended(processes.pids["broken"]))
            processes.check()

    with pytest.raises(ProcessError, match=r"broken ended with exit status 1(.|\n)*no such checkpoint"):
        fail()
    assert ended(processes.pids["sleeper"])


def test_children_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, sys, time; from pathlib import Path\n"
        "from deep_localization.evaluation.processes import Processes\n"
        f"p = Processes(Path({str(tmp_path)!r}), os.environ)\n"
        f"p.start('child', ['-c', {SLEEP!r}])\n"
        "print(p.pids['child'], flush=True); time.sleep(60)"
    )
    root = Path(__file__).resolve().parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert not ended(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: ended(child))


def test_environment_isolates_the_nodes(tmp_path: Path) -> None:
    environment = ros_environment(tmp_path / "profile.xml")
    assert 1 < int(environment["ROS_DOMAIN_ID"]) < 102
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert environment["FASTRTPS_DEFAULT_PROFILES_FILE"] == str(tmp_path / "profile.xml")
    assert environment["FASTDDS_DEFAULT_PROFILES_FILE"] == str(tmp_path / "profile.xml")
    assert len({ros_environment(None)["ROS_DOMAIN_ID"] for _ in range(40)}) > 5


def test_no_two_runs_have_the_same_domain() -> None:
    claimed = [claim_domain() for _ in range(60)]
    assert len({domain for domain, _ in claimed}) == 60
    chosen = int(ros_environment(None)["ROS_DOMAIN_ID"])
    assert chosen not in {domain for domain, _ in claimed}
    for _, claim in claimed:
        claim.close()
