"""Parameters of the occupancy grid."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.errors import ConfigError


@dataclass(frozen=True)
class OccupancyConfig:
    """Parameters of the occupancy grid.

    Attributes:
        resolution: side of a cell, metres.
        robot_radius: radius of the robot's footprint, metres; cells under the footprint are free.
        lowest: height above the floor from which on something is an obstacle, metres.
        highest: height of the robot, metres; it passes below everything higher.
        range: largest distance from the camera at which something is used, metres.
        step: smallest motion between two depth images that are used, metres.
        step_degrees: smallest rotation between two depth images that are used, if the motion is smaller.
        floor_error: largest height of a measurement of the floor above or below it, metres.
        point_error: largest standard deviation of the position of a point that is used, metres.
    """

    resolution: float = 0.05
    robot_radius: float = 0.2
    lowest: float = 0.1
    highest: float = 1.0
    range: float = 4.0
    step: float = 0.1
    step_degrees: float = 10.0
    floor_error: float = 0.04
    point_error: float = 0.04

    def __post_init__(self) -> None:
        positive = (self.resolution, self.robot_radius, self.range, self.step, self.step_degrees, self.point_error)
        if min(positive) <= 0.0:
            raise ConfigError(
                f"{self}: resolution, robot_radius, range, step, step_degrees and point_error must be positive"
            )
        if not 0.0 < self.floor_error < self.lowest < self.highest:
            raise ConfigError(f"{self}: 0 < floor_error < lowest < highest is needed")
