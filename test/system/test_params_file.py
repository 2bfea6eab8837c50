"""Parameter files as Nav2 passes them: bare names of nodes, in any namespace; files that are none are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deep_localization.params_file import in_namespace, place_in, read_params_file
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


def test_the_place_is_found_under_a_namespace(tmp_path: Path) -> None:
    assert place_in(read(tmp_path, NAV2)) == "/maps/kitchen"
    assert place_in(read(tmp_path, "robot1: {dmn: {ros__parameters: {place: /maps/hall}}}")) == "/maps/hall"
    assert place_in(read(tmp_path, "")) == ""


@pytest.mark.parametrize("text", ["- a list", "text", "a: [", "\tb: 1"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"params_file .*params\.yaml: "):
        read(tmp_path, text)


def test_without_a_file_there_is_nothing() -> None:
    assert read_params_file("") == {}
    with pytest.raises(ConfigError, match="No such file"):
        read_params_file("/no/such/params.yaml")
