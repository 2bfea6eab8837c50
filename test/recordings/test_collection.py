"""Collection of the tests on a real ROS 2: with its plugins of pytest, and without the extras of setup.py."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

#: Plugin that imports each file under its name without folders, like launch_testing's plugin.
FOREIGN_PLUGIN = """
import pytest
from _pytest.pathlib import import_path


def pytest_pycollect_makemodule(module_path, parent):
    import_path(module_path, root=None, consider_namespace_packages=False)
    return pytest.Module.from_parent(parent, path=module_path)
"""

#: Collects with that plugin, and again without: what the first run imported need not be imported twice.
TWICE = "import sys, pytest; sys.exit(pytest.main([*sys.argv[1:], '-p', 'foreign']) or pytest.main(sys.argv[1:]))"

ROS_PLUGINS = {
    "launch_testing": "launch_testing.pytest.hooks",
    "launch_ros": "launch_testing_ros_pytest_entrypoint",
    "launch_pytest": "launch_pytest.plugin",
}

#: Modules that rosdep does not install.
NOT_ON_A_ROBOT = (
    "evo google google_crc32c lightning matplotlib mujoco onnx onnxruntime onnxscript plotly plyvel pycolmap "
    "pytorch_lightning rosbags tensorboard timm torchmetrics torchvision tyro"
)
#: colcon reads the output of pytest in lines of at most 64 KiB.
LONGEST_LINE = 10_000
HIDE_EXTRAS = f"""
import sys


class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NOT_ON_A_ROBOT.split()}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Hidden())
"""


def run_pytest(
    *arguments: str, path: Path | None = None, start: tuple[str, ...] = ("-m", "pytest")
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a separate process that finds the modules in a folder before all others."""
    found = [str(folder) for folder in (path, REPOSITORY, os.environ.get("PYTHONPATH")) if folder]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(found)}
    command = [sys.executable, *start, "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=200)


def counts(run: subprocess.CompletedProcess[str]) -> list[int]:
    """Numbers of tests that the runs collected; it is an error if a file could not be collected."""
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    found = re.findall(r"^(\d+) tests collected", run.stdout, re.MULTILINE)
    assert found, run.stdout[-3000:]
    return [int(number) for number in found]


def collected(run: subprocess.CompletedProcess[str]) -> int:
    """Number of tests that its only run collected."""
    (number,) = counts(run)
    return number


def test_a_plugin_that_imports_every_file_by_its_bare_name_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "foreign.py").write_text(FOREIGN_PLUGIN)
    folders = ("test/dmn", "test/sim")  # two files of one name in two folders, and relative imports
    both = (*folders, "test/common/metrics/test_nearest_frames.py", "--collect-only")
    foreign, plain = counts(run_pytest(*both, path=tmp_path, start=("-c", TWICE)))
    assert foreign == plain > 400


@pytest.mark.skipif(not importlib.util.find_spec("launch_testing"), reason="launch_testing is not installed")
def test_the_plugins_of_ros_change_nothing() -> None:
    loaded = {entry.name for entry in entry_points(group="pytest11")}  # by pytest itself, where they are installed
    plugins = [f"-p{module}" for name, module in ROS_PLUGINS.items() if name not in loaded]
    without = [f"-pno:{name}" for name in ROS_PLUGINS]
    assert collected(run_pytest("--collect-only", *plugins)) == collected(run_pytest("--collect-only", *without))


def test_without_extras_all_other_tests_are_collected_and_each_skip_names_a_library(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDE_EXTRAS)
    run = run_pytest("--collect-only", path=tmp_path)
    assert collected(run) > 1000
    longest = max(run.stdout.splitlines(), key=len)
    assert len(longest) < LONGEST_LINE, f"`colcon test` stops at a line as long as {longest[:200]}: give the test an id"
    assert "test/sim/test_rendering.py: mujoco is not installed: python3 -m pip install '.[sim]'" in run.stdout
    skipped = [line for line in run.stdout.splitlines() if line.startswith("SKIPPED")]
    names = {line.split(": ", 1)[1].split()[0] for line in skipped if " is not installed" in line}
    assert names >= {"mujoco", "rosbags", "tyro", "lightning", "evo"}


def test_a_missing_extra_skips_a_test_and_a_missing_module_of_ours_fails_it(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDE_EXTRAS)
    run = run_pytest("test/recordings/extras_missing.py", path=tmp_path)
    assert run.returncode == 1, run.stdout
    assert "3 skipped" in run.stdout
    assert "1 failed" in run.stdout
    assert run.stdout.count("pycolmap is not installed: python3 -m pip install '.[keyframes]'") == 1
