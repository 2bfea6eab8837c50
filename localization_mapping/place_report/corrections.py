"""Corrections of the odometry: distances between the adjusted poses and the odometry alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_mapping.mapped_place import MappedDrive

Array = npt.NDArray[np.float64]

#: Length in metres of the pieces of the way over which the lengths of both are compared.
_PIECE = 1.0


@dataclass(frozen=True)
class Corrections:
    """Adjusted poses of a drive compared with its odometry, which starts at the first adjusted pose.

    Attributes:
        rows: (M,) positions of the frames with both.
        metres, degrees: (M,) distances between both poses.
        way: (M,) length of the adjusted way from the first of these frames, metres.
        length_ratio: length of the adjusted way as a share of the odometry's; NaN if the way is too short.
        odometry: (M, 2) x and y of the odometry in the map.
    """

    rows: npt.NDArray[np.int64]
    metres: Array
    degrees: Array
    way: Array
    length_ratio: float
    odometry: Array


def corrections_of(drive: MappedDrive) -> Corrections | None:
    """Compare a drive with its odometry; None if fewer than two frames have both."""
    odom_T_base = drive.sequence.odom_T_base
    rows = np.nonzero(drive.located & drive.sequence.has_odometry)[0]
    if odom_T_base is None or len(rows) < 2:
        return None
    adjusted, odometry = drive.map_T_base[rows], odom_T_base[rows]
    moved = adjusted[0] @ se3.inverse(odometry[0]) @ odometry
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(adjusted[:, :3, 3], axis=0), axis=1))])
    turned = se3.rotation_angle(np.swapaxes(moved[:, :3, :3], 1, 2) @ adjusted[:, :3, :3])
    return Corrections(
        rows=rows,
        metres=np.linalg.norm(moved[:, :3, 3] - adjusted[:, :3, 3], axis=1),
        degrees=np.degrees(turned),
        way=way,
        length_ratio=_length_ratio(adjusted[:, :3, 3], odometry[:, :3, 3], way),
        odometry=moved[:, :2, 3],
    )


def _length_ratio(adjusted: Array, odometry: Array, way: Array) -> float:
    """Ratio of the lengths of both, summed over straight lines between the ends of pieces of the way."""
    ends = np.unique(np.searchsorted(way, np.arange(0.0, way[-1], _PIECE)))
    if len(ends) < 2:
        return float("nan")
    ours, theirs = (np.linalg.norm(np.diff(p[ends], axis=0), axis=1).sum() for p in (adjusted, odometry))
    return float(ours / theirs) if theirs > 0.0 else float("nan")
