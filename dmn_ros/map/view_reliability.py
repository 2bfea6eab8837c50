"""Reliability of each view of the map: rooms change, and then a view is outdated and misleads the filter.

The observation model is evaluated with one view as the whole map: the likelihood of the current image at the estimated
pose is compared with that at poses all over the map. A view of an unchanged place prefers the estimated pose, an
outdated view does not. Each image has little influence, so that a person who walks by does no harm.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.network.dmn import DMN

Array = npt.NDArray[np.float64]

#: Largest change of the log odds of a view by one image, and largest log odds: an old view with a long record becomes
#: unreliable after as many images as a new one.
_MOST_EVIDENCE, _MOST_LOG_ODDS = 1.0, 4.0


def view_evidence(
    network: DMN, views: Tensor, view_poses: Tensor, query: Tensor, pose: Tensor, reference: Tensor
) -> Tensor:
    """Compute log-likelihood ratios (n,) of a pose to the mean of reference poses, each with one view as the whole map.

    Args:
        views: (n, C, h, w) context embeddings. view_poses: (n, 3), map units, as all poses here.
        query: (C, h, w) query embedding of the image.
        pose: (3,) estimated pose. reference: (R, 3) poses all over the map.
    """
    count = len(views)
    particles = torch.cat([pose[None], reference]).expand(count, 1, -1, -1)
    queries = query.expand(count, 1, -1, -1, -1)
    log_likelihood = network(views[:, None], view_poses[:, None], queries, particles)[:, 0].float()
    return log_likelihood[:, 0] - (log_likelihood[:, 1:].logsumexp(dim=1) - math.log(len(reference)))


def updated(reliability: Array, views: npt.NDArray[np.int64], evidence: Array) -> Array:
    """Update reliabilities (N,) in 0..1 by evidence (n,) for or against the views at the positions `views` (n,)."""
    bounds = 1.0 / (1.0 + np.exp([_MOST_LOG_ODDS, -_MOST_LOG_ODDS]))
    before = reliability[views].clip(*bounds)
    log_odds = np.log(before / (1.0 - before)) + evidence.clip(-_MOST_EVIDENCE, _MOST_EVIDENCE)
    result = reliability.copy()
    result[views] = (1.0 / (1.0 + np.exp(-log_odds))).clip(*bounds)
    return result


def attention_weights(reliability: Array) -> Array:
    """Factors (N,) on the attention to views: 1 for a reliability of at least 0.5, less below."""
    return np.minimum(1.0, 2.0 * reliability)
