"""The card beside a checkpoint: where it comes from and what it measured, for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


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
        *(f"| started from {s['file']} | `{s['command']}` ({s['minutes']} minutes) |" for s in card["initial"]),
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
