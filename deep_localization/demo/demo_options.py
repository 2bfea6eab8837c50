"""Options of ``localization_demo``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from deep_localization.evaluation.node_processes import Models
from localization_common.files.shipped_files import shipped


@dataclass(frozen=True)
class Demo:
    """Drive through the simulated apartment with both localizers, and score what they publish.

    Attributes:
        output: folder for metrics.json, report.html, pictures and the logs of the processes.
        vlocnet: vlocnet checkpoint; by default the shipped one.
        dmn: dmn checkpoint; by default the shipped one.
        map: context map of the dmn checkpoint; by default the shipped one.
        keyframe_map: keyframe map for the refinement of vlocnet's poses, such as
            models/apartment_keyframes.safetensors; by default none.
        drive: name of the drive; ``test`` is the held-out loop.
        seed: seed of the apartment; the shipped checkpoints were trained in apartment 0.
        duration: seconds of driving; 0 drives the whole loop.
        starts: number of random frames at which the particle filter starts from a uniform belief; 0 for none.
        width: width of the images, pixels.
        height: height of the images, pixels.
        rate: images per second.
    """

    output: Path = Path("build/demo")
    vlocnet: Path = field(default_factory=lambda: Path("models/vlocnet_apartment_light.safetensors"))
    dmn: Path = field(default_factory=lambda: Path("models/dmn_apartment.safetensors"))
    map: Path = field(default_factory=lambda: Path("models/apartment_map.safetensors"))
    keyframe_map: Path | None = None
    drive: str = "test"
    seed: int = 0
    duration: float = 0.0
    starts: int = 50
    width: int = 320
    height: int = 240
    rate: float = 5.0

    @property
    def models(self) -> Models:
        """Files of the networks and maps; a relative path that does not exist is one of the shipped files."""
        named = (self.vlocnet, self.dmn, self.map, self.keyframe_map)
        return Models(*(path if path is None or path.is_file() else shipped(str(path)) for path in named))

    @property
    def refined(self) -> bool:
        """True if poses are refined."""
        return self.keyframe_map is not None
