"""Last check of what a node publishes: a result that is not finite or not possible is withheld, with a reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from localization_common.errors import EstimateError
from localization_common.ros.estimate_checks import require_publishable
from localization_common.ros.monitor import Level, Monitor

Array = npt.NDArray[np.float64]


class ResultChecks:
    """Checks of a node's results.

    Args:
        monitor: diagnostics of the node, which show the reason of a refusal until the next good result.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def publishable(self, what: str, a_T_b: Array, covariance: Array) -> bool:
        """True if an estimate (pose (4, 4), covariance (n, n)) may be published; else /diagnostics has the reason."""
        return self.passes(what, lambda: require_publishable(what, a_T_b, covariance))

    def passes(self, what: str, check: Callable[[], None]) -> bool:
        """True if a result passes a check of `estimate_checks`; else /diagnostics has the reason."""
        try:
            check()
        except EstimateError as error:
            remedy = "reset the node; if that does not help, its files are bad"
            self._monitor.problem(what, Level.ERROR, f"{error}: {remedy}")
            return False
        self._monitor.solved(what)
        return True
