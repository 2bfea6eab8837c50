"""Weighing of a belief with one image: near its particles, or in a large map everywhere if it is in doubt."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.map.map_reader import MapReader
from localization_common.errors import EstimateError

#: Probability that a robot was moved while it was off.
MOVED = 0.1


@dataclass(frozen=True)
class Weighed:
    """Image with which a belief was weighed.

    Attributes:
        features: (C, h, w) features of the image.
        reference: (R, 3) poses all over the map, with which the belief was compared.
        timings: duration of each stage, milliseconds.
    """

    features: Tensor
    reference: Tensor
    timings: dict[str, float]


def weigh(
    belief: ParticleFilter, reader: MapReader, image: npt.NDArray[np.uint8], proposal: PlanarGaussian | None = None
) -> Weighed:
    """Weigh and resample the particles of a belief.

    Args:
        belief: particles, moved to the image's stamp.
        reader: map.
        image: (H, W, 3) uint8, adapted to the network.
        proposal: pose from another localizer, from which particles are drawn.

    Raises:
        EstimateError: the likelihoods are not finite; the particles have only moved.
    """
    moved_only = belief.particles, belief.log_weights
    try:
        if belief.untested and belief.elsewhere > 0.0:
            if reader.large:  # without more particles where the image fits, the robot's place is missed
                return _weigh_everywhere(belief, reader, image, proposal)
            belief.cover_map()
        if proposal is not None:
            belief.propose(proposal)
        return _weigh_near(belief, reader, image)
    except EstimateError:
        belief.particles, belief.log_weights = moved_only
        raise


def _weigh_near(belief: ParticleFilter, reader: MapReader, image: npt.NDArray[np.uint8]) -> Weighed:
    """Weigh with the views near the particles."""
    reference = belief.draw_uniform(belief.config.reference_poses)
    reading = reader.read(image, belief.particles, belief.log_weights, reference)
    reference = reference[reading.reference]
    if reader.large and belief.doubtful(reading.log_likelihood, reading.reference_log_likelihood):
        # A few reference poses in a large map are not near the robot: they do not show that it was carried away.
        if belief.untested:
            belief.elsewhere = MOVED
            return _weigh_everywhere(belief, reader, image)
        reference = _around_views(belief, reader)
        everywhere = reader.read_everywhere(image, reference)
        reading = replace(reading, reference_log_likelihood=everywhere.log_likelihood)
    start = time.perf_counter()
    belief.weigh(reading.log_likelihood, reading.reference_log_likelihood)
    belief.resample(reference)
    timings = reading.timings | {"filter": (time.perf_counter() - start) * 1e3}
    return Weighed(reading.features, reference, timings)


def _weigh_everywhere(
    belief: ParticleFilter, reader: MapReader, image: npt.NDArray[np.uint8], proposal: PlanarGaussian | None = None
) -> Weighed:
    """Weigh the first image if the robot is anywhere in a large map with the probability `ParticleFilter.elsewhere`."""
    reference = _around_views(belief, reader)
    coarse = reader.read_everywhere(image, reference)
    belief.focus(reference, coarse.log_likelihood)
    if proposal is not None:
        belief.propose(proposal)
    reading = reader.read_everywhere(image, belief.particles)
    belief.weigh(reading.log_likelihood, coarse.log_likelihood)
    belief.resample(reference)
    timings = {name: coarse.timings[name] + ms for name, ms in reading.timings.items()}
    return Weighed(reading.features, reference, timings)


def _around_views(belief: ParticleFilter, reader: MapReader) -> Tensor:
    """Draw poses (R, 3) all over a large map, around its views."""
    return belief.draw_around(torch.from_numpy(reader.context_map.poses).to(torch.float32))
