"""Tracking of the consensus from frame to frame, and the decision that it is lost."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_common.files.configuration import require_at_most
from vlocnet_ros.runtime.integrity.consensus import Agreement, Consensus, ConsensusConfig

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TrackingConfig:
    """Limits of the integrity check. Residuals are in the consensus' units.

    The network's poses are wrong for a while where the robot turns on the spot, then recover; the consensus bridges
    that. It cannot bridge a lasting contradiction: images of another place, or a motion that the camera did not see.

    Attributes:
        consensus: weights of the poses.
        agreement: residual up to which a new pose confirms the consensus, and up to which the consensus may differ from
            the last confirmed one moved on by the odometry.
        patience: seconds without confirmation after which it is lost.
        reach: metres by odometry without confirmation after which it is lost.
        restart: number of newest poses that start a new consensus once the old one is lost.
        coherence: largest residual of the newest and of most of these poses relative to their consensus.
    """

    consensus: ConsensusConfig = field(default_factory=ConsensusConfig)
    agreement: float = 6.0
    patience: float = 1.6
    reach: float = 0.25
    restart: int = 10
    coherence: float = 1.5

    def __post_init__(self) -> None:
        require_at_most(self, restart=10_000)
        if min(self.agreement, self.patience, self.reach, self.coherence) <= 0.0 or self.restart < 2:
            raise ConfigError(f"tracking: {self} must be positive, restart at least 2")


#: Share of the poses of a new consensus that must be coherent.
_MOST = 0.75


@dataclass(frozen=True)
class Track:
    """State of the consensus after one frame.

    Attributes:
        agreement: tracked consensus: all poses of the window, without predicted errors, so that it changes slowly.
        latest: published consensus: a shorter memory, and small weights for poses with a large predicted error.
        doubt: seconds since a pose last confirmed the consensus; 0 if this one does.
        unseen: metres by odometry since then.
        lost: True if one of both exceeds its limit.
    """

    agreement: Agreement
    latest: Agreement
    doubt: float
    unseen: float
    lost: bool


class Tracker:
    """Tracks the consensus from frame to frame.

    Args:
        config: limits.
    """

    def __init__(self, config: TrackingConfig) -> None:
        self._config = config
        self._consensus = Consensus(config.consensus)
        self.reset()

    def reset(self) -> None:
        """Drop all poses."""
        self._consensus.reset()
        self._trusted: Array | None = None  # the last confirmed consensus, moved on by the odometry
        self._confirmed, self._unseen, self._lost = 0, 0.0, False

    def step(self, pose: Array, motion: Array | None, stamp: int, expected: Array) -> Track:
        """Add a pose; arguments as of `Consensus.add`. Without a motion, the consensus restarts."""
        if motion is None:
            self.reset()
        agreement = self._consensus.add(pose, motion, stamp, expected)
        if self._trusted is not None and motion is not None:
            self._trusted = self._trusted @ motion
            self._unseen += float(np.linalg.norm(motion[:3, 3]))
        moved = 0.0 if self._trusted is None else self._consensus.residual(agreement.pose, self._trusted)
        limit = self._config.agreement
        if moved <= limit and agreement.residuals[-1] <= limit:
            self._confirm(agreement, stamp)
        doubt = 1e-9 * (stamp - self._confirmed)
        self._lost = self._lost or moved > limit or doubt >= self._config.patience or self._unseen > self._config.reach
        if self._lost and self._restarts():
            agreement = self._consensus.of_last(self._config.restart)
            self._consensus.keep(self._config.restart)
            self._confirm(agreement, stamp)
            doubt = 0.0
        return Track(agreement, self._consensus.latest(), doubt, self._unseen, self._lost)

    def _confirm(self, agreement: Agreement, stamp: int) -> None:
        self._trusted = agreement.pose
        self._confirmed, self._unseen, self._lost = stamp, 0.0, False

    def _restarts(self) -> bool:
        """True if the newest poses are coherent."""
        count, limit = self._config.restart, self._config.coherence
        if len(self._consensus) < count:
            return False
        residuals = self._consensus.of_last(count).residuals
        return bool(residuals[-1] < limit and np.quantile(residuals, _MOST) < limit)
