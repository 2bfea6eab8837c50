"""Tables of `hammer`: measures of both nodes, with names and units."""

from __future__ import annotations

from typing import Any

from benchmark_file import Cell, Column, Table

#: Key of a node's report, its name in the table, and its form.
MEASURES = (
    ("control_answered", "valid frames answered before the storm", "{:.1f} %"),
    ("storm_answered", "valid frames answered in the storm", "{:.1f} %"),
    ("poses", "poses published", "{}"),
    ("wrong_poses", "wrong poses", "{}"),
    ("wrong_at", "first wrong pose, seconds from the start", "{:.1f}"),
    ("not_finite", "poses with NaN or infinity", "{}"),
    ("wrong_transforms", "transforms map -> odom that contradict their pose", "{}"),
    ("strangers", "malformed images that were answered", "{}"),
    ("worst", "largest distance to the replayed pose, m", "{:.2g}"),
    ("control_error", "median distance to the true pose before the storm, m", "{:.3f}"),
    ("storm_error", "median distance to the true pose in the storm, m", "{:.3f}"),
    ("start_mb", "memory before the storm, MB", "{:.0f}"),
    ("peak_mb", "largest growth of the memory in the storm, MB", "{:.1f}"),
    ("end_mb", "growth of the memory after the storm, MB", "{:.1f}"),
    ("control_cores", "cores in use before the storm", "{:.2f}"),
    ("storm_cores", "cores in use in the storm", "{:.2f}"),
    ("load", "load average of the machine", "{:.1f}"),
    ("log_lines", "log lines in the storm", "{}"),
    ("most_lines", "most log lines in one second", "{}"),
    ("received", "images received", "{}"),
    ("processed", "images processed", "{}"),
    ("refused", "images refused", "{}"),
    ("dropped", "images dropped", "{}"),
    ("recovered_after", 'seconds from the end of the storm to "working"', "{:.1f}"),
)


def table(title: str, nodes: dict[str, dict[str, Any]]) -> Table:
    """Table of the measures of one run, with a column for each node.

    Args:
        title: title of the table.
        nodes: reports by node, with the fields of `hammer_judge.NodeReport`.
    """
    reports = [{**report, **report["frames"]} for report in nodes.values()]
    rows: list[list[Cell]] = [
        [name, *(_shown(report[key], form) for report in reports)] for key, name, form in MEASURES
    ]
    return Table(title, [Column("measure"), *(Column(name) for name in nodes)], rows)


def _shown(value: Any, form: str) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return "none"
    return form.format(100.0 * value if "%" in form else value)
