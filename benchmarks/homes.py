"""Localization in places that no training had: ``python benchmarks/homes.py --help``.

In each apartment, a context map is made of two drives, and a third drive is localized in it. Real, hand-held
recordings follow, without any training on real images.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import tyro

import homes_hand_held
import homes_places
from benchmark_file import BenchmarkFile
from homes_config import HomesConfig
from homes_tables import notes, tables
from mapping_rows import KeptRows

Numbers = dict[str, Any]


@torch.inference_mode()
def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(HomesConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    numbers: dict[str, dict[str, Numbers]] = {}
    for group, varied in (("New apartments", False), ("New apartments, other cameras and lights", True)):
        for home in homes_places.homes(config, varied=varied):
            for network in config.networks:
                measure = partial(homes_places.score, config, network, home)
                _add(numbers, config, group, f"apartment {home.seed}, {network.stem}", measure)
    for name in homes_hand_held.recordings(config):
        for network in config.networks:
            measure = partial(homes_hand_held.score, config, network, name)
            _add(numbers, config, "Hand-held, never trained on real images", f"{name}, {network.stem}", measure)
    file = BenchmarkFile.of(
        __file__,
        title="Homes that no training had",
        tables=tables(numbers),
        notes=notes(numbers, config.networks[-1].stem),
        runs=numbers,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


def _add(
    numbers: dict[str, dict[str, Numbers]], config: HomesConfig, group: str, name: str, measure: partial[Numbers]
) -> None:
    """Add a row to its group: a kept one, or one that is measured now."""
    rows = KeptRows(config.work / "rows", f"{config.one_step} {config.starts} {config.kidnapped}")
    row = rows.row(f"{group}, {name}", measure)
    assert row is not None
    numbers.setdefault(group, {})[name] = row


if __name__ == "__main__":
    main()
