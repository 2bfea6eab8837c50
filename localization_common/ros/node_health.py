"""Diagnostics of a localizer node: its problems and values, once a second and in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localization_common.ros.diagnostics import frame_values, starvation
from localization_common.ros.frame_outcomes import STAMPS
from localization_common.ros.monitor import Level, Monitor, Problem

if TYPE_CHECKING:
    from localization_common.ros.localizer_node import LocalizerNode


class NodeHealth:
    """Collects the problems and values of a node.

    Attributes:
        monitor: rates, durations, counts and present problems; a problem that begins or ends is logged.

    Args:
        node: node that is described.
    """

    def __init__(self, node: LocalizerNode[Any]) -> None:
        self._node = node
        self.monitor = Monitor(self._log)

    def status(self) -> tuple[dict[str, Problem], dict[str, str]]:
        """Problems and values at this moment, for /diagnostics."""
        self._update()
        node, problems = self._node, self.monitor.problems
        if not node.configured:
            problems.setdefault("configure", Problem(Level.WARN, "not configured"))
        elif not node.active or not node.enabled:
            problems["state"] = Problem(Level.WARN, "inactive" if not node.active else "disabled by service")
        elif starved := starvation(self.monitor, node.feed.topic, node.feed.why_silent):
            problems["images"] = Problem(Level.ERROR, starved)
        state = "unconfigured" if not node.configured else "active" if node.active else "inactive"
        values = {"state": state, "device": node.settings.device}
        stamps = {f"images {kind}": str(count) for kind, count in sorted(node.clock_guard.refused.items())}
        values["relocalizations"] = str(node.broadcaster.relocalizations)
        return problems, {**values, **frame_values(self.monitor, node.frames), **stamps, **node.values()}

    def _update(self) -> None:
        """Update what changes without a frame: TF missing or sent twice, wrong stamps, no pose any more."""
        node = self._node
        if node.active:
            node.broadcaster.check()
            node.poses.check_silence()
        if node.clock_guard.quiet:
            self.monitor.solved(STAMPS)
        self._set("camera_info", node.feed.calibration.complaint)
        self._set("second_broadcaster", node.transforms.second_broadcaster)

    def _set(self, key: str, warning: str) -> None:
        if warning:
            self.monitor.problem(key, Level.WARN, warning)
        else:
            self.monitor.solved(key)

    def _log(self, key: str, problem: Problem | None) -> None:
        logger = self._node.get_logger()
        if problem is None:
            logger.info(f"{key}: recovered")
        elif problem.level == Level.ERROR:
            logger.error(problem.text)
        else:
            logger.warning(problem.text)
