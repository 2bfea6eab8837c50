"""Command line of the benchmark of the light."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localization_sim.lights.lighting import STANDARD, TEST_LIGHTS

MODELS = Path("models")


@dataclass(frozen=True)
class LightsConfig:
    """Localize the test drive of apartment 0 in other light.

    Attributes:
        lights: lights to measure (see `apartment_record --light`).
        vlocnet: checkpoint of vlocnet.
        dmn: checkpoint of dmn.
        map: context map of dmn.
        keyframe_map: keyframe map, for the refined poses.
        work: directory for drives and numbers; delete its rows when the code that is measured has changed.
        threads: number of threads of torch and OpenCV.
        json: file for the numbers.
    """

    lights: tuple[str, ...] = (STANDARD, *TEST_LIGHTS)
    vlocnet: Path = MODELS / "vlocnet_apartment_light.safetensors"
    dmn: Path = MODELS / "dmn_apartment.safetensors"
    map: Path = MODELS / "apartment_map.safetensors"
    keyframe_map: Path = MODELS / "apartment_keyframes.safetensors"
    work: Path = Path("build/lights")
    threads: int = 2
    json: Path | None = None
