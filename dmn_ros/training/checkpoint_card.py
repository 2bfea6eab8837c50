"""Card beside a checkpoint: description, command and scores, as Markdown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dmn_ros.config import NetworkConfig
from dmn_ros.network.dmn import DMN
from localization_common.camera import Camera

_DESCRIPTION = (
    "Differentiable Mapping Network (Karkus et al., 2020): embeddings of context views, egocentric spatial attention "
    "and a discriminative observation model for a particle filter."
)
_SETTINGS = {"one_step": "1 image", "sequential": "{} images", "tracking": "tracking, {} images"}


def write_card(path: Path, network: DMN, camera: Camera, card: dict[str, Any]) -> None:
    """Write the card of a network that was trained on drives, as Markdown."""
    parameters = sum(p.numel() for p in network.parameters())
    lines = [
        *_head(path, network.config, parameters),
        f"- Camera: {camera.width}x{camera.height} pixels, fx {camera.fx:.1f} (other cameras are adapted to it)",
        f"- Data (frames of each drive): `{json.dumps(card['data'])}`",
        f"- Command: `{card['command']}`",
        f"- Seed {card['seed']}, commit {card['commit']}, {card['minutes']} minutes, {card['steps']} steps",
        f"- Numbers at the end of training: `{json.dumps(card['numbers'])}`",
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def write_world_card(path: Path, config: NetworkConfig, result: dict[str, Any]) -> None:
    """Write the card of a network that was trained on worlds, with its numbers on other worlds, as Markdown.

    Args:
        path: file of the card.
        config: sizes of the network.
        result: results of `dmn_evaluate_worlds`.
    """
    card, evaluation = result["card"], result["evaluation"]
    powers = ", ".join(f"{power:g}" for power in evaluation["likelihood_exponent"])
    begun = f", begun with {card['initial']}" if card.get("initial") else ""
    lines = [
        *_head(path, config, result["parameters"]),
        f"- Images: {config.image_width}x{config.image_height} pixels; poses in map units, the environment spans -1..1",
        f"- Trained by `dmn_train_worlds --system {card['system']}` on {card.get('data', 'worlds')}: {card['steps']} "
        f"steps, {card['minutes']} minutes, seed {card['training']['seed']}{begun}",
        "",
        f"On {result['trials']} trajectories through other worlds ({result['worlds']}), {evaluation['contexts']} views "
        f"in the map, {evaluation['global_particles']} particles all over it ({evaluation['tracking_particles']} when "
        f"tracking), likelihoods to the power of {powers} (after each image); success is a squared position error "
        "below 0.2 square units:",
        "",
        "| setting | success, mean | success, most likely | mean squared error, mean |",
        "|---|---:|---:|---:|",
    ]
    for key, setting in _SETTINGS.items():
        found, name = result[key], setting.format(evaluation["length"])
        best = f"{100 * found['most_likely']['success']:.1f} %" if "most_likely" in found else ""
        lines.append(f"| {name} | {100 * found['mean']['success']:.1f} % | {best} | {found['mean']['mse']:.4f} |")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _head(path: Path, config: NetworkConfig, parameters: int) -> list[str]:
    rows, columns = config.grid
    form = (
        f"- Form: `{config.observation}`, {parameters:,} parameters; views are {config.feature_channels} channels on "
    )
    return [f"# {path.stem}", "", _DESCRIPTION, "", f"{form}{rows}x{columns} cells"]
