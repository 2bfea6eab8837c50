"""Evidence of depth images: obstacles, space in front of them, and the floor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.geometry import se3
from localization_mapping.mapped_place import MappedDrive
from localization_mapping.occupancy.config import OccupancyConfig
from localization_mapping.occupancy.evidence import HEIGHTS, HIT, PASS, Evidence
from localization_mapping.occupancy.grid import Indices

Array = npt.NDArray[np.float64]
Depth = npt.NDArray[np.float32]

#: Nearest depth that is used, metres.
_NEAREST = 0.2
#: Angle in radians between two pixels whose depth may be an obstacle; 4 m away they are 5 cm apart.
_PIXEL_ANGLE = 0.0125
#: Space is free in front of a measured depth by more than this, metres, and this share of the depth.
_MARGIN, _MARGIN_SHARE = 0.08, 0.02
#: Largest second difference of inverse depth, as a share of it; it is zero on planes, and large at edges, where pixels
#: mix the depths of two objects.
_EDGE = 0.05


def used_frames(drive: MappedDrive, config: OccupancyConfig) -> Indices:
    """Positions (F,) of located frames that moved since the one before; frames without matched points are left out.

    If no frame of the drive has matched points, all located frames are candidates.
    """
    seen = drive.located & (drive.inliers > 0)
    candidates = np.nonzero(seen if seen.any() else drive.located)[0]
    used: list[int] = []
    for position in candidates.tolist():
        pose = drive.map_T_camera[position]
        if used:
            last = drive.map_T_camera[used[-1]]
            turned = np.degrees(se3.rotation_angle(last[:3, :3].T @ pose[:3, :3]))
            if np.linalg.norm(pose[:3, 3] - last[:3, 3]) < config.step and turned < config.step_degrees:
                continue
        used.append(position)
    return np.array(used, dtype=np.int64)


class DepthEvidence:
    """Votes of depth images of one camera.

    Args:
        evidence: votes to which those of the images are added.
        camera: intrinsics of the depth images.
        base_T_camera: pose of the camera on the robot; the floor is at the base's z = 0.
        config: heights and limits.
    """

    def __init__(self, evidence: Evidence, camera: Camera, base_T_camera: Array, config: OccupancyConfig) -> None:
        self._evidence, self._camera, self._base_T_camera, self._config = evidence, camera, base_T_camera, config
        self._stride = max(1, int(_PIXEL_ANGLE * camera.fx))
        columns, rows = np.meshgrid(np.arange(0, camera.width, self._stride), np.arange(0, camera.height, self._stride))
        self._pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2)
        rays = camera.rays(self._pixels.astype(np.float64))
        self._widest = np.abs(rays).max(axis=0) + 2.0 * _PIXEL_ANGLE
        self._sight = np.column_stack([rays, np.ones(len(rays))]) @ base_T_camera[:3, :3].T
        reach = int(np.ceil(config.range / evidence.area.resolution))
        steps = np.arange(-reach, reach + 1)
        window = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        self._window = window[np.linalg.norm(window, axis=1) <= reach]

    def add(self, depth: Depth, map_T_base: Array) -> None:
        """Add the votes of a depth image (H, W), NaN where unknown, with the pose (4, 4) of the robot's base."""
        hits = self._hits(depth, map_T_base)
        floor, passes = self._seen_through(depth, map_T_base)
        self._evidence.vote(hits, HIT)
        self._evidence.vote(floor, PASS)
        self._evidence.vote(np.setdiff1d(passes, hits, assume_unique=True), PASS)

    def _hits(self, depth: Depth, map_T_base: Array) -> Indices:
        """Voxels in which the image shows an obstacle."""
        columns, rows = self._pixels.T
        metres = np.where(_at_edge(depth), np.nan, depth)[rows, columns].astype(np.float64)
        with np.errstate(invalid="ignore"):
            valid = metres > _NEAREST
        points = self._sight[valid] * metres[valid, None] + self._base_T_camera[:3, 3]
        away = np.hypot(points[:, 0], points[:, 1])
        used = points[(away > self._config.robot_radius) & (away < self._config.range)]  # not the robot itself
        placed = _product(map_T_base[:2, :3], used) + map_T_base[:2, 3]
        return self._evidence.voxels_of(placed, used[:, 2])

    def _seen_through(self, depth: Depth, map_T_base: Array) -> tuple[Indices, Indices]:
        """Cells whose floor the image shows, and voxels through which it shows something behind them.

        A floor below something that hides the space above it, such as a table, is left out: a robot is higher.
        """
        area = self._evidence.area
        here = np.floor((map_T_base[:2, 3] - area.origin) / area.resolution).astype(np.int64)
        middles = (self._window + here + 0.5) * area.resolution + area.origin
        cells, inside = area.cells_of(middles)
        cells, middles = cells[inside], middles[inside]
        offset = middles - map_T_base[:2, 3]  # the base stands upright: its heights are those above the floor
        away = np.hypot(offset[:, 0], offset[:, 1])
        camera_R_map = (map_T_base @ self._base_T_camera)[:3, :3].T
        flat = _product(camera_R_map[:, :2], offset) - self._base_T_camera[:3, :3].T @ self._base_T_camera[:3, 3]
        camera_height = self._base_T_camera[2, 3]

        through = np.zeros((len(self._evidence.heights), len(cells)), np.bool_)
        blocked = np.zeros(len(cells), np.bool_)
        for row, height in enumerate(self._evidence.heights):
            seen, expected, measured = self._looked_up(depth, flat + height * camera_R_map[:, 2])
            margin = _MARGIN + _MARGIN_SHARE * expected
            through[row, seen] = measured - expected > margin
            blocked[seen] |= expected - measured > margin / 2
        # All heights of a voxel: a seat may fill only a part of it.
        layers = [through[row : row + HEIGHTS + 1].all(axis=0) for row in range(0, len(through) - 1, HEIGHTS)]
        passes = [self._evidence.voxels(cells[layer], number) for number, layer in enumerate(layers)]
        shown, expected, measured = self._looked_up(depth, flat)
        off = np.abs(1.0 - measured / expected)
        floor = (off * camera_height < self._config.floor_error) & (off * away[shown] < area.resolution / 2)
        return cells[shown[floor & ~blocked[shown]]], np.concatenate(passes)

    def _looked_up(self, depth: Depth, local: Array) -> tuple[Indices, Array, Array]:
        """Indices (V,) of the points (N, 3) in the camera's frame that the image shows, their depths, and the image's.

        Points whose pixel has no depth are left out.
        """
        x, y, z = local.T
        # The fast test first: most points are outside of the view.
        widest_x, widest_y = self._widest
        ahead = np.nonzero((z > _NEAREST) & (np.abs(x) < widest_x * z) & (np.abs(y) < widest_y * z))[0]
        rays = local[ahead, :2] / local[ahead, 2:]
        visible = self._camera.sees(rays)
        ahead, rays = ahead[visible], rays[visible]
        columns, rows = np.rint(self._camera.project(rays)).astype(np.int64).T
        columns, rows = columns.clip(0, depth.shape[1] - 1), rows.clip(0, depth.shape[0] - 1)
        measured = depth[rows, columns].astype(np.float64)
        known = np.isfinite(measured) & (measured > _NEAREST)
        return ahead[known], local[ahead[known], 2], measured[known]


def _product(matrix: Array, vectors: Array) -> Array:
    """Product (N, A) of a matrix (A, B) with vectors (N, B), in this thread: BLAS starts threads for small products."""
    return np.asarray(np.einsum("ab,nb->na", matrix, vectors))


def _at_edge(depth: Depth) -> npt.NDArray[np.bool_]:
    """(H, W) True where the depth is not that of one smooth surface."""
    edge = np.zeros(depth.shape, np.bool_)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1.0 / depth
        for ahead, here, behind in (
            (np.s_[:, 2:], np.s_[:, 1:-1], np.s_[:, :-2]),
            (np.s_[2:], np.s_[1:-1], np.s_[:-2]),
        ):
            bend = np.abs(inverse[ahead] + inverse[behind] - 2.0 * inverse[here])
            edge[here] |= bend > _EDGE * inverse[here]
    return edge
