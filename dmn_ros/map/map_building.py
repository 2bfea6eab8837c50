"""Choice of the views of a context map from drives, by coverage of position and heading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.drive_frames import DriveFrames, bounds_of
from dmn_ros.map.view_coverage import cover
from dmn_ros.network.dmn import DMN
from dmn_ros.network.embedding import images_to_tensor


@dataclass(frozen=True)
class MapOptions:
    """Choice of the views of a map.

    Attributes:
        spacing_d, spacing_a: distance, metres and radians, within which a view covers a pose.
        max_views: largest number of views.
        bounds: min_x min_y max_x max_y of the area where the robot can be, metres; by default the drives and a margin.
        margin: margin around the drives, metres.
        frame_id: name of the map frame.
    """

    spacing_d: float = 0.8
    spacing_a: float = 0.6
    max_views: int = 80
    bounds: tuple[float, float, float, float] | None = None
    margin: float = 0.5
    frame_id: str = "map"


@torch.inference_mode()
def build_map(network: DMN, drives: list[DriveFrames], options: MapOptions) -> ContextMap:
    """Build a map of views chosen from drives through one place, in one map frame, for the robot of the first drive."""
    mount = drives[0].mount
    poses = np.concatenate([drive.on_base(mount).poses for drive in drives])
    chosen = cover(poses, spacing_d=options.spacing_d, spacing_a=options.spacing_a, max_views=options.max_views)
    images = torch.cat([drive.images for drive in drives])[torch.from_numpy(chosen)]
    features = network.context_embedding(images_to_tensor(images))
    return ContextMap(
        features=features,
        poses=poses[chosen],
        bounds=options.bounds or bounds_of(poses, options.margin),
        scale=network.config.metres_per_unit,
        frame_id=options.frame_id,
        fingerprint=network.context_fingerprint(),
        mount=mount,
    )


def extend_map(old: ContextMap, new: ContextMap, options: MapOptions) -> ContextMap:
    """Extend a map by the views of later drives through the same place, in the same map frame.

    Unreliable views of the old map go first, so that new views replace them. Elsewhere, of views that cover each other,
    the more certain ones stay.

    Raises:
        MapError: the maps have different frames, scales, networks or mounts.
    """
    spacing = {"spacing_d": options.spacing_d, "spacing_a": options.spacing_a}
    return old.pruned(**spacing, max_views=options.max_views).merged(new, **spacing)
