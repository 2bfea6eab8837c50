"""The card beside a checkpoint: what it is, what made it, what it reaches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dmn_ros.network.dmn import DMN
from localization_common.camera import Camera


def write_card(path: Path, network: DMN, camera: Camera, card: dict[str, Any]) -> None:
    """Write a card as Markdown."""
    config = network.config
    rows, columns = config.grid
    parameters = sum(p.numel() for p in network.parameters())
    lines = [
        f"# {path.stem}",
        "",
        "Differentiable Mapping Network (Karkus et al., 2020): embeddings of context views, egocentric spatial "
        "attention and a discriminative observation model for a particle filter.",
        "",
        f"- Form: `{config.observation}`, {parameters:,} parameters; views are {config.feature_channels} channels on "
        f"{rows}x{columns} cells",
        f"- Camera: {camera.width}x{camera.height} pixels, fx {camera.fx:.1f} (other cameras are rectified to it)",
        f"- Data (frames of each drive): `{json.dumps(card['data'])}`",
        f"- Command: `{card['command']}`",
        f"- Seed {card['seed']}, commit {card['commit']}, {card['minutes']} minutes, {card['steps']} steps",
        f"- Numbers at the end of training: `{json.dumps(card['numbers'])}`",
        "",
    ]
    path.write_text("\n".join(lines))
