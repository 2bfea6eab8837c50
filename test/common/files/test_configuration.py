"""Configurations to JSON and back; values that do not fit are named."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from localization_common.camera import Camera
from localization_common.errors import ConfigError
from localization_common.files.configuration import from_dict, to_dict


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    stages: tuple[int, ...] = (3, 4, 6, 3)


@dataclass(frozen=True)
class Outer:
    name: str
    width: int = 32
    half: bool = False
    size: tuple[int, int] = (224, 224)
    table: tuple[tuple[str, float], ...] = (("a", 1.0),)
    inner: Inner = field(default_factory=Inner)
    several: tuple[Inner, ...] = ()
    warmup: float | None = None
    mode: Literal["light", "paper"] = "light"
    weights: dict[str, float] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    either: int | str = 1

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError("width must be positive")


FULL = Outer(
    name="x",
    width=8,
    half=True,
    size=(64, 48),
    table=(("a", 2.0), ("b", 3.5)),
    inner=Inner(rate=1e-4, stages=(1, 1)),
    several=(Inner(), Inner(rate=2.0)),
    warmup=3.0,
    mode="paper",
    weights={"pose": 1.5},
    names=["p", "q"],
    either="text",
)


@pytest.mark.parametrize("config", [FULL, Outer("defaults"), Outer("none", warmup=None, either=3)])
def test_round_trip_through_json(config: Outer) -> None:
    assert from_dict(Outer, json.loads(json.dumps(to_dict(config)))) == config


def test_cameras_round_trip() -> None:
    camera = Camera(640, 480, 500.0, 501.0, 320.0, 240.0, "plumb_bob", (0.1, -0.2, 0.0, 0.001))
    assert from_dict(Camera, json.loads(json.dumps(to_dict(camera)))) == camera


def test_absent_fields_keep_their_default() -> None:
    assert from_dict(Outer, {"name": "x", "inner": {"rate": 2}}) == Outer("x", inner=Inner(rate=2.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x", "colour": 1}, "no field.*colour.*newer"),
        ({"name": "x", "inner": {"rat": 1}}, "Inner has no field.*rat"),
        ({}, "name"),
        ({"name": "x", "width": "wide"}, r"Outer\.width.*integer"),
        ({"name": "x", "width": 1.5}, r"Outer\.width.*integer"),
        ({"name": "x", "width": True}, r"Outer\.width.*integer"),
        ({"name": "x", "half": 1}, r"Outer\.half.*bool"),
        ({"name": 3}, r"Outer\.name.*str"),
        ({"name": "x", "width": None}, r"Outer\.width.*integer"),
        ({"name": "x", "size": [1, 2, 3]}, r"Outer\.size.*list of 2"),
        ({"name": "x", "size": 7}, r"Outer\.size.*list"),
        ({"name": "x", "mode": "heavy"}, r"Outer\.mode.*light"),
        ({"name": "x", "inner": 5}, "Inner.*5"),
        ({"name": "x", "several": [{}, {"stages": ["a"]}]}, r"Inner\.stages\[0\]"),
        ({"name": "x", "weights": {"pose": "big"}}, r"weights\['pose'\].*number"),
        ({"name": "x", "warmup": "soon"}, r"warmup.*number"),
        ({"name": "x", "width": 0}, "positive"),
    ],
)
def test_values_that_do_not_fit_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_dict(Outer, values)


def test_a_header_that_is_no_object_is_refused() -> None:
    with pytest.raises(ConfigError, match="Outer: expected an object"):
        from_dict(Outer, [1, 2])  # type: ignore[arg-type]
