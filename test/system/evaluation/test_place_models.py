"""Networks and maps of an evaluation in a place: those that are named, else those that the place has."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_places import make_place

from deep_localization.evaluation.evaluate_bag import Evaluation
from deep_localization.evaluation.models import Models
from deep_localization.evaluation.node_processes import commands
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import ConfigError
from localization_common.files.shipped_files import shipped
from localization_common.place.choice import GENERAL_DMN


def models(place: Path, **named: Path) -> Models:
    return Evaluation(Path("bag"), recording=RecordingOptions(place=place), **named).models


def test_files_come_from_the_place_unless_they_are_named(tmp_path: Path) -> None:
    path = make_place(tmp_path / "kitchen").path
    vlocnet, dmn, context_map, keyframes = (
        path / f"{name}.safetensors" for name in ("vlocnet", "dmn", "context_map", "keyframes")
    )
    assert models(path) == Models(None, None, None, keyframes, path)
    assert models(path).nodes == ["vlocnet"]
    assert models(path).without_network
    context_map.touch()
    assert models(path) == Models(None, shipped(GENERAL_DMN), context_map, keyframes, path)
    vlocnet.touch()
    assert models(path) == Models(vlocnet, shipped(GENERAL_DMN), context_map, keyframes, path)
    assert not models(path).without_network
    dmn.touch()
    assert models(path) == Models(vlocnet, dmn, context_map, keyframes, path)
    other = tmp_path / "other.safetensors"
    assert models(path, vlocnet=other, dmn=other) == Models(other, other, context_map, keyframes, path)
    assert models(path, map=other, keyframe_map=other) == Models(vlocnet, dmn, other, other, path)


def test_a_place_without_any_of_them_is_refused(tmp_path: Path) -> None:
    path = make_place(tmp_path / "kitchen").path
    (path / "keyframes.safetensors").unlink()
    with pytest.raises(ConfigError, match="neither a checkpoint nor a keyframe map"):
        models(path)


def test_nodes_get_the_place_and_only_the_files_that_are_elsewhere(tmp_path: Path) -> None:
    path = make_place(tmp_path / "kitchen").path
    (path / "context_map.safetensors").touch()
    other = tmp_path / "other.safetensors"
    started = commands(
        models(path, map=other), process_all=False, recorded_odometry=False, broadcast=True, proposals=True
    )
    vlocnet, dmn = (" ".join(started[name]) for name in ("vlocnet", "dmn"))
    assert f"place:={path}" in vlocnet
    assert f"place:={path}" in dmn
    assert "checkpoint:=" not in vlocnet
    assert "keyframe_map:=" not in vlocnet
    assert f"map_path:={other}" in dmn
    assert f"checkpoint:={shipped(GENERAL_DMN)}" in dmn
    assert "guess:=dmn/pose" in vlocnet
    assert "proposal:=vlocnet/pose" in dmn
    assert "odom:=" not in dmn  # without a network vlocnet publishes no odometry: wheels move the particles
