"""Floor that two images show alike: free cells without depth images.

A plane sweep (Collins 1996) over a few heights: each cell of the floor is looked up in two images of a drive, taken
some way apart. On the floor, both show the same texture. On an obstacle, its surface moves between the images; they
agree for another height, or for none. Where the texture does not decide between heights, there is no vote.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_mapping.mapped_place import MappedDrive
from localization_mapping.occupancy.grid import GridArea, Indices

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]

#: Distance between the positions of two images, metres, and the largest rotation, degrees.
_BASELINE, _TURN = 0.3, 40.0
#: Largest length of a pixel on the floor (distance squared over height and focal length), metres; and the largest
#: distance of cells from the robot, metres.
_PIXEL, _FARTHEST = 0.05, 2.5
#: Heights of other surfaces than the floor, as shares of the camera's height.
_HEIGHTS = (0.15, 0.33, 0.6)
#: Side of the compared windows, cells.
_WINDOW = 5
#: Smallest standard deviation of grey values in a window, in both images, and share of it that both show.
_TEXTURE, _SHOWN = 2.5, 0.6
#: Smallest correlation on the floor, its lead over other heights; and that below which it is not the floor.
_ALIKE, _LEAD, _UNLIKE = 0.8, 0.1, 0.4
#: Smallest number of pairs for the floor, and their smallest ratio to those against it.
_PAIRS, _RATIO = 2, 2
#: Cells by which the floor shrinks: half a window may reach over the foot of a wall.
_SHRINK = 3


def pairs(drive: MappedDrive, frames: Indices) -> Iterator[tuple[int, int]]:
    """Pairs of frames that are some way apart and face the same direction; each frame is the first of one at most."""
    positions, rotations = drive.map_T_base[:, :2, 3], drive.map_T_camera[:, :3, :3]
    for number, first in enumerate(frames.tolist()):
        for second in frames[number + 1 :].tolist():
            if np.degrees(se3.rotation_angle(rotations[first].T @ rotations[second])) > _TURN:
                break
            if np.linalg.norm(positions[second] - positions[first]) >= _BASELINE:
                yield first, second
                break


class FloorTexture:
    """Votes of the image pairs of one drive.

    Args:
        drive: drive; its images are read one at a time.
        area: cells.
    """

    def __init__(self, drive: MappedDrive, area: GridArea) -> None:
        self._drive, self._area = drive, area
        self._floor, self._other = np.zeros((2, *area.shape), np.int16)
        camera = drive.sequence.camera
        self._height = float(drive.sequence.base_T_camera[2, 3])
        reach = min(_FARTHEST, float(np.sqrt(_PIXEL * self._height * camera.fx)))
        self._cells = int(reach / area.resolution)
        self._images: dict[int, Values] = {}

    def add(self, first: int, second: int) -> None:
        """Compare two frames, each with the other as the reference."""
        self._images = {frame: self._images.get(frame, self._grey(frame)) for frame in (first, second)}
        self._compare(first, second)
        self._compare(second, first)

    def certain(self, driven: Mask, obstacles: Mask) -> Mask:
        """(rows, columns) True for cells of the floor, away from cells that are not the floor, and from obstacles."""
        floor = (self._floor >= _PAIRS) & (self._floor > _RATIO * self._other) & ~obstacles
        hole = (self._other == 0) & ~obstacles
        closed = cv2.morphologyEx(floor.astype(np.uint8), cv2.MORPH_CLOSE, _disc(1)).astype(np.bool_)
        inside = cv2.erode((floor | closed & hole | driven).astype(np.uint8), _disc(_SHRINK)).astype(np.bool_)
        against = ((self._other > self._floor) | obstacles) & ~driven
        return np.asarray(inside & (cv2.dilate(against.astype(np.uint8), _disc(_SHRINK)) == 0))

    def _grey(self, frame: int) -> Values:
        grey = cv2.cvtColor(self._drive.sequence.read_image(frame), cv2.COLOR_RGB2GRAY).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.8))

    def _compare(self, reference: int, other: int) -> None:
        window, middles = self._around(reference)
        ours, shown = self._seen(reference, middles, 0.0, reference)
        alike, known = _correlation(ours, shown, *self._seen(other, middles, 0.0, reference))
        best = np.full(alike.shape, -1.0, np.float32)
        for share in _HEIGHTS:
            there, known_there = _correlation(ours, shown, *self._seen(other, middles, share, reference))
            best = np.maximum(best, np.where(known_there, there, -1.0))
        self._floor[window] += known & (alike > _ALIKE) & (alike - best > _LEAD)
        self._other[window] += known & ((best > alike + _LEAD / 2) | (alike < _UNLIKE))

    def _around(self, frame: int) -> tuple[tuple[slice, slice], Array]:
        """Rows and columns of the cells around the robot, and their middles (rows, columns, 2)."""
        position = self._drive.map_T_base[frame, :2, 3]
        column, row = np.floor((position - self._area.origin) / self._area.resolution).astype(np.int64).tolist()
        rows = slice(max(0, row - self._cells), min(self._area.rows, row + self._cells + 1))
        columns = slice(max(0, column - self._cells), min(self._area.columns, column + self._cells + 1))
        return (rows, columns), self._area.centres(rows, columns)

    def _seen(self, frame: int, middles: Array, share: float, reference: int) -> tuple[Values, Mask]:
        """Grey values (rows, columns) of a frame, and True where it shows the cell.

        Cells are moved towards the reference's camera, up to a share of its height: it shows them unmoved.
        """
        camera, map_T_camera = self._drive.sequence.camera, self._drive.map_T_camera
        floor = np.dstack([middles, np.full(middles.shape[:2], self._drive.map_T_base[frame, 2, 3])])
        eye = map_T_camera[reference, :3, 3]
        points = (floor + share * (eye - floor)).reshape(-1, 3)
        camera_T_map = se3.inverse(map_T_camera[frame])
        local = np.einsum("ab,nb->na", camera_T_map[:3, :3], points) + camera_T_map[:3, 3]
        ahead = local[:, 2] > 0.2
        rays = np.where(ahead[:, None], local[:, :2] / np.where(ahead, local[:, 2], 1.0)[:, None], np.inf)
        shown = np.zeros(len(points), np.bool_)
        shown[ahead] = camera.sees(rays[ahead])
        pixels = np.zeros((len(points), 2), np.float32)
        pixels[shown] = camera.project(rays[shown])
        pixels = pixels.reshape(*middles.shape[:2], 2)
        grey = cv2.remap(self._images[frame], pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR)
        return np.asarray(grey), shown.reshape(middles.shape[:2])


def _correlation(ours: Values, ours_shown: Mask, theirs: Values, theirs_shown: Mask) -> tuple[Values, Mask]:
    """Normalized correlation of windows around each cell, and True where they have texture and are shown."""
    both = (ours_shown & theirs_shown).astype(np.float32)
    share = _mean(both)

    def mean(values: Values) -> Values:
        return np.asarray(_mean(values * both) / np.maximum(share, 1e-6))

    mean_ours, mean_theirs = mean(ours), mean(theirs)
    variance_ours, variance_theirs = mean(ours**2) - mean_ours**2, mean(theirs**2) - mean_theirs**2
    covariance = mean(ours * theirs) - mean_ours * mean_theirs
    known = (np.minimum(variance_ours, variance_theirs) > _TEXTURE**2) & (share > _SHOWN) & (both > 0.0)
    return np.asarray(covariance / np.sqrt(np.maximum(variance_ours * variance_theirs, 1e-3))), known


def _mean(values: Values) -> Values:
    return np.asarray(cv2.boxFilter(values, -1, (_WINDOW, _WINDOW), borderType=cv2.BORDER_CONSTANT))


def _disc(radius: int) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))
