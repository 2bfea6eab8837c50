"""Outcome of a training: errors before and after it, and the tasks that keep their weights from before.

A short training may spoil what earlier ones learned. The weights before it and the weights along it are therefore
validated on the same frames, and a task that became worse gets its earlier weights back where that helps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vlocnet_ros.training import validation

Errors = Mapping[str, float]
Weights = Mapping[str, Tensor]

#: Parts of the network that can be exchanged as a whole: their tasks, and the beginnings of their tensors' names.
PARTS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("pose",): ("trunk.", "pose."),
    ("odometry",): ("odometry.", "alignment."),
    ("segmentation", "depth", "photometry"): ("segmentation.", "baseline.", "depth."),
}
#: Change of a task's score, which is a logarithm, that counts as none.
SAME = 0.01


@dataclass(frozen=True)
class TrainingOutcome:
    """Validation before and after a training.

    Attributes:
        before: errors of the weights before the training, by name; empty if there were none, or no validation frames.
        after: errors of the weights that are kept.
        step: step of these weights; 0 for those from before the training.
        steps: length of the training.
        restored: tasks that got their weights from before the training back.
    """

    before: Errors
    after: Errors
    step: int
    steps: int
    restored: tuple[str, ...] = ()

    @property
    def worse(self) -> list[str]:
        """Tasks that are worse than before."""
        return worse_tasks(self.before, self.after)

    def card(self) -> dict[str, Any]:
        """Return the entry of a checkpoint's card."""
        return asdict(self) | {"before": dict(self.before), "after": dict(self.after), "restored": list(self.restored)}

    @classmethod
    def from_card(cls, entry: Mapping[str, Any]) -> TrainingOutcome:
        """Read the entry of a checkpoint's card."""
        return cls(**{**entry, "restored": tuple(entry["restored"])})

    def lines(self) -> list[str]:
        """Format as lines of text: the weights that are kept, and each task's errors."""
        if not self.after:
            return ["not compared with its start: there are no validation frames (--validate, --exclude)"]
        if self.before and self.step == 0 and self.steps > 0:
            kept = f"not kept: no validated step of {self.steps} was better than the start"
        else:
            kept = f"kept, with the weights of step {self.step} of {self.steps}"
        return [kept, *(f"  {task:13} {self._line(task)}" for task in validation.task_scores(self.after))]

    def _line(self, task: str) -> str:
        after = validation.text(self.after, task)
        if task not in validation.task_scores(self.before):
            return after
        notes = {"restored: its weights are those from before": task in self.restored, "worse": task in self.worse}
        note = "".join(f"  ({text})" for text, applies in notes.items() if applies)
        return f"{validation.text(self.before, task)} -> {after}{note}"


def worse_tasks(before: Errors, after: Errors) -> list[str]:
    """Return the tasks whose errors are larger than before, in the order of `validation.TASKS`."""
    was, now = validation.task_scores(before), validation.task_scores(after)
    return [task for task in now if task in was and now[task] > was[task] + SAME]


def restore_worse_tasks(
    trained: Weights, earlier: Weights, before: Errors, after: Errors, validate: Callable[[Weights], Errors]
) -> tuple[Weights, Errors, tuple[str, ...]]:
    """Put earlier weights of tasks that became worse back, if that makes the score of all tasks together better.

    Tasks use each other's features, so that a task's earlier weights may not suit the other weights; hence each
    combination is validated.

    Args:
        trained, earlier: weights after and before the training.
        before, after: their errors, by name.
        validate: function that returns the errors of weights.

    Returns:
        Weights, their errors, and the tasks whose weights are the earlier ones.
    """
    worse = worse_tasks(before, after)
    parts = [tasks for tasks in PARTS if set(tasks) & set(worse)]
    choices = [parts, *([part] for part in parts)] if len(parts) > 1 else [parts] if parts else []
    weights, errors = trained, after
    restored: tuple[str, ...] = ()
    for choice in choices:
        candidate = {**trained, **_weights_of(choice, earlier)}
        found = validate(candidate)
        if validation.score(found) < validation.score(errors):
            weights, errors = candidate, found
            restored = tuple(task for part in choice for task in part if task in validation.task_scores(found))
    return weights, errors, restored


def _weights_of(parts: Iterable[Collection[str]], weights: Weights) -> dict[str, Tensor]:
    """Return the weights of some parts of the network."""
    prefixes = tuple(prefix for part in parts for prefix in PARTS[tuple(part)])
    return {name: tensor for name, tensor in weights.items() if name.startswith(prefixes)}


def copy_of_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a network's weights and statistics, on the CPU."""
    with torch.no_grad():
        return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
