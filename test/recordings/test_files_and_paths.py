"""Paths that users write, and maps that a node saves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from robot_stage import Stage
from std_srvs.srv import Trigger

from dmn_ros.map.context_map import ContextMap
from dmn_ros.node import DmnNode


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Home folder for a test, with an empty working directory beside it."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def test_a_map_under_home_is_loaded_and_saved_in_its_place(stage: Stage, models: Path, home: Path) -> None:
    path = home / "maps" / "office.safetensors"
    path.parent.mkdir()
    shutil.copy(models / "map.safetensors", path)
    path.chmod(0o600)
    (home / "today").symlink_to(path)
    before = path.stat().st_ino
    stage.start(DmnNode, map_path="~/today")
    saved = stage.call(Trigger, "dmn/save_map")
    assert saved.success
    assert saved.message == f"{home / 'today'}: 6 views"
    assert path.stat().st_ino != before
    assert path.stat().st_mode & 0o777 == 0o600
    assert (home / "today").is_symlink()
    assert len(ContextMap.load("~/today")) == 6
    assert stage.call(Trigger, "dmn/load_map").success
    assert os.listdir(".") == []


def test_the_installed_map_is_not_overwritten(
    stage: Stage, models: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "install" / "share" / "deep_localization" / "models" / "apartment_map.safetensors"
    installed.parent.mkdir(parents=True)
    shutil.copy(models / "map.safetensors", installed)
    before = installed.read_bytes()
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'install'}{os.pathsep}{prefixes}")
    stage.start(DmnNode, map_path=str(installed))
    refused = stage.call(Trigger, "dmn/save_map")
    assert not refused.success
    assert f"{installed}: lies in" in refused.message
    assert "set saved_map_path to a file of your own, for example ~/.ros/apartment_map.safetensors" in refused.message
    assert installed.read_bytes() == before
    assert os.listdir(installed.parent) == [installed.name]
    assert stage.parameters_set("dmn", saved_map_path="~/.ros/apartment_map.safetensors") == ""
    assert stage.call(Trigger, "dmn/save_map").message == f"{home / '.ros' / 'apartment_map.safetensors'}: 6 views"


def test_a_path_for_a_shell_is_refused_with_its_name(stage: Stage, home: Path) -> None:
    stage.start(DmnNode, saved_map_path="$HOME/map.safetensors")
    refused = stage.call(Trigger, "dmn/save_map")
    assert not refused.success
    assert "parameter saved_map_path is '$HOME/map.safetensors'" in refused.message
    assert os.listdir(".") == []
