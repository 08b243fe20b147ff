"""What is measured: a network, its batch, its loss and its optimiser, the same for every side."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import models

RATE = 1e-4
WEIGHT_DECAY = 0.01
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Workload:
    """A network on one batch; inputs are named as in the reference file and stand in the order of `forward`."""

    build: Callable[[], nn.Module]
    draw: Callable[[], Batch]
    loss: Callable[[Tensor, Tensor], Tensor]
    has_decay: bool

    def optimizer(self, net: nn.Module, fused: bool) -> torch.optim.Optimizer:
        """AdamW that decays every parameter, or Adam."""
        if self.has_decay:
            return torch.optim.AdamW(
                net.parameters(), RATE, weight_decay=WEIGHT_DECAY, fused=fused
            )
        return torch.optim.Adam(net.parameters(), RATE, fused=fused)


def inputs(batch: Batch) -> list[Tensor]:
    """The arguments of `forward`."""
    return [batch[name] for name in ("input.ids", "input.pictures") if name in batch]


def draw_seed() -> Batch:
    return {
        "input.ids": torch.randint(0, 1000, (32, 100)),
        "input.pictures": torch.rand(32, 3, 64, 64),
        "input.targets": torch.randint(0, 2, (32,)).float(),
    }


def draw_texts() -> Batch:
    return {
        "input.ids": torch.randint(0, 30_522, (16, 128)),
        "input.targets": torch.randint(0, 10, (16,)),
    }


def draw_pictures(size: int) -> Batch:
    return {
        "input.pictures": torch.randn(8, 3, size, size),
        "input.targets": torch.randint(0, 10, (8,)),
    }


WORKLOADS = {
    "S1": Workload(models.SeedNetwork, draw_seed, F.binary_cross_entropy, has_decay=False),
    "S2": Workload(models.BertSmall, draw_texts, F.cross_entropy, has_decay=True),
    "S3": Workload(models.VitSmall, lambda: draw_pictures(224), F.cross_entropy, has_decay=True),
    "S4": Workload(models.ResNet18, lambda: draw_pictures(112), F.cross_entropy, has_decay=True),
}
