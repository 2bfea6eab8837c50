"""Options of ``localization_demo``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from deep_localization.demo.simulated_robot import SimulatedRobot
from deep_localization.evaluation.models import Models
from localization_common.files.shipped_files import shipped


@dataclass(frozen=True)
class Demo(SimulatedRobot):
    """Drive through the simulated apartment with both localizers, and score what they publish.

    The shipped checkpoints were trained in apartment 0.

    Attributes:
        vlocnet: vlocnet checkpoint; by default the shipped one.
        dmn: dmn checkpoint; by default the shipped one.
        map: context map of the dmn checkpoint; by default the shipped one.
        keyframe_map: keyframe map for the refinement of vlocnet's poses, such as
            models/apartment_keyframes.safetensors; by default none.
    """

    vlocnet: Path = field(default_factory=lambda: Path("models/vlocnet_apartment_light.safetensors"))
    dmn: Path = field(default_factory=lambda: Path("models/dmn_apartment.safetensors"))
    map: Path = field(default_factory=lambda: Path("models/apartment_map.safetensors"))
    keyframe_map: Path | None = None

    @property
    def models(self) -> Models:
        """Files of the networks and maps; a relative path that does not exist is one of the shipped files."""
        named = (self.vlocnet, self.dmn, self.map, self.keyframe_map)
        return Models(*(path if path is None or path.is_file() else shipped(str(path)) for path in named))

    @property
    def refined(self) -> bool:
        """True if poses are refined."""
        return self.keyframe_map is not None
