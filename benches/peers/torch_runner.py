"""Measures one workload in PyTorch.

usage: torch_runner.py FILE WORKLOAD PHASE CONFIGURATION

PHASE is `train`, or `infer1`, `infer16`: so many records at once. CONFIGURATION is `eager`, or options joined by `+`:
`fused` (the optimiser), `compile`, `freezing` (weights folded into the compiled network), `channels_last`, `bf16`
(autocast).
"""

import sys
from contextlib import AbstractContextManager, nullcontext

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from protocol import say, serve
from workloads import WORKLOADS, Batch, Workload, inputs

NUM_STEPS = 10


class Runner:
    """A network in one configuration."""

    def __init__(self, workload: Workload, batch: Batch, options: set[str]) -> None:
        self.workload = workload
        self.options = options
        self.net = workload.build()
        self.net.load_state_dict(
            {name: batch[name] for name in self.net.state_dict() if "num_batches" not in name},
            strict=False,
        )
        self.arguments = inputs(batch)
        self.targets = batch["input.targets"]
        if "channels_last" in options:
            self.net = self.net.to(memory_format=torch.channels_last)
            self.arguments = [self.channels_last(value) for value in self.arguments]

    @staticmethod
    def channels_last(value: Tensor) -> Tensor:
        return value.to(memory_format=torch.channels_last) if value.dim() == 4 else value

    def compiled(self) -> nn.Module:
        if "compile" not in self.options:
            return self.net
        if "freezing" in self.options:
            from torch._inductor import config

            config.freezing = True
        return torch.compile(self.net)

    def precision(self) -> AbstractContextManager[object]:
        if "bf16" in self.options:
            return torch.autocast("cpu", dtype=torch.bfloat16)
        return nullcontext()

    def train(self) -> None:
        self.net.train()
        optimizer = self.workload.optimizer(self.net, "fused" in self.options)
        net = self.compiled()

        def step() -> float:
            with self.precision():
                loss = self.workload.loss(net(*self.arguments), self.targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.item()

        losses = [step() for _ in range(NUM_STEPS)]
        serve("train", step, {"losses": losses})

    def infer(self, phase: str, expected: Tensor) -> None:
        batch_size = int(phase.removeprefix("infer"))
        arguments = [value[:batch_size] for value in self.arguments]
        self.net.eval()
        net = self.compiled()

        def step() -> Tensor:
            with self.precision():
                return net(*arguments)

        with torch.inference_mode():
            output = step().float()
            difference = (output - expected[:batch_size]).abs().max().item()
            serve(phase, step, {"max_difference": difference})


def main() -> None:
    file, name, phase, configuration = sys.argv[1:5]
    torch.set_num_threads(2)
    batch = load_file(file)
    try:
        runner = Runner(WORKLOADS[name], batch, set(configuration.split("+")))
        expected = batch["expected.output"]
        del batch
        if phase == "train":
            runner.train()
        else:
            runner.infer(phase, expected)
    except Exception as error:  # whatever a configuration cannot do here is told, and the others go on
        say(phase=phase, ready=False, reason=f"{type(error).__name__}: {error}".splitlines()[0])


if __name__ == "__main__":
    main()
