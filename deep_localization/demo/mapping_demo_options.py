"""Options of ``localization_demo_mapping``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deep_localization.demo.simulated_robot import SimulatedRobot
from deep_localization.evaluation.models import Models, models_of


@dataclass(frozen=True)
class MappingDemo(SimulatedRobot):
    """Map an apartment that no network has seen, from drives without true poses, and localize another drive in it.

    Attributes:
        mapping_drives: number of drives that the map is made from (train_00, train_01, ...).
        mapping_duration: seconds of each of them; 0 for all of it.
        dmn: dmn checkpoint; by default the shipped one that needs no training for a place.
    """

    output: Path = Path("build/demo_mapping")
    seed: int = 12
    mapping_drives: int = 1
    mapping_duration: float = 0.0
    dmn: Path | None = None

    @property
    def recordings(self) -> list[Path]:
        """Bags of the mapping drives: images, wheel odometry and mount, no true poses."""
        return [self.output / "drives" / f"train_{i:02d}" for i in range(self.mapping_drives)]

    @property
    def truths(self) -> list[Path]:
        """True poses of the mapping drives (TUM), which only the scoring reads."""
        return [path.with_name(f"{path.name}.tum") for path in self.recordings]

    @property
    def place(self) -> Path:
        """Place that is made from the recordings."""
        return self.output / "place"

    def record_command(self) -> list[str]:
        """Arguments of ``python`` that record the mapping drives."""
        camera = ["--width", str(self.width), "--height", str(self.height), "--rate", str(self.rate)]
        drives = ["--train", str(self.mapping_drives), "--no-val", "--no-test", "--overwrite"]
        content = ["--max-duration", str(self.mapping_duration), "--no-depth", "--no-labels", "--no-truth"]
        where = ["--output", str(self.output / "drives"), "--seed", str(self.seed)]
        return ["-m", "localization_sim.commands.record", *where, *drives, *content, *camera]

    def map_command(self) -> list[str]:
        """Arguments of ``python`` that make the place."""
        words = [str(path) for path in self.recordings]
        if self.dmn is not None:
            words += ["--dmn-checkpoint", str(self.dmn)]
        return ["-m", "deep_localization.place_building.command", *words, "--output", str(self.place)]

    @property
    def models(self) -> Models:
        """Files of the nodes, once the place is made."""
        return models_of(self.place, None, self.dmn, None, None)
