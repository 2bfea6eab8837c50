"""Fixtures of all tests, and the environment they run in."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
HIGHEST_DOMAIN = 101  # above, DDS would use ports that Linux hands out to others

# Read by libraries when they are imported or started, and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's threads: tests share their cores with other processes
os.environ.setdefault("MUJOCO_GL", "egl")
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"  # messages refuse values of a wrong type instead of sending garbage
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(REPOSITORY / "config" / "fastdds.xml"))
os.environ.setdefault("ROS_LOG_DIR", str(REPOSITORY / "build" / "test" / "ros_log"))


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A ROS domain of the test's own, set in the environment; no other test on this machine has it meanwhile."""
    domain, claim = _claim_domain()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    yield domain
    claim.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the public data sets; tests of real data skip where it is absent."""
    path = Path(os.environ.get("DEEP_LOCALIZATION_DATA", REPOSITORY.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no data sets at {path}: put them there or name their folder in DEEP_LOCALIZATION_DATA")
    return path


def _claim_domain() -> tuple[int, socket.socket]:
    """Claims a domain by an abstract socket of its name, which the kernel releases even if the process is killed."""
    for domain in random.sample(range(1, HIGHEST_DOMAIN + 1), HIGHEST_DOMAIN):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0deep_localization_test_domain_{domain}")
        except OSError:
            claim.close()
        else:
            return domain, claim
    raise RuntimeError(f"all {HIGHEST_DOMAIN} ROS domains are claimed by tests that run now")
