"""Pictures from files to batches with PyTorch, as a user would write it: the peer of `cargo bench -p multifuse-data`.

    python benches/peers/pictures.py FOLDER [--size 64] [--rounds 5] [--workers 2] [--batch 64]

Every epoch decodes every picture again (DataLoader keeps nothing). The workers live through all epochs; the first
epoch, in which they start, is not counted. Prints one JSON line a way of decoding: images/s, median and best.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import io, transforms
from torchvision.transforms import v2

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Pictures(Dataset):
    """Files to normalised tensors `[3, S, S]`."""

    def __init__(self, paths, read):
        self.paths, self.read = paths, read

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.read(self.paths[index])


def readers(size):
    """Ways from a file to a tensor. `pil_draft` lets libjpeg scale by 1/2, 1/4 or 1/8 while it decodes."""
    pipeline = transforms.Compose(
        [
            transforms.Resize((size, size)),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, DEVIATION),
        ]
    )
    on_tensor = v2.Compose(
        [
            v2.Resize((size, size), antialias=True),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, DEVIATION),
        ]
    )

    def pil(path):
        with Image.open(path) as picture:
            return pipeline(picture.convert("RGB"))

    def pil_draft(path):
        with Image.open(path) as picture:
            picture.draft("RGB", (size, size))
            return pipeline(picture.convert("RGB"))

    def torchvision_io(path):
        return on_tensor(io.decode_image(path, mode=io.ImageReadMode.RGB))

    return {"pil": pil, "pil_draft": pil_draft, "torchvision_io": torchvision_io}


def one_thread(_worker):
    """Two workers on two cores: more threads in each only get in each other's way."""
    torch.set_num_threads(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--ways", default="pil,pil_draft,torchvision_io")
    args = parser.parse_args()
    paths = sorted(str(path) for path in args.folder.iterdir() if path.suffix == ".jpg")
    ways = readers(args.size)
    loaders = {
        name: DataLoader(
            Pictures(paths, ways[name]),
            batch_size=args.batch,
            num_workers=args.workers,
            persistent_workers=args.workers > 0,
            worker_init_fn=one_thread,
        )
        for name in args.ways.split(",")
    }
    rates = {name: [] for name in loaders}
    for round_number in range(args.rounds + 1):
        for name, loader in loaders.items():
            start = time.perf_counter()
            num = sum(len(batch) for batch in loader)
            rate = num / (time.perf_counter() - start)
            if round_number > 0:
                rates[name].append(rate)
    for name, values in rates.items():
        line = {
            "way": name,
            "size_px": args.size,
            "workers": args.workers,
            "images_per_sec": round(statistics.median(values)),
            "best": round(max(values)),
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
