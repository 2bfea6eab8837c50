"""Diagnostics values of the refinement; no ROS."""

from __future__ import annotations

from collections import deque

from localization_common.refinement.acceptance import Status
from localization_common.refinement.refiner import Refinement
from localization_common.ros.monitor import Durations
from vlocnet_ros.runtime.estimate import Estimate


class RefinementDiagnostics:
    """Refinements of the last frames; the worker adds to them while a timer reads them."""

    def __init__(self) -> None:
        self._last: Refinement | None = None
        self._refined: deque[bool] = deque(maxlen=500)
        self._durations = Durations()

    def add(self, estimate: Estimate) -> None:
        """Add one frame."""
        if estimate.refinement is None:
            return
        self._refined.append(estimate.refined)
        if "refine" in estimate.timings:
            self._durations.add(estimate.timings["refine"])
        self._last = estimate.refinement

    @property
    def values(self) -> dict[str, str]:
        """Lines for /diagnostics."""
        last = self._last
        if last is None:
            return {"refined": "no: no frame yet"}
        texts = {Status.REFINED: "yes", Status.RELOCATED: f"yes: {last.reason}"}
        refined = list(self._refined)
        return {
            "refined": texts.get(last.status, f"no: {last.reason}"),
            "refinement inliers": str(len(last.pixels)),
            "refinement p50 [ms]": f"{self._durations.percentile(50):.1f}",
            "refinement p95 [ms]": f"{self._durations.percentile(95):.1f}",
            "frames refined [%]": f"{100.0 * sum(refined) / len(refined):.1f}",
        }
