"""Whether a belief is sure enough of one place for a pose to be published."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from dmn_ros.filter.clusters import Cluster, near
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.planar_gaussian import PlanarGaussian

Array = npt.NDArray[np.float64]

#: Draws from a proposal that tell how much of it lies in a cluster.
_DRAWS = 256


def agreement(cluster: Cluster, proposal: PlanarGaussian | None, config: FilterConfig) -> float:
    """Probability that the robot is in the cluster, for all that another localizer's pose says; 0 without one."""
    if proposal is None:
        return 0.0
    draws = proposal.sample(_DRAWS, torch.Generator().manual_seed(0)).double().numpy()
    return float(near(cluster.pose, draws, radius_d=config.cluster_d, radius_a=config.cluster_a).mean())


def confirmed_share(share: float, agreed: float, trust: float) -> float:
    """Probability that the robot is in the cluster with this share of the weight, confirmed by another localizer.

    Proposals leave the belief as it is, so that the two opinions are not one. The other localizer is right with the
    probability ``trust``; where it is wrong, the same views are assumed to mislead it, the worst case for two that look
    at the same image: it then agrees with a cluster as often as the cluster's share says. By Bayes' rule the cluster
    that it agrees with is right with ``trust + (1 - trust) * share``. If it disagrees, it may be the one that is lost,
    and the share stays.
    """
    return share + agreed * trust * (1.0 - share)


def confirmed_covariance(covariance: Array, cluster: Cluster, share: float) -> Array:
    """Covariance (3, 3) about the cluster's pose, if the robot is in the cluster with the probability ``share``.

    Args:
        covariance: (3, 3) of all particles about the cluster's pose.
        share: of the cluster, confirmed; its own leaves the covariance as it is.
    """
    if cluster.share >= 1.0:
        return covariance
    elsewhere = (covariance - cluster.share * cluster.covariance) / (1.0 - cluster.share)
    return share * cluster.covariance + (1.0 - share) * elsewhere


def doubt(share: float, fit: float, config: FilterConfig) -> str:
    """Why the pose should not be trusted; empty if it may be.

    Args:
        share: as confirmed. fit: `ParticleFilter.fit`.
    """
    if share < config.localized_share:
        return f"the densest cluster holds {share:.0%} of the weight, {config.localized_share:.0%} is needed"
    if fit < config.localized_fit:
        return (
            f"the last images fit the belief worse than the map at large: logarithm {fit:.1f}, "
            f"{config.localized_fit:.1f} is needed"
        )
    return ""
