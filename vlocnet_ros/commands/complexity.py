"""`vlocnet_systems`: list all systems with their parameters and multiply-adds, counted on the networks."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch._subclasses import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from localization_common.command_line import command, options_of
from localization_common.files.outputs import require_writable_file, write_output
from vlocnet_ros.network.systems import PRESETS, SYSTEMS, StructureName, SystemName
from vlocnet_ros.network.vlocnetpp import VLocNet


@dataclass(frozen=True)
class SystemsConfig:
    """List the systems that can be trained, with parameters and multiply-adds.

    Attributes:
        systems: systems to list; all by default.
        model: structure to list; all by default.
        output: JSON file for the numbers.
    """

    systems: tuple[SystemName, ...] = ()
    model: StructureName | None = None
    output: Path | None = None


@dataclass(frozen=True)
class NetworkSize:
    """Number of parameters, multiply-adds of the forward pass of a pair, and of one more frame of a sequence."""

    parameters: int
    pair: int
    step: int


def size(network: VLocNet) -> NetworkSize:
    """Count parameters, and the multiply-adds of convolutions, matrix products and LSTMs.

    Works also under ``FakeTensorMode``, where nothing is computed.
    """
    training = network.training
    network.eval()
    frame = torch.empty(1, 3, network.config.height, network.config.width, device=network.image_mean.device)
    counts = []
    with torch.no_grad():
        previous = network.encode(frame)
        for run in (lambda: network(frame, frame), lambda: network.decode(network.encode(frame), previous)):
            with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mkldnn_rnn_layer: _lstm}) as counter:
                run()
            counts.append(counter.get_total_flops() // 2)
    network.train(training)
    return NetworkSize(sum(p.numel() for p in network.parameters()), *counts)


def _lstm(x: torch.Size, *weights: Any, **_: Any) -> int:
    """Count the operations of one direction of an LSTM over (length, batch, features); torch does not count them."""
    return 2 * x[0] * x[1] * (math.prod(weights[0]) + math.prod(weights[1]))


def sizes(config: SystemsConfig) -> dict[SystemName, dict[str, NetworkSize]]:
    """Return sizes by system, then by width."""
    found: dict[SystemName, dict[str, NetworkSize]] = {}
    names: tuple[SystemName, ...] = config.systems or get_args(SystemName)
    for name in names:
        for width in PRESETS if config.model is None else (config.model,):
            with FakeTensorMode():
                found.setdefault(name, {})[width] = size(VLocNet(SYSTEMS[name].structure(width)))
    return found


def main() -> None:
    """Entry point of `vlocnet_systems`."""
    with command("vlocnet_systems"):
        _show(options_of(SystemsConfig, __doc__))


def _show(config: SystemsConfig) -> None:
    """Print the sizes, and write them if an output is named."""
    require_writable_file(config.output)
    found = sizes(config)
    for name, widths in found.items():
        print(f"{name}: {SYSTEMS[name].description} ({SYSTEMS[name].reference})")
        for width, n in widths.items():
            print(
                f"  {width:7}{n.parameters / 1e6:7.2f} M parameters, {n.pair / 1e9:6.2f} G multiply-adds a pair, "
                f"{n.step / 1e9:6.2f} G one more frame"
            )
    if config.output is not None:
        numbers = {name: {width: asdict(n) for width, n in widths.items()} for name, widths in found.items()}
        write_output(config.output, json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
