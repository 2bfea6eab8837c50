"""Rendering of ``docs/commands.md``: every command with its options, from the dataclasses that define them.

``python -m deep_localization.command_reference docs/commands.md`` writes the page; a test compares it.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import sys
from pathlib import Path
from typing import Any, get_type_hints

import tyro

import deep_localization.demo.demo_options
import deep_localization.demo.mapping_demo_options
import deep_localization.evaluation.evaluate_bag
import deep_localization.place_building.command
import dmn_ros.commands.build_map
import dmn_ros.commands.evaluate
import dmn_ros.commands.evaluate_worlds
import dmn_ros.commands.train
import dmn_ros.commands.train_worlds
import localization_common.datasets.rosbag2_writer
import localization_common.datasets.world_difficulty
import localization_common.recording_check.command
import localization_sim.commands.generate_worlds
import localization_sim.commands.record
import vlocnet_ros.commands.build_keyframes
import vlocnet_ros.commands.calibrate
import vlocnet_ros.commands.complexity
import vlocnet_ros.commands.evaluate
import vlocnet_ros.commands.explain
import vlocnet_ros.commands.export
import vlocnet_ros.commands.tables
import vlocnet_ros.commands.train_schedule
import vlocnet_ros.training.config

#: Console script -> dataclass of its options.
COMMANDS: dict[str, type[Any]] = {
    "recording_check": localization_common.recording_check.command.RecordingCheck,
    "localization_map": deep_localization.place_building.command.MapCommand,
    "vlocnet_train": vlocnet_ros.training.config.TrainConfig,
    "vlocnet_train_schedule": vlocnet_ros.commands.train_schedule.ScheduleConfig,
    "vlocnet_evaluate": vlocnet_ros.commands.evaluate.EvaluateConfig,
    "vlocnet_calibrate": vlocnet_ros.commands.calibrate.CalibrateConfig,
    "vlocnet_build_keyframes": vlocnet_ros.commands.build_keyframes.BuildConfig,
    "vlocnet_explain": vlocnet_ros.commands.explain.ExplainConfig,
    "vlocnet_export": vlocnet_ros.commands.export.ExportConfig,
    "vlocnet_systems": vlocnet_ros.commands.complexity.SystemsConfig,
    "vlocnet_tables": vlocnet_ros.commands.tables.TablesConfig,
    "dmn_train": dmn_ros.commands.train.TrainCommand,
    "dmn_evaluate": dmn_ros.commands.evaluate.EvaluateCommand,
    "dmn_train_worlds": dmn_ros.commands.train_worlds.TrainWorldsCommand,
    "dmn_evaluate_worlds": dmn_ros.commands.evaluate_worlds.EvaluateWorldsCommand,
    "dmn_build_map": dmn_ros.commands.build_map.BuildMapCommand,
    "evaluate_bag": deep_localization.evaluation.evaluate_bag.Evaluation,
    "localization_demo": deep_localization.demo.demo_options.Demo,
    "localization_demo_mapping": deep_localization.demo.mapping_demo_options.MappingDemo,
    "apartment_record": localization_sim.commands.record.ApartmentRecording,
    "worlds_generate": localization_sim.commands.generate_worlds.WorldGeneration,
    "worlds_difficulty": localization_common.datasets.world_difficulty.DifficultyCheck,
    "sequence_to_bag": localization_common.datasets.rosbag2_writer.Conversion,
}

_HEADING = """# Commands

Each has `--help`. `make setup` puts them into `.venv/bin`; in a workspace, `ros2 run deep_localization COMMAND` runs
them. The nodes are described in [reference.md](reference.md). This page is rendered from the code by
`python -m deep_localization.command_reference docs/commands.md`.

A command that cannot do what was asked prints one line and ends with exit code 2; Ctrl-C gives 130. It tries its output
before it begins to work.
"""


def render() -> str:
    """Render the page in Markdown."""
    return "\n".join([_HEADING, *(_section(name, config) for name, config in COMMANDS.items())])


def _section(name: str, config: type[Any]) -> str:
    parser = tyro.extras.get_parser(config)
    purpose = (inspect.getdoc(config) or "").split("\n\n")[0].replace("\n", " ").strip()
    shared = _shared_sentences(config)
    rows = [_row(action, shared) for action in parser._actions if "--help" not in action.option_strings]
    return "\n".join([f"## {name}", "", purpose, "", "| option | default | meaning |", "|---|---|---|", *rows, ""])


def _shared_sentences(config: type[Any]) -> dict[str, str]:
    """Read docstring lines for several attributes at once (``width, height: ...``), which tyro ignores."""
    found: dict[str, str] = {}
    for hint in get_type_hints(config).values():
        if dataclasses.is_dataclass(hint):
            found |= _shared_sentences(hint)  # type: ignore[arg-type]
    for names, sentence in re.findall(
        r"^ +(\w+(?:, \w+)+): ((?:.+\n?)(?: {8,}.+\n?)*)", inspect.getdoc(config) or "", re.M
    ):
        found |= dict.fromkeys(names.split(", "), " ".join(sentence.split()))
    return found


def _row(action: argparse.Action, shared: dict[str, str]) -> str:
    text = re.sub(r"\x1b\[[0-9;]*m", "", action.help or "").replace("\n", " ")
    stated = re.search(r"\((default: (?P<default>.*)|required)\)\s*$", text)
    default = (stated["default"] or "") if stated else ""
    name = action.option_strings[0].split(".")[-1].lstrip("-").replace("-", "_") if action.option_strings else ""
    meaning = (text[: stated.start()] if stated else text).strip() or shared.get(name, "")
    current = action.dest.split(".")[-1].replace("_", "-")
    options = sorted(action.option_strings, key=lambda option: current not in option)  # earlier names come last
    names = " ".join(f"`{option}`" for option in options) or "*files*"
    shown = f"`{default}`" if default and default != "''" else ""
    return f"| {names} | {shown} | {meaning} |".replace("  ", " ")


def main() -> None:
    """Write the page."""
    Path(sys.argv[1]).write_text(render())


if __name__ == "__main__":
    main()
