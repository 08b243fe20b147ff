"""Pictures from files to batches with PyTorch, as a user would write it: the peer of
`cargo bench -p multifuse-data --bench pictures`, which runs it.

    python benches/peers/pictures.py FOLDER [--size 64] [--rounds 5] [--workers 2] [--batch 64]
    python benches/peers/pictures.py FOLDER [--size 64] --compare FILE

Every epoch decodes every picture again (DataLoader keeps nothing). The workers live through all epochs; the first
epoch, in which they start, is not counted. Prints for each way of decoding, with tabs between: its name, the median
images/s, and the processor time of all processes in microseconds an image, which other work on the machine hardly
changes. With --compare it says how far the pixels in FILE, `[N, S, S, 3]` in the order of the names, are from Pillow's.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy
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


def compare(paths, size, file):
    """Mean and largest absolute difference, in steps of 255, of both scaled pictures and Pillow's own draft mode."""
    ours = numpy.fromfile(file, numpy.uint8).reshape(len(paths), size, size, 3).astype(int)
    total, draft_total, most = 0, 0, 0
    for path, pixels in zip(paths, ours):
        with Image.open(path) as picture:
            full = picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
        with Image.open(path) as picture:
            picture.draft("RGB", (size, size))
            draft = picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
        full, draft = numpy.asarray(full).astype(int), numpy.asarray(draft).astype(int)
        difference = abs(pixels - full)
        total, most = total + difference.mean(), max(most, difference.max())
        draft_total += abs(draft - full).mean()
    mean, draft_mean = total / len(paths), draft_total / len(paths)
    print(f"mean {mean:.3f}/255, largest {most}/255; Pillow's draft mode: mean {draft_mean:.3f}/255")


def processor_secs(workers):
    """Seconds of processor time of this process and the workers so far (`proc(5)`, fields 14 and 15 of `stat`)."""
    ticks = 0
    for pid in [os.getpid(), *(worker.pid for worker in workers)]:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--compare", type=Path)
    args = parser.parse_args()
    paths = sorted(str(path) for path in args.folder.iterdir() if path.suffix == ".jpg")
    if args.compare:
        return compare(paths, args.size, args.compare)
    for name, read in readers(args.size).items():
        loader = DataLoader(
            Pictures(paths, read),
            batch_size=args.batch,
            num_workers=args.workers,
            persistent_workers=args.workers > 0,
            worker_init_fn=one_thread,
        )
        # Starts the workers.
        sum(len(batch) for batch in loader)
        workers = loader._iterator._workers if args.workers > 0 else []
        rates, busy = [], processor_secs(workers)
        for _ in range(args.rounds):
            start = time.perf_counter()
            num = sum(len(batch) for batch in loader)
            rates.append(num / (time.perf_counter() - start))
        busy = (processor_secs(workers) - busy) / (args.rounds * len(paths))
        print(f"{name}\t{statistics.median(rates):.0f}\t{1e6 * busy:.0f}")


if __name__ == "__main__":
    main()
