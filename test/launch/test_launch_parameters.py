"""Tests of what both launch files give the nodes: the nodes are replaced by a program that prints it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from launched_parameters import Launched, install_printers, launched_parameters

pytest.importorskip("ros2launch", reason="ros2launch is not installed: launch files are tested with ROS 2's own tools")

pytestmark = pytest.mark.timeout(120)
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "nav2" / "nav2_localization.launch.py"
LOCALIZATION = "localization.launch.py"


@pytest.fixture(autouse=True)
def printers(ros_domain: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the printing programs, in a folder without an occupancy grid."""
    install_printers(tmp_path / "install", monkeypatch)
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACES", str(tmp_path))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Folder of a place with an occupancy grid, and without networks."""
    (tmp_path / "kitchen").mkdir()
    (tmp_path / "kitchen" / "occupancy.yaml").touch()
    return tmp_path / "kitchen"


def write(path: Path, **sections: dict[str, Any]) -> Path:
    """Write a parameter file; the names of the nodes are bare, and `everywhere` is /**."""
    keys = {"everywhere": "/**"}
    content = {keys.get(name, name): {"ros__parameters": values} for name, values in sections.items()}
    path.write_text(yaml.safe_dump(content))
    return path


def run(file: str | Path, tmp_path: Path, **arguments: object) -> Launched:
    """Run a launch file; check that it ended without an error."""
    launched = launched_parameters(file, tmp_path / "launch", **arguments)
    assert "Traceback" not in launched.output, launched.output
    assert {"/vlocnet", "/dmn"} <= {f"/{name.rpartition('/')[2]}" for name in launched.parameters}, launched.output
    return launched


def test_the_grid_of_nav2_is_no_context_map(place: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid.yaml"
    grid.touch()
    launched = run(EXAMPLE, tmp_path, place=place, map=grid)
    assert launched.parameters["/map_server"]["yaml_filename"] == str(grid)
    assert "map_path" not in launched.parameters["/dmn"]
    launched = run(LOCALIZATION, place, map=grid, context_map="/context.map")
    assert launched.parameters["/dmn"]["map_path"] == "/context.map"


@pytest.mark.parametrize("given", ["", "vlocnet", "dmn"])
def test_one_node_publishes_amcl_pose(place: Path, tmp_path: Path, given: str) -> None:
    params_file = write(tmp_path / "params.yaml", dmn={"amcl_pose": True})
    arguments = {"amcl_pose": given} if given else {}
    launched = run(EXAMPLE, tmp_path, place=place, params_file=params_file, **arguments)
    publishers = [name for name in ("/vlocnet", "/dmn") if launched.parameters[name].get("amcl_pose")]
    assert publishers == [f"/{given or 'vlocnet'}"]
    assert ("amcl_pose of vlocnet, not of dmn" in launched.output) == (given != "dmn")


def test_two_publishers_of_amcl_pose_are_refused(tmp_path: Path) -> None:
    params_file = write(tmp_path / "params.yaml", everywhere={"amcl_pose": True})
    launched = launched_parameters(LOCALIZATION, tmp_path / "launch", params_file=params_file)
    assert "amcl_pose is true for vlocnet and for dmn; give amcl_pose:=NODE" in launched.output
    assert not launched.parameters


@pytest.mark.parametrize("file", [LOCALIZATION, EXAMPLE, "demo.launch.py"])
def test_the_home_folder_is_found_in_params_file(place: Path, tmp_path: Path, file: str | Path) -> None:
    sections = ("vlocnet", "dmn", "map_server", "apartment_camera", "rerun_viewer")
    write(tmp_path / "params.yaml", **{name: {"threads": 7} for name in sections})
    launched = run(file, tmp_path, place=place, params_file="~/params.yaml", rerun=True)
    assert {name for name, values in launched.parameters.items() if values.get("threads") != 7} <= {
        "/lifecycle_manager_localization"
    }


@pytest.mark.parametrize(
    ("sections", "odom"),
    [
        ({"everywhere": {"place": "$(env PLACES)/kitchen"}}, "/odom"),
        ({"everywhere": {"place": "$(env PLACES)/kitchen"}, "vlocnet": {"checkpoint": "/net"}}, "/vlocnet/odometry"),
        ({"dmn": {"place": "$(env PLACES)/kitchen"}}, "/odom"),
        ({"some_other_node": {"place": "kitchen"}}, "/vlocnet/odometry"),
        ({"everywhere": {"place": "~/trained"}}, "/vlocnet/odometry"),
        ({"everywhere": {"place": "$(env PLACES)/trained"}}, "/vlocnet/odometry"),
    ],
)
def test_the_odometry_is_that_of_vlocnet_if_it_will_have_a_network(
    place: Path, tmp_path: Path, sections: dict[str, dict[str, str]], odom: str
) -> None:
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "vlocnet.safetensors").touch()
    launched = run(LOCALIZATION, tmp_path, params_file=write(tmp_path / "params.yaml", **sections))
    assert launched.odom["/dmn"] == odom
    shipped = launched.parameters["/dmn"].get("map_path", "").endswith("/models/apartment_map.safetensors")
    assert shipped == ("some_other_node" in sections)


