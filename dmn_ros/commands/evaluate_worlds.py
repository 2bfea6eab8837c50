"""``dmn_evaluate_worlds``: numbers of tables 1 and 2 of the DMN paper, of a network or of the baselines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from dmn_ros.network.systems import parameter_count
from dmn_ros.runtime.checkpoint import load_world_network
from dmn_ros.training.checkpoint_card import write_world_card
from dmn_ros.worlds.world_config import WorldEvaluationConfig
from dmn_ros.worlds.world_evaluation import evaluate_baselines, evaluate_worlds, fit_likelihood_exponents
from localization_common.command_line import command, options_of
from localization_common.datasets.open_worlds import open_worlds
from localization_common.errors import ConfigError
from localization_common.files.configuration import to_dict
from localization_common.files.outputs import require_writable_file, write_output


@dataclass(frozen=True)
class EvaluateWorldsCommand:
    """Localise in worlds: one-step global, sequential global, and tracking; or score the baselines without images.

    Attributes:
        worlds: directory of test worlds, such as build/worlds/rooms/test.
        checkpoint: checkpoint of dmn_train_worlds; without it, closest context and uninformed estimate are scored.
        output: JSON file to write.
        card: Markdown file to write: the checkpoint's card, with these numbers.
        evaluation: settings of the evaluation.
        fit_on: worlds to fit the powers of likelihoods on, such as build/worlds/rooms/validation; by default the powers
            are those of the settings.
        vary_contexts, vary_particles: further numbers of contexts, and of particles of global localization, to try.
        limit: number of worlds to use, the first ones.
        device: torch device.
        threads: number of threads of torch.
    """

    worlds: Annotated[Path, tyro.conf.Positional]
    checkpoint: Path | None = None
    output: Path = Path("build/dmn_worlds_evaluation.json")
    card: Path | None = None
    evaluation: WorldEvaluationConfig = field(default_factory=WorldEvaluationConfig)
    fit_on: Path | None = None
    vary_contexts: tuple[int, ...] = ()
    vary_particles: tuple[int, ...] = ()
    limit: int | None = None
    device: str = "cpu"
    threads: int = 1


def evaluate(arguments: EvaluateWorldsCommand) -> dict[str, Any]:
    """Compute all numbers; see `evaluate_worlds`. Keys of ``contexts`` and ``particles`` are their numbers as text.

    Raises:
        ConfigError: a card without a checkpoint.
        DatasetError: there are no worlds, or too few views.
        CheckpointError: the checkpoint cannot be used.
    """
    torch.set_num_threads(arguments.threads)
    worlds, config = open_worlds(arguments.worlds, limit=arguments.limit), arguments.evaluation
    result: dict[str, Any] = {"worlds": worlds.name, "evaluation": to_dict(config)}
    if arguments.checkpoint is None:
        if arguments.card is not None:
            raise ConfigError("card needs a checkpoint: give both, or neither")
        return result | evaluate_baselines(worlds, config)
    network, mapping, card = load_world_network(arguments.checkpoint)
    network.to(arguments.device)
    regression = mapping.algorithm == "regression"
    if arguments.fit_on is not None and not regression:
        exponents = fit_likelihood_exponents(network, open_worlds(arguments.fit_on), config)
        config = replace(config, likelihood_exponent=exponents)
        result["evaluation"] = to_dict(config)

    def numbers(varied: WorldEvaluationConfig) -> dict[str, Any]:
        return evaluate_worlds(network, worlds, varied, regression=regression)

    result |= {"card": card, "parameters": parameter_count(mapping)} | numbers(config)
    if arguments.card is not None:
        write_world_card(arguments.card, mapping.network, result)
    return result | {
        "contexts": {str(n): numbers(replace(config, contexts=n)) for n in arguments.vary_contexts},
        "particles": {str(k): numbers(replace(config, global_particles=k)) for k in arguments.vary_particles},
    }


def table(result: dict[str, Any]) -> str:
    """Format one line for each setting and estimate."""
    lines = [f"{result['worlds']}"]
    names = [name for name in ("closest_context", "uninformed") if name in result]
    rows = {name: result[name] for name in names} if names else {"network": result}
    for name, row in rows.items():
        for setting in ("one_step", "sequential", "tracking"):
            for estimate, found in row[setting].items():
                lines.append(
                    f"  {name:16} {setting:10} {estimate:11} {100 * found['success']:5.1f} %  mse {found['mse']:.4f}"
                )
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    with command("dmn_evaluate_worlds"):
        arguments = options_of(EvaluateWorldsCommand)
        require_writable_file(arguments.output)
        result = evaluate(arguments)
        print(table(result))
        write_output(arguments.output, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
