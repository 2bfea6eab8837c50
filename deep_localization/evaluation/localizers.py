"""Localizers of an evaluation, made from files as the nodes make them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deep_localization.evaluation.drive_results import Array
from deep_localization.evaluation.models import Models
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from vlocnet_ros.runtime.camera_motion import Odometry
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.localizer import Localizer as VlocnetLocalizer
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer


@dataclass(frozen=True)
class Localizers:
    """Localizers of a drive; either may be missing."""

    vlocnet: FrameLocalizer | None = None
    dmn: DmnLocalizer | None = None


def load(models: Models, threads: int, filter_config: FilterConfig, odometry: Odometry | None = None) -> Localizers:
    """Open the localizers of these files, as the nodes do.

    Args:
        models: files of networks and maps.
        threads: number of torch threads.
        filter_config: parameters of the particle filter.
        odometry: wheel odometry of the drive, for a keyframe map without a network.

    Raises:
        CheckpointError, MapError: a file is missing or damaged.
    """
    vlocnet: FrameLocalizer | None = None
    if models.vlocnet is not None:
        vlocnet = VlocnetLocalizer.from_checkpoint(models.vlocnet, threads=threads)
        if models.keyframe_map is not None:
            vlocnet = RefiningLocalizer.with_map(vlocnet, models.keyframe_map)
    elif models.keyframe_map is not None:
        vlocnet = KeyframeLocalizer.with_map(models.keyframe_map, odometry)
    if models.dmn is None or models.map is None:
        return Localizers(vlocnet)
    return Localizers(
        vlocnet, DmnLocalizer.from_files(models.dmn, models.map, filter_config=filter_config, threads=threads)
    )


def contexts_of(localizers: Localizers) -> Array:
    """Planar poses (N, 3) of the context map's views; N is 0 without a map."""
    return np.zeros((0, 3)) if localizers.dmn is None else np.asarray(localizers.dmn.context_map.poses)
