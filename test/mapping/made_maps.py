"""Made places: rooms of boxes with exact depth images, and points on their surfaces that keyframes observed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar, se3
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.features import Features
from localization_mapping.mapped_place import MappedDrive, MappedPlace, Scale

Array = npt.NDArray[np.float64]

CAMERA = Camera.from_field_of_view(120, 90, 90.0)
#: Camera 0.6 m above the floor, looking forward.
MOUNT = se3.from_parts([0.1, 0.0, 0.6], [1.0, 0.0, 0.0, 0.0]) @ se3.BODY_T_OPTICAL
#: Height of the walls, metres.
CEILING = 2.5


@dataclass(frozen=True)
class MadeRoom:
    """Room from (0, 0) to its size, with boxes in it; a box is its lower and its upper corner, metres."""

    size: tuple[float, float] = (4.0, 3.0)
    boxes: tuple[tuple[tuple[float, float, float], tuple[float, float, float]], ...] = field(default=())

    def hit(self, start: Array, sights: Array) -> Array:
        """Multiple (N,) of the sight lines (N, 3) from a start (3,) in the room at which they meet a surface."""
        with np.errstate(divide="ignore", invalid="ignore"):
            walls = np.stack([(np.zeros(3) - start) / sights, ([*self.size, CEILING] - start) / sights])
            nearest = walls.max(axis=0).min(axis=1)
            for low, high in self.boxes:
                ends = np.stack([(np.array(low) - start) / sights, (np.array(high) - start) / sights])
                enter, leave = ends.min(axis=0).max(axis=1), ends.max(axis=0).min(axis=1)
                nearest = np.where((enter < leave) & (enter > 0.0), np.minimum(nearest, enter), nearest)
        return np.asarray(nearest)

    def depth(self, map_T_camera: Array) -> npt.NDArray[np.float32]:
        """Depth image (H, W) of `CAMERA`, metres."""
        metres = self.hit(map_T_camera[:3, 3], _sights(map_T_camera))
        return metres.reshape(CAMERA.height, CAMERA.width).astype(np.float32)

    def image(self, map_T_camera: Array) -> npt.NDArray[np.uint8]:
        """Image (H, W, 3) of `CAMERA`: each surface has a random texture with details of 2 to 20 cm."""
        metres = self.depth(map_T_camera).reshape(-1, 1)
        points = map_T_camera[:3, 3] + _sights(map_T_camera) * metres
        texture = _texture()
        # Coordinates along the walls and the floor; all three count everywhere, so that no surface is constant.
        u, v = points[:, 0] + 0.7 * points[:, 2], points[:, 1] + 1.3 * points[:, 2]
        grey = texture[(u * 100).astype(np.int64) % len(texture), (v * 100).astype(np.int64) % len(texture)]
        return np.repeat(grey.reshape(CAMERA.height, CAMERA.width, 1), 3, axis=2)


def way(*corners: tuple[float, float], spacing: float = 0.15) -> Array:
    """Poses (N, 4, 4) of the base along straight lines through corners, facing forward."""
    poses = []
    for (x, y), (end_x, end_y) in pairwise(corners):
        metres, heading = float(np.hypot(end_x - x, end_y - y)), float(np.arctan2(end_y - y, end_x - x))
        for share in np.linspace(0.0, 1.0, max(2, round(metres / spacing) + 1)):
            poses.append([x + share * (end_x - x), y + share * (end_y - y), heading])
    return planar.to_se3(np.array(poses))


def made_drive(room: MadeRoom, map_T_base: Array, *, name: str = "drive", depth: bool = True) -> MappedDrive:
    """Drive along poses (N, 4, 4) of the base at 5 Hz, with odometry in a frame of its own."""
    map_T_camera = map_T_base @ MOUNT
    sequence = Sequence(
        name=name,
        camera=CAMERA,
        frame_numbers=np.arange(len(map_T_base), dtype=np.int64),
        stamps=np.arange(len(map_T_base), dtype=np.int64) * 200_000_000 + 10**12,
        map_T_camera=np.full_like(map_T_camera, np.nan),
        read_image=lambda i: room.image(map_T_camera[i]),
        read_depth=(lambda i: room.depth(map_T_camera[i])) if depth else None,
        base_T_camera=MOUNT,
        odom_T_base=se3.inverse(map_T_base[0]) @ map_T_base,
    )
    return MappedDrive(sequence, map_T_camera, np.full(len(map_T_base), 0.5), np.full(len(map_T_base), 80))


def made_place(*drives: MappedDrive, points: Array | None = None, room: MadeRoom | None = None) -> MappedPlace:
    """Place of drives, whose every frame is a keyframe and observes the points (P, 3) that it sees in the room."""
    poses = np.concatenate([drive.map_T_camera for drive in drives])
    points = np.empty((0, 3)) if points is None else points
    features, rows = [], []
    for keyframe, pose in enumerate(poses):
        seen, rays = _visible(points, pose, room)
        features.append(Features(rays, np.zeros((len(rays), 128), np.float32), np.full(len(rays), 0.02)))
        rows.append(np.column_stack([seen, np.full(len(seen), keyframe), np.arange(len(seen))]))
    point, keyframe, feature = np.concatenate(rows).astype(np.int64).T
    count = [len(drive.sequence) for drive in drives]
    return MappedPlace(
        drives=drives,
        keyframe_drive=np.repeat(np.arange(len(drives)), count),
        keyframe_position=np.concatenate([np.arange(n) for n in count]),
        map_T_camera=poses,
        features=features,
        thumbnails=np.zeros((len(poses), 1), dtype=np.uint8),
        focal=CAMERA.fx,
        points=points,
        tracks=FeatureTracks(point, keyframe, feature),
        scale=Scale(True, "wheel odometry", 0.003),
        closures=np.empty((0, 2), dtype=np.int64),
    )


def without_poses(drive: MappedDrive, frames: slice) -> MappedDrive:
    """Drive in which some frames could not be located."""
    poses = drive.map_T_camera.copy()
    poses[frames] = np.nan
    return replace(drive, map_T_camera=poses)


def _visible(points: Array, pose: Array, room: MadeRoom | None) -> tuple[npt.NDArray[np.int64], Array]:
    """Indices of visible points, and their rays (V, 2)."""
    sights = points - pose[:3, 3]
    local = sights @ pose[:3, :3]
    ahead = np.nonzero(local[:, 2] > 0.3)[0]
    rays = local[ahead, :2] / local[ahead, 2:]
    shown = CAMERA.sees(rays)
    if room is not None and len(ahead):
        shown &= room.hit(pose[:3, 3], sights[ahead]) > 0.98
    return ahead[shown], rays[shown]


def _sights(map_T_camera: Array) -> Array:
    """Sight lines (H * W, 3) of all pixels in the map, at depth one."""
    return np.asarray(np.einsum("ab,nb->na", map_T_camera[:3, :3], _rays()))  # BLAS would start threads


@cache
def _rays() -> Array:
    columns, rows = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = CAMERA.rays(np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float64))
    return np.column_stack([rays, np.ones(len(rays))])


@cache
def _texture() -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(7)
    layers = [cv2.resize(rng.normal(size=(n, n)), (512, 512), interpolation=cv2.INTER_CUBIC) for n in (26, 64, 128)]
    return np.asarray(np.clip(128.0 + 35.0 * sum(layers), 0.0, 255.0)).astype(np.uint8)
