"""Whether the consensus of the last poses still says where the robot is, or has to begin anew."""

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
    """When to doubt a consensus. Residuals are in its units.

    The network errs for a while where it turns on the spot, and is right again; the consensus bridges that. What it
    cannot bridge is a lasting contradiction: pictures of another place, or a motion that was not seen.

    Attributes:
        consensus: how poses are joined.
        agreement: residual up to which a new pose confirms the consensus, and up to which the consensus may move from
            where it was last confirmed, but for the odometry.
        patience: seconds without confirmation after which it is lost.
        reach: metres by odometry without confirmation after which it is lost.
        restart: newest poses that found a new consensus once the old one is lost.
        coherence: residual within which most of them, and the newest, must then be of each other.
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


#: Share of the poses that found a new consensus which must be coherent.
_MOST = 0.75


@dataclass(frozen=True)
class Track:
    """Where the poses agree that the camera is, and whether that is to be believed.

    Attributes:
        agreement: of all poses in the window, believed alike, which is slow to be misled.
        latest: of the same with a shorter memory, and less belief in poses that may be wrong: what is published.
        doubt: seconds since a pose last confirmed it; 0 if this one does.
        unseen: metres by odometry since then.
        lost: whether that is too long or too far.
    """

    agreement: Agreement
    latest: Agreement
    doubt: float
    unseen: float
    lost: bool


class Tracker:
    """Follows the consensus from frame to frame.

    Args:
        config: when to doubt it.
    """

    def __init__(self, config: TrackingConfig) -> None:
        self._config = config
        self._consensus = Consensus(config.consensus)
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._consensus.reset()
        self._trusted: Array | None = None  # the consensus when it was last confirmed, carried on since
        self._confirmed, self._unseen, self._lost = 0, 0.0, False

    def step(self, pose: Array, motion: Array | None, stamp: int, expected: Array) -> Track:
        """One more pose; arguments as of `Consensus.add`. Without a motion all begins anew."""
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
        """Whether the newest poses agree among themselves."""
        count, limit = self._config.restart, self._config.coherence
        if len(self._consensus) < count:
            return False
        residuals = self._consensus.of_last(count).residuals
        return bool(residuals[-1] < limit and np.quantile(residuals, _MOST) < limit)
