"""Card of a checkpoint: its origin and its measured errors, as Markdown."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from localization_common.files.git_commit import commit_of
from vlocnet_ros.runtime.checkpoint import load_vlocnet
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.training_frames import TrainingFrames


def describe(config: TrainConfig, frames: TrainingFrames) -> dict[str, Any]:
    """Return the origin of a checkpoint that is known before the training."""
    return {
        "data": [path.name for path in config.train] or [config.place_name],
        "frames": len(frames),
        "validation": [path.name for path in config.validate] or [_validation_frames(config)],
        "command": shlex.join(["vlocnet_train", *sys.argv[1:]]),
        "system": config.system,
        "ablations": list(config.ablate),
        "seed": config.seed,
        "commit": commit_of(Path(__file__).parent) or "unknown",
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "augmentation": asdict(config.augmentation),
        "initial": [{"file": path.name} | _origin(load_vlocnet(path).card) for path in config.initial],
        "torch": str(torch.__version__),
    }


def _validation_frames(config: TrainConfig) -> str:
    """Frames of the training sequences that are held out."""
    if named := config.validate_frames or config.exclude:
        return f"frames {named}"
    return f"{config.hold_out:.0%} of each sequence" if config.hold_out > 0.0 else "none"


def _origin(card: dict[str, Any]) -> dict[str, Any]:
    kept = ("command", "stage", "changes", "seed", "commit", "minutes", "steps", "numbers", "initial")
    return {key: card[key] for key in kept if key in card}


def _origins(card: dict[str, Any]) -> dict[str, str]:
    """Return the files from which a checkpoint was started, with the training of each, the first ones first."""
    found: dict[str, str] = {}
    for origin in card.get("initial", ()):
        found |= _origins(origin)
        how = f"`{origin['command']}`"
        if "stage" in origin:
            how = ", ".join(f"{name} {value}" for name, value in origin["changes"].items()) or "the common options"
        found[origin["file"]] = f"{how} ({origin['minutes']} minutes, {origin['steps']} steps)"
    return found


def write_card(checkpoint: Path, card: dict[str, Any]) -> None:
    """Write the card of a checkpoint as Markdown beside it."""
    numbers = card.get("numbers", {})
    lines = [
        f"# {checkpoint.stem}",
        "",
        "VLocNet++ checkpoint. This card is written by the training command.",
        "",
        "| | |",
        "|---|---|",
        f"| data | {', '.join(card['data'])} ({card['frames']} frames) |",
        f"| validation | {', '.join(card['validation'])} |",
        f"| command | `{card['command']}` |",
        *(f"| started from {file} | {how} |" for file, how in _origins(card).items()),
        f"| seed | {card['seed']} |",
        f"| commit | {card['commit']} |",
        f"| minutes | {card['minutes']} ({card['steps']} steps) |",
        f"| date | {card['date']} |",
        f"| size | {checkpoint.stat().st_size / 1e6:.2f} MB |",
        "",
        "Numbers on the validation frames, measured with the stored file, frame by frame as on a robot:",
        "",
        "```json",
        json.dumps(numbers, indent=1),
        "```",
        "",
    ]
    checkpoint.with_suffix(".md").write_text("\n".join(lines), encoding="utf-8")
