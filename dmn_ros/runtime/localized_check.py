"""Check whether a belief is certain enough of one place for its pose to be published."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from dmn_ros.filter.clusters import Cluster, near
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.planar_gaussian import PlanarGaussian

Array = npt.NDArray[np.float64]

#: Least agreement of another localizer with a belief that comes from few images.
_AGREES = 0.5
#: Number of draws from a proposal that measure its share in a cluster.
_DRAWS = 256


def proposal_agreement(cluster: Cluster, proposal: PlanarGaussian | None, config: FilterConfig) -> float:
    """Share of another localizer's pose distribution that lies in the cluster; 0 without a proposal."""
    if proposal is None:
        return 0.0
    draws = proposal.sample(_DRAWS, torch.Generator().manual_seed(0)).double().numpy()
    return float(near(cluster.pose, draws, radius_d=config.cluster_d, radius_a=config.cluster_a).mean())


def confirms(agreed: float) -> bool:
    """Return True if another localizer agrees (`proposal_agreement`) with a belief that comes from few images."""
    return agreed >= _AGREES


def confirmed_share(share: float, agreed: float, trust: float) -> float:
    """Probability that the robot is in the cluster with this share of the weight, confirmed by another localizer.

    Proposals do not change the belief, so that belief and proposal are two sources. The other localizer is right with
    the probability ``trust``. Where it is wrong, it is assumed to be misled by the same views, the worst case for two
    localizers that use the same image: it then agrees with a cluster with the probability of the cluster's share. By
    Bayes' rule the cluster that it agrees with is right with ``trust + (1 - trust) * share``. If it disagrees, it may
    be wrong itself, and the share does not change.

    Args:
        share: share of the cluster in the weight.
        agreed: see `proposal_agreement`.
        trust: `FilterConfig.proposal_trust`.
    """
    return share + agreed * trust * (1.0 - share)


def confirmed_covariance(covariance: Array, cluster: Cluster, share: float) -> Array:
    """Covariance (3, 3) about the cluster's pose, if the robot is in the cluster with the probability ``share``.

    Args:
        covariance: (3, 3) of all particles about the cluster's pose.
        share: see `confirmed_share`; with the share of the cluster itself the covariance does not change.
    """
    if cluster.share >= 1.0:
        return covariance
    elsewhere = (covariance - cluster.share * cluster.covariance) / (1.0 - cluster.share)
    return share * cluster.covariance + (1.0 - share) * elsewhere


def rejection_reason(share: float, fit: float, config: FilterConfig, *, unconfirmed: bool = False) -> str:
    """Reason why the pose is not published; empty if it may be.

    Args:
        share: see `confirmed_share`. fit: `ParticleFilter.fit`.
        unconfirmed: True if the belief comes from too few images, and no other localizer agrees with it.
    """
    if share < config.localized_share:
        return f"the densest cluster holds {share:.1%} of the weight, {config.localized_share:.0%} is needed"
    if fit < config.localized_fit:
        return (
            f"the last images fit the belief worse than the whole map: logarithm {fit:.1f}, "
            f"{config.localized_fit:.1f} is needed"
        )
    if unconfirmed:
        return (
            f"too few images were weighed since the robot may be anywhere, {config.localized_images} are needed, "
            "and no other localizer agrees"
        )
    return ""
