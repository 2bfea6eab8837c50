"""Training frames in memory, decoded once at the network's resolution."""

from __future__ import annotations

from collections.abc import Sequence as Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from localization_common.camera import Camera, CameraAdapter
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3

IGNORE = 255


def network_camera(source: Camera, width: int, height: int) -> Camera:
    """Return the camera of a network input: the source without distortion, scaled and cropped to the middle."""
    scale = max(width / source.width, height / source.height)
    cx = (source.cx + 0.5) * scale - 0.5 - (source.width * scale - width) / 2.0
    cy = (source.cy + 0.5) * scale - 0.5 - (source.height * scale - height) / 2.0
    return Camera(width, height, source.fx * scale, source.fy * scale, cx, cy)


@dataclass(frozen=True)
class TrainingFrames:
    """Frames of several sequences.

    Attributes:
        camera: camera of the images, depth and labels.
        class_names: names of the labels' classes; empty if no sequence has labels.
        images: (N, 3, H, W) uint8.
        translation, quaternion: (N, 3), (N, 4) float32, pose of the camera in the map, quaternion w first.
        pairs: (P, 2) positions of neighbours (previous, current); a frame without one is its own neighbour.
        depth: (N, H, W) float16 metres, NaN where unknown; None if no sequence has depth.
        labels: (N, H, W) uint8, 255 where unlabelled; None if no sequence has labels.
    """

    camera: Camera
    class_names: tuple[str, ...]
    images: Tensor
    translation: Tensor
    quaternion: Tensor
    pairs: Tensor
    depth: Tensor | None
    labels: Tensor | None

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def read(cls, sequences: Collection[Sequence], camera: Camera, *, max_frame_gap: int = 1) -> TrainingFrames:
        """Decode every frame of these sequences and adapt it to the network's camera.

        Raises:
            DatasetError: sequences disagree about their classes.
        """
        names = tuple(dict.fromkeys(s.class_names for s in sequences if s.read_labels is not None))
        if len(names) > 1:
            raise DatasetError(f"sequences disagree about their classes: {names[0]} and {names[1]}")
        has_depth = any(s.read_depth is not None for s in sequences)
        parts = [_read_one(s, camera, depth=has_depth, labels=bool(names)) for s in sequences]
        poses = np.concatenate([s.map_T_camera for s in sequences])
        split = [se3.to_parts(pose) for pose in poses]
        pairs, start = [], 0
        for sequence in sequences:
            pairs.append(_neighbours(sequence, max_frame_gap) + start)
            start += len(sequence)
        return cls(
            camera=camera,
            class_names=names[0] if names else (),
            images=torch.cat([p[0] for p in parts]),
            translation=torch.tensor(np.stack([t for t, _ in split]), dtype=torch.float32),
            quaternion=torch.tensor(np.stack([q for _, q in split]), dtype=torch.float32),
            pairs=torch.tensor(np.concatenate(pairs)),
            depth=torch.cat([p[1] for p in parts]) if has_depth else None,
            labels=torch.cat([p[2] for p in parts]) if names else None,
        )


def _neighbours(sequence: Sequence, max_frame_gap: int) -> npt.NDArray[np.int64]:
    pairs = sequence.pairs(max_frame_gap)
    alone = np.setdiff1d(np.arange(len(sequence)), pairs.ravel())
    return np.concatenate([pairs, np.stack([alone, alone], axis=1)])


def _read_one(sequence: Sequence, camera: Camera, *, depth: bool, labels: bool) -> tuple[Tensor, Tensor, Tensor]:
    adapter = CameraAdapter(sequence.camera, camera)
    n, size = len(sequence), (camera.height, camera.width)
    images = torch.empty((n, 3, *size), dtype=torch.uint8)
    depths = torch.full((n if depth else 0, *size), float("nan"), dtype=torch.float16)
    classes = torch.full((n if labels else 0, *size), IGNORE, dtype=torch.uint8)
    for i in range(n):
        images[i] = torch.from_numpy(adapter(sequence.read_image(i))).permute(2, 0, 1)
        if depth and sequence.read_depth is not None:
            depths[i] = torch.from_numpy(np.asarray(adapter.nearest(sequence.read_depth(i)), dtype=np.float16))
        if labels and sequence.read_labels is not None:
            classes[i] = torch.from_numpy(np.asarray(adapter.nearest(sequence.read_labels(i)), dtype=np.uint8))
    return images, depths, classes
