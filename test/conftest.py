"""Fixtures and environment variables of all tests."""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np
import pytest

from deep_localization.evaluation.processes import PROFILE_VARIABLES, claim_domain
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence

with contextlib.suppress(ImportError):
    import triton  # noqa: F401 - before Mesa: both contain an LLVM, and torch's import of triton crashes after Mesa's

REPOSITORY = Path(__file__).resolve().parents[1]
IMPORTED_AS = {"protobuf": "google", "rerun-sdk": "rerun"}  # packages whose module has another name

# Libraries read these variables at import or start; the processes of the tests inherit them.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread of torch: tests share the cores with other processes
os.environ.setdefault("MUJOCO_GL", "egl")
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"  # messages refuse values of a wrong type
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
for name in PROFILE_VARIABLES:
    os.environ.setdefault(name, str(REPOSITORY / "config" / "fastdds.xml"))
os.environ.setdefault("ROS_LOG_DIR", str(REPOSITORY / "build" / "test" / "ros_log"))


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    """Make the modules of the tests.

    The plugin of launch_testing, which ROS 2 installs, would import each file under its name without folders: then
    two files with the same name are an error, and a file that skips itself skips its whole folder.
    """
    module: pytest.Module = pytest.Module.from_parent(parent, path=module_path)
    return module


class SkippedWithoutParts:
    """Plugin that skips tests without the extras, or the ROS 2, that they import.

    It is no part of the hooks of this file: pytest does not call them for a folder whose conftest.py fails.
    """

    @pytest.hookimpl(hookwrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        """Skip a file, or the folder of a conftest.py, that imports an extra or a ROS 2 which is not installed."""
        outcome = yield
        report = outcome.get_result()
        if report.failed and (missing := _missing_part(report.call.excinfo.value)):
            report.outcome, report.longrepr = "skipped", (str(collector.path), None, missing)
            report.call.excinfo = _skipped(missing, "collect")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Turn a failure because of a missing extra or ROS 2, in a test or a fixture, into a skip that names it."""
        if call.excinfo is not None and (missing := _missing_part(call.excinfo.value)):
            call.excinfo = _skipped(missing, call.when)


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin of this file."""
    config.pluginmanager.register(SkippedWithoutParts())


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Reserve a ROS domain for the test and set it in the environment; no other test on this computer uses it.

    Skips the test without ROS 2, because processes that the test starts need it.
    """
    importlib.import_module("rclpy")
    domain, claim = claim_domain()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    yield domain
    claim.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the public data sets; tests of real data skip without it."""
    path = Path(os.environ.get("DEEP_LOCALIZATION_DATA", REPOSITORY.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"no data sets at {path}: put them there or name their folder in DEEP_LOCALIZATION_DATA")
    return path


@pytest.fixture(scope="session")
def apartment_drive() -> Sequence:
    """Drive of 32 frames in 3.2 s, part of the simulated robot's held-out drive in the shipped apartment."""
    from localization_sim import drive  # imported here: most tests render nothing
    from localization_sim.rendering import open_apartment

    with open_apartment(0, Camera.from_field_of_view(320, 240, 90.0)) as renderer:
        frames = drive.as_sequence(renderer, drive.plan(renderer, "test", rate=10.0), depth=False, labels=False)
        return drive.in_memory(frames.select(np.arange(20, 52)))


@pytest.fixture(scope="session")
def queries(apartment_drive: Sequence) -> Sequence:
    """Drive of every second frame: 16 frames, 0.2 s apart."""
    return apartment_drive.select(np.arange(1, len(apartment_drive), 2))


@pytest.fixture(scope="session")
def keyframe_map(apartment_drive: Sequence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File with a keyframe map of the frames between the queries."""
    from localization_common.keyframes.building import KeyframeConfig, build, choose

    config = KeyframeConfig(metres=0.02, degrees=2.0)
    mapped = apartment_drive.select(np.arange(0, len(apartment_drive), 2))
    path = tmp_path_factory.mktemp("keyframes") / "apartment.safetensors"
    build(choose([mapped], config, lambda sequence, position: None), config).save(path)
    return path


def _skipped(reason: str, when: Literal["collect", "setup", "call", "teardown"]) -> pytest.ExceptionInfo | None:
    return pytest.CallInfo.from_call(lambda: pytest.skip(reason), when).excinfo


def _extras() -> dict[str, str]:
    """Read the name of each module -> the extra of setup.py that installs it."""
    setup = ast.parse((REPOSITORY / "setup.py").read_text()).body[-1].value  # type: ignore[attr-defined]
    extras = next(ast.literal_eval(keyword.value) for keyword in setup.keywords if keyword.arg == "extras_require")
    names = [(re.split(r"[<>=;\[ ]", line)[0], extra) for extra, lines in reversed(extras.items()) for line in lines]
    return {IMPORTED_AS.get(name, name.replace("-", "_")): extra for name, extra in names}


def _missing_part(error: BaseException | None) -> str:
    """Message with the missing extra, or ROS 2, that is the reason of an error; empty for another reason."""
    while error is not None:
        name = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if extra := EXTRAS.get(name):
            return f"{name} is not installed: python3 -m pip install '.[{extra}]'"
        if name in ROS_PACKAGES and importlib.util.find_spec("rclpy") is None:
            return f"no ROS 2, and thus no {name}: source it, or run the tests in .venv"
        error = error.__cause__
    return ""


def _ros_packages() -> set[str]:
    """Read the names of the dependencies that are packages of ROS 2."""
    root = ElementTree.parse(REPOSITORY / "package.xml").getroot()
    return {element.text or "" for element in root.iter("depend")}


EXTRAS = _extras()
ROS_PACKAGES = _ros_packages()
