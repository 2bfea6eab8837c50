"""Set-up refuses before it downloads or writes anything, and names all that is missing at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SETUP = REPOSITORY / "requirements" / "setup.sh"


def run_setup(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run set-up for a virtual environment in a folder, with a home of its own and without a sourced ROS 2."""
    kept = {name: value for name, value in os.environ.items() if name not in ("AMENT_PREFIX_PATH", "ROS_DISTRO")}
    environment = {**kept, "HOME": str(folder), "VENV": str(folder / "venv"), **variables}
    return subprocess.run([SETUP], env=environment, capture_output=True, text=True, timeout=120)


def call(function: str, *arguments: object, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    """Call a function of system.sh in bash."""
    script = f'. {REPOSITORY}/requirements/system.sh; fail() {{ printf "%s\\n" "$@" >&2; exit 1; }}; {function} "$@"'
    bash = shutil.which("bash") or "bash"
    words = [bash, "-euc", script, "bash", *map(str, arguments)]
    return subprocess.run(words, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60)


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """PATH with the commands of a minimal Debian: no compiler, no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "df", "awk", "dirname", "readlink", "uname", "ldconfig"):
        if found := shutil.which(name, path=f"{os.environ['PATH']}:/sbin:/usr/sbin"):
            (folder / name).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TORCH": "cpu", "ROS_WHEELS": "none"}, "TORCH=cpu needs TORCH_INDEX"),
        ({"TORCH": "gpu"}, "TORCH=gpu is neither cpu nor cuda"),
        ({"ROS_WHEELS": "lyrical"}, "ROS_WHEELS=lyrical is none of none, jazzy, kilted"),
        ({"PYTHON": "/bin/true"}, "no Python 3.10 to 3.13 (tried: /bin/true)"),
        ({"PYTHON": "/bin/true", "ROS_WHEELS": "none"}, "no Python 3.10 to 3.14 (tried: /bin/true)"),
    ],
)
def test_a_wrong_variable_is_refused(tmp_path, variables, message):
    done = run_setup(tmp_path, **variables)
    assert done.returncode == 1
    assert f"set-up stopped: {message}" in done.stderr
    assert "type: " in done.stderr
    assert not list(tmp_path.iterdir())


def test_all_missing_packages_are_named_at_once(bare_path):
    done = call("missing_packages", "", "wheels", path=bare_path)
    assert done.returncode == 0, done.stderr
    assert {"python3", "python3-venv", "g++", "python3-dev"} <= set(done.stdout.split())


def test_a_compiler_is_needed_for_wheels_only(bare_path):
    done = call("missing_packages", sys.executable, "sourced", path=bare_path)
    assert done.returncode == 0, done.stderr
    assert "g++" not in done.stdout


def test_a_small_disk_is_refused(tmp_path):
    free = shutil.disk_usage(tmp_path).free // 2**20
    half = free // 2 + 2000  # twice: both folders are on the same disk
    done = call("need_disk", tmp_path / "venv" / "lib", half, tmp_path, half, "")
    assert done.returncode == 1
    assert f"set-up needs {2 * half} MB there" in done.stderr


@pytest.mark.parametrize("share", [0.05, 0.4])
def test_a_disk_without_room_for_the_cache_of_pip_is_enough(tmp_path, share):
    """Three times 0.4 of the free disk is too much, with the cache on the same disk as the libraries."""
    size = int(shutil.disk_usage(tmp_path).free // 2**20 * share)
    done = call('step() { echo "$*"; }; need_disk', tmp_path, size, tmp_path, size, tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert ("none is kept" in done.stdout) == (share > 0.3)
    assert call("need_disk", tmp_path, size, tmp_path, size, "").stdout == ""
