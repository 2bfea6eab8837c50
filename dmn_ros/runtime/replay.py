"""Replay of a recorded sequence through the particle filter, frame by frame, as a node does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dmn_ros.filter.belief import Belief
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.runtime.localizer import Localizer
from localization_common.datasets.sequence import Sequence
from localization_common.errors import InputError

NO_PROPOSALS: Mapping[int, PlanarGaussian] = MappingProxyType({})


class ReplayedBelief(NamedTuple):
    """Belief after one frame, and the frame's index in the sequence."""

    position: int
    belief: Belief


def replay(
    localizer: Localizer,
    sequence: Sequence,
    odometry: npt.NDArray[np.float64],
    *,
    positions: Iterable[int] | None = None,
    proposals: Mapping[int, PlanarGaussian] = NO_PROPOSALS,
) -> Iterator[ReplayedBelief]:
    """Replay a sequence; frames that the filter refuses are left out.

    Args:
        localizer: its camera is set; its belief at the start is that of the caller's reset.
        sequence: frames with stamps and camera.
        odometry: (N, 3) planar odometry at each frame, metres and radians; NaN where there is none.
        positions: indices of the frames to use, in this order; None: all.
        proposals: poses of another localizer, by stamp.

    Raises:
        CameraError: the localizer cannot use the sequence's camera.
    """
    localizer.set_camera(sequence.camera, sequence.base_T_camera[:3, :3])
    for position in range(len(sequence)) if positions is None else positions:
        stamp = int(sequence.stamps[position])
        try:
            belief = localizer.step(sequence.read_image(position), stamp, odometry[position], proposals.get(stamp))
        except InputError:
            continue
        yield ReplayedBelief(position, belief)
