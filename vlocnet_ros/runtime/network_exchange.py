"""Exchange of the network of a localizer between two frames; no ROS."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer


@dataclass(frozen=True)
class SeenFrame:
    """Last frame of a localizer: image (H, W, 3) uint8 RGB, and stamp in nanoseconds."""

    image: npt.NDArray[np.uint8]
    stamp: int


def with_network(old: FrameLocalizer, network: Localizer, last: SeenFrame | None) -> FrameLocalizer:
    """Return a localizer with another network that goes on where an old one is.

    The keyframe map and the poses that it confirmed are kept. The consensus of the network's poses begins anew. The
    network sees the last frame first, so that its odometry has a motion from there to the next frame.

    Args:
        old: localizer so far; its last frame is finished, and it is not used any more.
        network: its camera is set.
        last: last frame of the old localizer; None without one.

    Raises:
        ConfigError: there is a keyframe map, and the network has no pose stream.
    """
    replaced: FrameLocalizer = network
    if isinstance(old, RefiningLocalizer):
        replaced = old.with_network(network)
    elif isinstance(old, KeyframeLocalizer):
        replaced = RefiningLocalizer(network, old.refiner)
    if last is not None:
        with contextlib.suppress(InputError):
            network.step(last.image, last.stamp)
    return replaced