def test_a_network_in_params_file_counts_beside_the_argument_of_a_place(place: Path, tmp_path: Path) -> None:
    params_file = write(tmp_path / "params.yaml", vlocnet={"checkpoint": "/net"})
    given = {"namespace": "robot1", "place": place, "params_file": params_file}
    assert run(LOCALIZATION, tmp_path, **given).odom["/robot1/dmn"] == "/robot1/vlocnet/odometry"


def test_arguments_count_more_than_any_key_of_params_file(tmp_path: Path) -> None:
    params_file = tmp_path / "params.yaml"
    params_file.write_text("/dmn: {ros__parameters: {x: 1}}\n/**: {ros__parameters: {base_frame_id: late}}\n")
    launched = run(LOCALIZATION, tmp_path, params_file=params_file, base_frame_id="base_link")
    assert [launched.parameters[name]["base_frame_id"] for name in ("/vlocnet", "/dmn")] == ["base_link"] * 2


@pytest.mark.parametrize("namespace", ["", "robot1"])
@pytest.mark.parametrize(
    ("sections", "grid"),
    [
        ({"vlocnet": {"place": "$(env PLACES)/kitchen"}}, "kitchen/occupancy.yaml"),
        ({"dmn": {"place": "~/kitchen"}, "map_server": {"yaml_filename": ""}}, "kitchen/occupancy.yaml"),
        ({"dmn": {"place": "~/kitchen"}, "map_server": {"yaml_filename": "$(env PLACES)/g.yaml"}}, "g.yaml"),
        ({"everywhere": {"yaml_filename": "$(env PLACES)/g.yaml"}}, "g.yaml"),
    ],
)
def test_the_grid_is_found_by_params_file(
    place: Path, tmp_path: Path, sections: dict[str, dict[str, str]], grid: str, namespace: str
) -> None:
    (tmp_path / "g.yaml").touch()
    params_file = write(tmp_path / "params.yaml", **sections)
    given = {"namespace": namespace} if namespace else {}
    launched = run(EXAMPLE, tmp_path, params_file=params_file, **given)
    server = launched.parameters["/robot1/map_server" if namespace else "/map_server"]
    assert server["yaml_filename"] == str(tmp_path / grid)


def test_without_a_place_the_current_folder_is_none(tmp_path: Path) -> None:
    Path("occupancy.yaml").touch()
    launched = launched_parameters(EXAMPLE, tmp_path / "launch")
    assert "no occupancy grid: give place:=PLACE, or map:=FILE.yaml" in launched.output
    assert not launched.parameters


@pytest.mark.parametrize("namespace", ["", "robot1"])
def test_nav2s_own_nodes_get_replaced_substitutions(place: Path, tmp_path: Path, namespace: str) -> None:
    params_file = tmp_path / "params.yaml"
    manager = "/**/lifecycle_manager_localization: {ros__parameters: {service: $(env PLACES), autostart: false}}"
    params_file.write_text(f"map_server: {{ros__parameters: {{frame_id: $(env PLACES)}}}}\n{manager}\n")
    given = {"namespace": namespace} if namespace else {}
    launched = run(EXAMPLE, tmp_path, place=place, params_file=params_file, **given)
    root = f"/{namespace}" if namespace else ""
    assert launched.parameters[f"{root}/map_server"]["frame_id"] == str(tmp_path)
    managing = launched.parameters[f"{root}/lifecycle_manager_localization"]
    assert [managing["service"], managing["autostart"]] == [str(tmp_path), True]
    assert managing["node_names"] == ["map_server", "vlocnet", "dmn"]


@pytest.mark.parametrize(("spelling", "value"), [("1", True), ("True", True), ("0", False), ("false", False)])
def test_switches_have_the_spellings_of_ros(place: Path, tmp_path: Path, spelling: str, value: bool) -> None:
    switches = ("use_sim_time", "autostart", "initialize_at_saved_pose")
    given = dict.fromkeys((*switches, "use_respawn", "composed", "rviz"), "0") | dict.fromkeys(switches, spelling)
    launched = run(LOCALIZATION, tmp_path, place=place, base_frame_id="1", **given, rerun=0)
    for name in ("/vlocnet", "/dmn"):
        assert [launched.parameters[name][switch] for switch in switches] == [value] * 3
        assert launched.parameters[name]["base_frame_id"] == "1"
    (tmp_path / "nav2").mkdir()
    launched = run(EXAMPLE, tmp_path / "nav2", place=place, use_sim_time=spelling, use_respawn=0)
    assert {values["use_sim_time"] for values in launched.parameters.values()} == {value}


@pytest.mark.parametrize("file", [LOCALIZATION, EXAMPLE])
def test_other_spellings_are_refused(place: Path, tmp_path: Path, file: str | Path) -> None:
    launched = launched_parameters(file, tmp_path / "launch", place=place, use_sim_time="yes")
    assert "use_sim_time:=yes is neither true nor false: give use_sim_time:=true or" in launched.output
    assert not launched.parameters
    assert "Traceback" not in launched.output
