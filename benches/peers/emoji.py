"""S5 in PyTorch, from files to updated weights: prints one JSON line.

usage: emoji.py FOLDER EPOCHS

Same network, batch size, optimiser, schedule, running mean of the weights and augmentation as our `auto` recipe's
joint network; a DataLoader with two workers that live as long as the run. The clock starts behind the imports.
"""

import json
import sys
import time
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from emoji_data import Emoji, collate
from emoji_network import Joint
from protocol import peak_mb

BATCH_SIZE = 64
RATE = 3e-3
WEIGHT_DECAY = 0.05
EMA_DECAY = 0.98


def optimizer_of(net: Joint) -> torch.optim.Optimizer:
    """AdamW that decays matrices and not biases and norms, as ours."""
    decayed = [value for value in net.parameters() if value.dim() > 1]
    others = [value for value in net.parameters() if value.dim() <= 1]
    groups = [
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, RATE, fused=True)


def main() -> None:
    folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(2)
    torch.manual_seed(0)
    begin = time.perf_counter()
    records = Emoji(folder)
    loader = DataLoader(
        records,
        BATCH_SIZE,
        shuffle=True,
        num_workers=2,
        persistent_workers=True,
        collate_fn=collate,
    )
    net = Joint(records.ngrams.num_features, len(records.classes))
    net = net.to(memory_format=torch.channels_last)
    ema = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY), use_buffers=True)
    optimizer = optimizer_of(net)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, epochs=epochs, steps_per_epoch=len(loader)
    )
    epoch_secs, loss = [], torch.zeros(())
    for _ in range(epochs):
        start = time.perf_counter()
        for batch in loader:
            loss = net.loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            ema.update_parameters(net)
        epoch_secs.append(time.perf_counter() - start)
    answer = {
        "secs": time.perf_counter() - begin,
        "epoch_secs": epoch_secs,
        "records": len(records),
        "parameters": sum(value.numel() for value in net.parameters()),
        "loss": loss.item(),
        "peak_mb": peak_mb(),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
