"""Occupancy grid of a mapped place: driven cells are free, seen obstacles occupied, cells whose floor was seen free."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.errors import MapError
from localization_mapping.mapped_place import MappedDrive, MappedPlace
from localization_mapping.occupancy.config import OccupancyConfig
from localization_mapping.occupancy.depth_evidence import DepthEvidence, used_frames
from localization_mapping.occupancy.driven import driven_path, footprint
from localization_mapping.occupancy.evidence import FLOOR_SEEN, Evidence
from localization_mapping.occupancy.floor_texture import FloorTexture, pairs
from localization_mapping.occupancy.grid import GridArea, OccupancyGrid
from localization_mapping.occupancy.point_evidence import SightLines, add_points

#: Smallest height of a camera above the base's origin, metres; a smaller one means that the mount is not known.
_LOWEST_CAMERA = 0.02


def occupancy_grid(place: MappedPlace, config: OccupancyConfig | None = None) -> OccupancyGrid:
    """Build the grid drive by drive, in their order: later drives overrule earlier ones, where furniture moved.

    Depth images are read one at a time; in a drive without them, the floor is seen in pairs of images.

    Raises:
        MapError: the map is not metric, a camera's height above the floor is not known, no frame is located, or the
            area is too large.
    """
    config = config or OccupancyConfig()
    _require_floor(place)
    paths = [driven_path(drive, config.resolution / 2) for drive in place.drives]
    area = GridArea.around(np.concatenate(paths), config.range + config.resolution, config.resolution)
    evidence = Evidence(area, config)
    lines = SightLines.of(place, config)
    for number, (drive, path) in enumerate(zip(place.drives, paths, strict=True)):
        with_depth, driven = drive.sequence.read_depth is not None, footprint(path, area, config.robot_radius)
        keyframes = np.nonzero(place.keyframe_drive == number)[0]
        add_points(evidence, lines, keyframes, config, floor=not with_depth)
        if with_depth:
            _add_depth(evidence, drive, config)
        else:
            _add_floor_texture(evidence, drive, driven, config)
        evidence.drive_over(driven)
    return evidence.grid()


def _add_depth(evidence: Evidence, drive: MappedDrive, config: OccupancyConfig) -> None:
    read_depth, map_T_base = drive.sequence.read_depth, drive.map_T_base
    assert read_depth is not None
    depth = DepthEvidence(evidence, drive.sequence.camera, drive.sequence.base_T_camera, config)
    for position in used_frames(drive, config).tolist():
        depth.add(read_depth(position), map_T_base[position])


def _add_floor_texture(
    evidence: Evidence, drive: MappedDrive, driven: npt.NDArray[np.bool_], config: OccupancyConfig
) -> None:
    texture = FloorTexture(drive, evidence.area)
    for first, second in pairs(drive, used_frames(drive, config)):
        texture.add(first, second)
    floor = texture.certain(driven, evidence.occupied & ~driven)
    evidence.vote(np.nonzero(floor.reshape(-1))[0], FLOOR_SEEN)


def _require_floor(place: MappedPlace) -> None:
    if not place.scale.metric:
        raise MapError(
            f"the map is not metric (scale: {place.scale.source}), so that a grid in metres is not possible: give "
            "wheel odometry, depth images or a known distance"
        )
    if not any(drive.located.any() for drive in place.drives):
        raise MapError("no frame is located, so that there is no grid: see the report for the reasons")
    for drive in place.drives:
        height = float(drive.sequence.base_T_camera[2, 3])
        if height < _LOWEST_CAMERA:
            raise MapError(
                f"{drive.sequence.name}: the camera is {height:.2f} m above the base, so that the height of the floor "
                "is not known: record the mount on /tf_static, or give it"
            )
