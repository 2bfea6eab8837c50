"""Type of every data set that was read: frames along a drive, with poses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets.frame_ranges import FrameRanges
from localization_common.datasets.summary import FRAMES, TRUE_POSES, LeftOut, ReadingSummary
from localization_common.errors import DatasetError
from localization_common.geometry import se3

Poses = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Picture = TypeVar("Picture", npt.NDArray[np.uint8], npt.NDArray[np.float32])


@dataclass(frozen=True)
class Sequence:
    """Frames of one camera in order of time. Each image is read when it is needed, never all at once.

    Attributes:
        name: short name for tables and messages.
        camera: intrinsics of every image (and of depth and labels, which are registered to it).
        frame_numbers: (N,) the data set's own numbers, increasing; they may have gaps.
        stamps: (N,) nanoseconds, increasing.
        map_T_camera: (N, 4, 4) ground truth, optical frame; a row is NaN where the pose is unknown (`has_pose`).
        read_image: position 0..N-1 -> (H, W, 3) uint8 RGB.
        read_depth: position -> (H, W) float32 metres along the optical axis, NaN where unknown; None without depth.
        read_labels: position -> (H, W) uint8 class ids, 255 where unlabelled; None without labels.
        class_names: names of the class ids 0..C-1.
        base_T_camera: (4, 4) pose of the camera on the robot; by default at its origin, looking forward.
        odom_T_base: (N, 4, 4) odometry at each frame, NaN in rows where it is unknown; None without odometry.
        summary: findings in the recording, assumptions, and the input that was left out.
    """

    name: str
    camera: Camera
    frame_numbers: npt.NDArray[np.int64]
    stamps: npt.NDArray[np.int64]
    map_T_camera: Poses
    read_image: Callable[[int], Image]
    read_depth: Callable[[int], npt.NDArray[np.float32]] | None = None
    read_labels: Callable[[int], Image] | None = None
    class_names: tuple[str, ...] = ()
    base_T_camera: Poses = field(default_factory=se3.BODY_T_OPTICAL.copy)
    odom_T_base: Poses | None = None
    summary: ReadingSummary = field(default_factory=ReadingSummary)

    def __post_init__(self) -> None:
        n = len(self.frame_numbers)
        if n == 0:
            raise DatasetError(f"{self.name}: no frames")
        if self.stamps.shape != (n,) or self.map_T_camera.shape != (n, 4, 4):
            raise DatasetError(
                f"{self.name}: {n} frames, but stamps {self.stamps.shape} and poses {self.map_T_camera.shape}"
            )
        if (np.diff(self.stamps) <= 0).any() or (np.diff(self.frame_numbers) <= 0).any():
            raise DatasetError(f"{self.name}: frame numbers and stamps must increase")
        self._require_whole_rows("poses", self.map_T_camera)
        if self.odom_T_base is not None:
            if self.odom_T_base.shape != (n, 4, 4):
                raise DatasetError(f"{self.name}: {n} frames, but odometry {self.odom_T_base.shape}")
            self._require_whole_rows("odometry", self.odom_T_base)
        mount = self.base_T_camera
        if not np.isfinite(mount).all() or np.abs(mount[:3, 3]).max() > se3.FARTHEST:
            raise DatasetError(f"{self.name}: the camera cannot be mounted at {mount[:3, 3].tolist()} m on the base")

    def __len__(self) -> int:
        return len(self.frame_numbers)

    @property
    def has_pose(self) -> npt.NDArray[np.bool_]:
        """(N,) True where the ground truth is known."""
        return _known(self.map_T_camera)

    @property
    def has_odometry(self) -> npt.NDArray[np.bool_]:
        """(N,) True where the odometry is known."""
        return np.zeros(len(self), dtype=np.bool_) if self.odom_T_base is None else _known(self.odom_T_base)

    def with_poses(self) -> Sequence:
        """Frames whose pose is known; the others are counted in the summary.

        Raises:
            DatasetError: no frame has a pose.
        """
        found = self.summary.fact(TRUE_POSES).removeprefix("none: ")
        reason = found or "record true poses, or give a TUM file with poses (--poses FILE)"
        return self._known_only(self.has_pose, "a true pose", reason)

    def with_odometry(self) -> Sequence:
        """Frames whose odometry is known; the others are counted in the summary.

        Raises:
            DatasetError: no frame has odometry.
        """
        return self._known_only(self.has_odometry, "odometry", "record the robot's odometry")

    def _known_only(self, known: npt.NDArray[np.bool_], what: str, reason: str) -> Sequence:
        if known.all():
            return self
        if not known.any():
            raise DatasetError(f"{self.name}: none of the {len(self)} frames has {what}: {reason}")
        without = tuple(f"frame {number}" for number in self.frame_numbers[~known][:3])
        left_out = LeftOut(int((~known).sum()), FRAMES, f"{what} is not known", without)
        return replace(self.select(known), summary=self.summary.with_left_out(left_out))

    @property
    def map_T_base(self) -> Poses:
        """(N, 4, 4) ground truth of the robot's base; a row is NaN where the pose is unknown."""
        return self.map_T_camera @ se3.inverse(self.base_T_camera)

    def pairs(self, max_frame_gap: int = 1) -> npt.NDArray[np.int64]:
        """Positions (P, 2) of consecutive frames (previous, current) at most this many frame numbers apart."""
        current = np.nonzero(np.diff(self.frame_numbers) <= max_frame_gap)[0] + 1
        return np.stack([current - 1, current], axis=1)

    def select(self, positions: npt.ArrayLike) -> Sequence:
        """Frames at these positions (increasing indices, or a boolean mask).

        Raises:
            DatasetError: no frames are left, or a position is out of range.
        """
        wanted = np.asarray(positions)
        if wanted.size == 0 or (wanted.dtype == np.bool_ and not wanted.any()):
            raise DatasetError(f"{self.name}: the selection leaves no frames")
        try:
            chosen = np.arange(len(self))[wanted]
        except IndexError as error:
            raise DatasetError(f"{self.name}: cannot select from {len(self)} frames: {error}") from error
        return replace(
            self,
            frame_numbers=self.frame_numbers[chosen],
            stamps=self.stamps[chosen],
            map_T_camera=self.map_T_camera[chosen],
            read_image=_Chosen(self.read_image, chosen),
            read_depth=None if self.read_depth is None else _Chosen(self.read_depth, chosen),
            read_labels=None if self.read_labels is None else _Chosen(self.read_labels, chosen),
            odom_T_base=None if self.odom_T_base is None else self.odom_T_base[chosen],
        )

    def with_numbers(self, ranges: FrameRanges) -> Sequence:
        """Frames whose number lies in these ranges."""
        return self.select(ranges.mask(self.frame_numbers))

    def without_numbers(self, ranges: FrameRanges) -> Sequence:
        """Frames whose number does not lie in these ranges."""
        return self.select(~ranges.mask(self.frame_numbers))

    def _require_whole_rows(self, what: str, poses: Poses) -> None:
        finite = np.isfinite(poses).reshape(len(poses), -1)
        broken = ~(finite.all(axis=1) | np.isnan(poses).reshape(len(poses), -1).all(axis=1))
        if broken.any():
            number = self.frame_numbers[broken.argmax()]
            raise DatasetError(f"{self.name}: {what} of frame {number} hold some NaN or infinity")
        far = (np.abs(poses[:, :3, 3]) > 2.0 * se3.FARTHEST).any(axis=1)  # False for NaN: the pose is unknown
        if far.any():
            number = self.frame_numbers[far.argmax()]
            raise DatasetError(f"{self.name}: {what} of frame {number} lie beyond {se3.FARTHEST:.0e} m from the origin")

    def chosen(self, frames: str = "", exclude: str = "") -> Sequence:
        """Frames with some numbers (``200-239,450``) and without others; an empty text leaves all.

        Raises:
            DatasetError: malformed ranges, or no frames are left.
        """
        left = self.with_numbers(FrameRanges.parse(frames)) if frames else self
        return left.without_numbers(FrameRanges.parse(exclude)) if exclude else left


def _known(poses: Poses) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isfinite(poses[:, 0, 0]))


@dataclass(frozen=True)
class _Chosen(Generic[Picture]):
    """Reader through a selection; a class and no closure, so that data loaders can send it to their workers."""

    read: Callable[[int], Picture]
    positions: npt.NDArray[np.int64]

    def __call__(self, position: int) -> Picture:
        return self.read(int(self.positions[position]))
