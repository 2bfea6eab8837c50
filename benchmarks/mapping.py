"""Maps that are made without true poses, measured against true poses: ``python benchmarks/mapping.py --help``.

The mapping gets images and wheel odometry of simulated drives (without true poses, depth and labels), or images alone
of real ones. Maps are aligned with the truth by the best rigid transform of their keyframes; maps without a scale, by
the best similarity. Other drives are localized in the maps and moved by the *same* transform: the true poses of a drive
that is localized are used for its scores alone.
"""

from __future__ import annotations

import cv2
import torch
import tyro

from benchmark_file import BenchmarkFile
from mapping_config import MappingBenchmarkConfig
from mapping_maps import measure_maps
from mapping_robot import measure_robot
from mapping_run import MappingRun
from mapping_tables import notes, tables


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(MappingBenchmarkConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(config.threads)
    run = MappingRun(config)
    run.record()
    measure_maps(run)
    measure_robot(run)
    file = BenchmarkFile.of(
        __file__,
        title="Maps without true poses",
        tables=tables(run.numbers),
        notes=notes(run.numbers),
        runs=run.numbers,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
