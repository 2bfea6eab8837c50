"""Parameter files as Nav2 passes them: bare names of nodes, in any namespace; files that are none are refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from deep_localization.params_file import in_namespace, parameters_of, place_in, read_params_file, write_params_file
from localization_common.errors import ConfigError

NAV2 = """
amcl: {ros__parameters: {alpha1: 0.2}}
dmn: {ros__parameters: {place: /maps/kitchen, threads: 1}}
/**/vlocnet: {ros__parameters: {threads: 2}}
"""


def read(tmp_path: Path, text: str) -> dict[str, object]:
    (tmp_path / "params.yaml").write_text(text)
    return read_params_file(str(tmp_path / "params.yaml"))


def test_bare_names_count_in_the_namespace(tmp_path: Path) -> None:
    content = read(tmp_path, NAV2)
    dmn = {"ros__parameters": {"place": "/maps/kitchen", "threads": 1}}
    assert in_namespace(content, "/robot1", ("vlocnet", "dmn")) == {"/robot1/dmn": dmn}
    assert in_namespace(content, "/robot1/", ("vlocnet",)) == {}
    assert in_namespace(content, "", ("vlocnet", "dmn")) == {}


@pytest.mark.parametrize(
    ("text", "namespace", "place"),
    [
        (NAV2, "", "/maps/kitchen"),
        (NAV2, "/robot1", "/maps/kitchen"),
        ("robot1: {dmn: {ros__parameters: {place: /maps/hall}}}", "/robot1", "/maps/hall"),
        ("robot1: {dmn: {ros__parameters: {place: /maps/hall}}}", "/robot2", ""),
        ("/*/vlocnet: {ros__parameters: {place: /maps/hall}}", "/robot1", "/maps/hall"),
        ("/*/vlocnet: {ros__parameters: {place: /maps/hall}}", "", ""),
        ("/**: {ros__parameters: {place: /maps/hall}}", "/fleet/robot1", "/maps/hall"),
        ("some_other_node: {ros__parameters: {place: /maps/hall}}", "", ""),
        ("dmn_of_another: {ros__parameters: {place: /maps/hall}}", "", ""),
        ("dmn: {ros__parameters: {other: {place: /maps/hall}}}", "", ""),
        ("", "", ""),
    ],
)
def test_the_place_is_that_of_vlocnet_or_dmn(tmp_path: Path, text: str, namespace: str, place: str) -> None:
    assert place_in(read(tmp_path, text), namespace) == place


KEYS = (
    "/**", "**", "/**/dmn", "**/dmn", "dmn", "/dmn", "robot1/dmn", "/robot1/dmn", "/robot1/**", "/robot1/*", "/*/dmn",
    "*/dmn", "/*", "*", "/**/*", "/**/robot1/dmn", "/robot1/dmn/**", "/robot1", "/**/vlocnet", "robot10/dmn",
)  # fmt: skip


@pytest.mark.parametrize("namespace", ["", "/robot1", "/fleet/robot1"])
def test_parameters_are_those_that_ros_gives(ros_domain: int, tmp_path: Path, namespace: str) -> None:
    """Give all keys in two files, in opposite orders, to a node of rclpy, too."""
    rclpy = pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    nodes = pytest.importorskip("rclpy.node")
    choice = random.Random(len(namespace))
    for _ in range(10):
        files = [{key: {"ros__parameters": {key.replace("/", "s").replace("*", "w"): index, "p": f"{index} {key}"}}
                  for key in choice.sample(KEYS, 8)} for index in range(3)]  # fmt: skip
        paths = [tmp_path / f"{index}.yaml" for index in range(3)]
        for path, content in zip(paths, files, strict=True):
            path.write_text(yaml.safe_dump(content, sort_keys=False))
        context = rclpy.context.Context()
        words = [word for path in paths for word in ("--params-file", str(path))]
        rclpy.init(args=["--ros-args", *words], context=context, domain_id=ros_domain)
        node = nodes.Node(
            "dmn", namespace=namespace, context=context, automatically_declare_parameters_from_overrides=True
        )
        given = {name: parameter.value for name, parameter in node.get_parameters_by_prefix("").items()}
        node.destroy_node()
        rclpy.try_shutdown(context=context)
        own = {name: given[name] for name in given if name not in ("use_sim_time", "start_type_description_service")}
        assert parameters_of(f"{namespace}/dmn", [read_params_file(str(path)) for path in paths]) == own


def test_substitutions_are_replaced_before_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("dmn: {ros__parameters: $(all)}")
    content = read_params_file(str(tmp_path / "params.yaml"), lambda text: text.replace("$(all)", "{place: /maps/a}"))
    assert place_in(content, "/robot1") == "/maps/a"


def test_a_written_file_is_deleted_with_its_owner() -> None:
    owner = ConfigError()
    path = Path(write_params_file({"/dmn": {"ros__parameters": {"base_frame_id": "1"}}}, owner))
    assert read_params_file(str(path)) == {"/dmn": {"ros__parameters": {"base_frame_id": "1"}}}
    del owner
    assert not path.exists()


@pytest.mark.parametrize("text", ["- a list", "text", "a: [", "\tb: 1"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"params_file .*params\.yaml: "):
        read(tmp_path, text)


def test_without_a_file_there_is_nothing() -> None:
    assert read_params_file("") == {}
    with pytest.raises(ConfigError, match="No such file"):
        read_params_file("/no/such/params.yaml")
