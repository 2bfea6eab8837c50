"""How far each view of the map can still be relied on: rooms change, and then a view misleads.

The observation model is asked what it would say if a view were the whole map: the likelihood of the current image at
the believed pose against poses all over the map. A view of a place that looks as it did prefers the believed pose; one
that is outdated does not. Each image counts little, either way, so that a person who walks by does no harm.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.network.dmn import DMN

Array = npt.NDArray[np.float64]

#: One image changes the log odds of a view by at most this much, and they stay within these bounds: a view that was
#: right for years is doubted after as many images as one that is new.
_MOST_EVIDENCE, _MOST_LOG_ODDS = 1.0, 4.0


def view_evidence(
    network: DMN, views: Tensor, view_poses: Tensor, query: Tensor, pose: Tensor, reference: Tensor
) -> Tensor:
    """Log-likelihood ratios (n,) of a pose against the mean of reference poses, each with one view as the whole map.

    Args:
        views: (n, C, h, w) context embeddings. view_poses: (n, 3), map units, as all poses here.
        query: (C, h, w) query embedding of the image.
        pose: (3,) where the belief says the robot is. reference: (R, 3) all over the map.
    """
    count = len(views)
    particles = torch.cat([pose[None], reference]).expand(count, 1, -1, -1)
    queries = query.expand(count, 1, -1, -1, -1)
    log_likelihood = network(views[:, None], view_poses[:, None], queries, particles)[:, 0].float()
    return log_likelihood[:, 0] - (log_likelihood[:, 1:].logsumexp(dim=1) - math.log(len(reference)))


def updated(reliability: Array, judged: npt.NDArray[np.int64], evidence: Array) -> Array:
    """Reliabilities (N,) in 0..1 after evidence (n,) for or against some of the views, at positions judged (n,)."""
    bounds = 1.0 / (1.0 + np.exp([_MOST_LOG_ODDS, -_MOST_LOG_ODDS]))
    before = reliability[judged].clip(*bounds)
    log_odds = np.log(before / (1.0 - before)) + evidence.clip(-_MOST_EVIDENCE, _MOST_EVIDENCE)
    result = reliability.copy()
    result[judged] = (1.0 / (1.0 + np.exp(-log_odds))).clip(*bounds)
    return result


def attention_weights(reliability: Array) -> Array:
    """What the attention of each view (N,) is multiplied with: 1 until more images speak against it than for it."""
    return np.minimum(1.0, 2.0 * reliability)
