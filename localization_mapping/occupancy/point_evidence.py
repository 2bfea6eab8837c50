"""Evidence of the map's points: obstacles, floor, and the sight lines from the keyframes that observed them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.occupancy.config import OccupancyConfig
from localization_mapping.occupancy.evidence import PASS, Evidence
from localization_mapping.occupancy.grid import Indices

Array = npt.NDArray[np.float64]

#: Standard deviation of a feature's position, pixels.
_PIXEL = 0.7
#: Votes of one observation of a point, in tenths of log odds, and the most that one point gets from a drive: three
#: observations make an obstacle, if nothing contradicts.
_OBSERVED, _MOST_OBSERVED = 4, 16


@dataclass(frozen=True)
class SightLines:
    """Observations of accurate points in the order of the keyframes.

    Attributes:
        keyframe: (O,) keyframe of each observation, not decreasing.
        start: (O, 3) position of the camera: x, y, height above the floor.
        end: (O, 3) the point: x, y, height above the floor.
        point: (O,) index of the point.
    """

    keyframe: Indices
    start: Array
    end: Array
    point: Indices

    @classmethod
    def of(cls, place: MappedPlace, config: OccupancyConfig) -> SightLines:
        """Sight lines of the points whose position is accurate, within the range.

        The floor below a sight line is that of the robot's base at the keyframe.
        """
        order = np.argsort(place.tracks.keyframe, kind="stable")
        keyframe, point = place.tracks.keyframe[order], place.tracks.point[order]
        floor = _base_heights(place)[keyframe]
        start, end = place.map_T_camera[keyframe, :3, 3], place.points[point]
        used = horizontal_std(place)[point] < config.point_error
        used &= np.linalg.norm(end[:, :2] - start[:, :2], axis=1) < config.range
        start, end = start - floor[:, None] * [0.0, 0.0, 1.0], end - floor[:, None] * [0.0, 0.0, 1.0]
        return cls(keyframe[used], start[used], end[used], point[used])


def horizontal_std(place: MappedPlace) -> Array:
    """Standard deviation (P,) of each point's position in its worst horizontal direction, metres.

    Each observation limits the point to a cone around its sight line, as wide as a feature's error.
    """
    point = place.tracks.point
    sight = place.points[point] - place.map_T_camera[place.tracks.keyframe, :3, 3]
    metres = np.linalg.norm(sight, axis=1)
    sight = sight / metres[:, None]
    across = np.eye(3) - sight[:, :, None] * sight[:, None]
    information = np.zeros((len(place.points), 3, 3))
    np.add.at(information, point, across / (metres * _PIXEL / place.focal)[:, None, None] ** 2)
    covariance = np.linalg.inv(information + 1e-6 * np.eye(3))[:, :2, :2]
    return np.asarray(np.sqrt(np.linalg.eigvalsh(covariance)[:, -1]))


def _base_heights(place: MappedPlace) -> Array:
    """Heights (K,) of the robot's base at the keyframes in the map, metres."""
    mounts = np.stack([drive.sequence.base_T_camera for drive in place.drives])
    return np.asarray((place.map_T_camera @ se3.inverse(mounts)[place.keyframe_drive])[:, 2, 3])


def add_points(
    evidence: Evidence, lines: SightLines, keyframes: Indices, config: OccupancyConfig, *, floor: bool
) -> None:
    """Add the votes of the points that these keyframes (K,) observed.

    A point between the heights of obstacles is one. A sight line passes through voxels in front of its point. It shows
    the floor where it is lower than every obstacle: an obstacle that stands on the floor would hide the point.

    Args:
        evidence: votes to which those of the points are added.
        lines: observations of points.
        keyframes: keyframes of one drive.
        config: heights and limits.
        floor: use sight lines near the floor; depth images show better if there is something above it.
    """
    chosen = np.isin(lines.keyframe, keyframes)
    voxels, obstacle = evidence.voxel_of_each(lines.end[:, :2], lines.end[:, 2])
    obstacle &= chosen
    points, observations = np.unique(lines.point[obstacle], return_counts=True)
    where = np.zeros(lines.point.max(initial=0) + 1, dtype=np.int64)
    where[lines.point[obstacle]] = voxels[obstacle]
    hit, owner = np.unique(where[points], return_inverse=True)
    votes = np.bincount(owner, weights=np.minimum(_OBSERVED * observations, _MOST_OBSERVED)).astype(np.int64)
    evidence.vote(hit, votes)
    for keyframe in np.unique(lines.keyframe[chosen]).tolist():
        rows = np.nonzero(lines.keyframe == keyframe)[0]
        low, passes = _seen_through(evidence, lines.start[rows], lines.end[rows], config)
        if floor:
            evidence.vote(low, PASS)
        evidence.vote(np.setdiff1d(passes, voxels[rows][obstacle[rows]]), PASS)


def _seen_through(evidence: Evidence, start: Array, end: Array, config: OccupancyConfig) -> tuple[Indices, Indices]:
    """Cells of the floor, and voxels, without repetition, through which the sight lines of one keyframe pass.

    They end twice the error of a point in front of their point.
    """
    metres = np.linalg.norm((end - start)[:, :2], axis=1)
    spacing = evidence.area.resolution / 2
    count = np.maximum(0, np.floor((metres - 2.0 * config.point_error) / spacing)).astype(np.int64)
    owner = np.repeat(np.arange(len(start)), count)
    step = np.arange(len(owner)) - np.searchsorted(owner, owner)
    share = ((step + 1) * spacing / metres[owner])[:, None]
    samples = start[owner] + (end - start)[owner] * share
    cells, inside = evidence.area.cells_of(samples[:, :2])
    low = inside & (samples[:, 2] < config.lowest) & (samples[:, 2] > -config.floor_error)
    return np.unique(cells[low]), evidence.voxels_of(samples[:, :2], samples[:, 2])
