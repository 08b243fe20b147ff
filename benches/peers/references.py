"""Writes `FOLDER/S1.safetensors` and so on: weights, a batch, the expected outputs, the losses of 10 training steps.

usage: references.py FOLDER

The same files feed every side, so all train the same thing. Prints the work of each network as PyTorch's counter
sees it; the constants of the harness come from there.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from workloads import WORKLOADS, Workload, inputs

NUM_STEPS = 10


def reference(workload: Workload) -> dict[str, Tensor]:
    """All tensors of one file."""
    torch.manual_seed(0)
    net = workload.build()
    tensors = workload.draw()
    arguments, targets = inputs(tensors), tensors["input.targets"]
    for name, value in net.state_dict().items():
        if "num_batches" not in name:
            tensors[name] = value.clone()
    net.eval()
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        tensors["expected.output"] = net(*arguments)
    net.train()
    optimizer = workload.optimizer(net, fused=False)
    losses = []
    with FlopCounterMode(display=False) as train:
        for _ in range(NUM_STEPS):
            loss = workload.loss(net(*arguments), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    tensors["expected.losses"] = torch.tensor(losses)
    numbers = sum(value.numel() for value in net.parameters())
    print(
        f"  {numbers} parameters, forward {forward.get_total_flops() / 1e9:.3f} GFLOP, "
        f"training step {train.get_total_flops() / NUM_STEPS / 1e9:.3f} GFLOP"
    )
    return tensors


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    for name, workload in WORKLOADS.items():
        print(name)
        tensors = reference(workload)
        print("  losses", [round(loss, 5) for loss in tensors["expected.losses"].tolist()])
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors")


if __name__ == "__main__":
    main()
