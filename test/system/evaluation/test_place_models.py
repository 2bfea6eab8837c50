"""Networks and maps of an evaluation in a place: those that are named, else those that the place has."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_places import make_place

from deep_localization.evaluation.evaluate_bag import Evaluation
from deep_localization.evaluation.node_processes import Models
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import ConfigError
from localization_common.files.shipped_files import shipped
from localization_common.place.choice import GENERAL_DMN


def models(place: Path, **named: Path) -> Models:
    return Evaluation(Path("bag"), recording=RecordingOptions(place=place), **named).models


def test_files_come_from_the_place_unless_they_are_named(tmp_path: Path) -> None:
    path = make_place(tmp_path / "kitchen").path
    with pytest.raises(ConfigError, match="no checkpoint is given"):
        models(path)
    vlocnet, dmn, context_map, keyframes = (
        path / f"{name}.safetensors" for name in ("vlocnet", "dmn", "context_map", "keyframes")
    )
    context_map.touch()
    assert models(path) == Models(None, shipped(GENERAL_DMN), context_map)
    vlocnet.touch()
    assert models(path) == Models(vlocnet, shipped(GENERAL_DMN), context_map, keyframes)
    dmn.touch()
    assert models(path) == Models(vlocnet, dmn, context_map, keyframes)
    other = tmp_path / "other.safetensors"
    assert models(path, vlocnet=other, dmn=other) == Models(other, other, context_map, keyframes)
    assert models(path, map=other, keyframe_map=other) == Models(vlocnet, dmn, other, other)
