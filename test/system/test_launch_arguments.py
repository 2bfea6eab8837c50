"""Tests of the parameters that follow from the arguments of localization.launch.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from deep_localization.launch_parameters import (
    NODES,
    PARAMETERS,
    amcl_pose_notes,
    check_amcl_pose,
    given_parameters,
    has_network,
)
from deep_localization.params_file import parameters_of
from deep_localization.switches import switch
from localization_common.errors import ConfigError

EMPTY = {**dict.fromkeys(PARAMETERS, ""), "amcl_pose": ""}


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("1", True), ("0", False), ("FALSE", False)]
)
def test_switches_have_the_spellings_of_ros(text: str, value: bool) -> None:
    assert switch("rviz", text) is value


@pytest.mark.parametrize("text", ["", "yes", "on", "2", "none"])
def test_other_spellings_are_refused_with_the_argument(text: str) -> None:
    with pytest.raises(ConfigError, match=f"rviz:={text} is neither true nor false: give rviz:=true or rviz:=false"):
        switch("rviz", text)


def test_arguments_count_more_than_the_file_under_any_key() -> None:
    file = {key: {"ros__parameters": {"place": key}} for key in ("/robot1/dmn", "/**/dmn", "/**")}
    given = EMPTY | {"place": "/maps/a", "context_map": "1", "use_sim_time": "true", "checkpoint": "none"}
    for node in NODES:
        contents = [file, given_parameters(given, "/robot1", NODES)]
        found = parameters_of(f"/robot1/{node}", contents)
        expected = {"vlocnet": {"checkpoint": ""}, "dmn": {"map_path": "1"}}[node]
        assert found == {"place": "/maps/a", "use_sim_time": True, **expected}


def test_one_node_publishes_amcl_pose() -> None:
    file = {"dmn": {"ros__parameters": {"amcl_pose": True}}}
    given = given_parameters(EMPTY | {"amcl_pose": "vlocnet"}, "", NODES)
    parameters = {node: parameters_of(f"/{node}", [file, given]) for node in NODES}
    assert parameters == {"vlocnet": {"amcl_pose": True}, "dmn": {"amcl_pose": False}}
    check_amcl_pose(parameters)
    with pytest.raises(ConfigError, match="amcl_pose is true for vlocnet and for dmn"):
        check_amcl_pose({node: {"amcl_pose": True} for node in NODES})
    for namespace in ("", "/robot1"):
        (note,) = amcl_pose_notes("vlocnet", file, namespace)
        assert note.startswith("amcl_pose of vlocnet, not of dmn")
    assert amcl_pose_notes("dmn", file, "") == amcl_pose_notes("", file, "") == []
    assert given_parameters(EMPTY, "", NODES) == {}


def test_vlocnet_has_a_network_by_its_checkpoint_or_its_place(tmp_path: Path) -> None:
    assert has_network({"checkpoint": "/net"})
    assert not has_network({"checkpoint": "", "place": str(tmp_path)})
    assert not has_network({})
    (tmp_path / "vlocnet.safetensors").touch()
    assert has_network({"checkpoint": "", "place": str(tmp_path)})
