"""S5's data as a user of PyTorch would hold it: pictures decoded by workers, texts as bags of n-grams."""

import csv
import math
import re
from collections import Counter
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

SIZE = 64
Bag = dict[int, float]


def words_and_characters(text: str) -> tuple[list[str], list[str]]:
    """Words alone and in pairs; 3 to 5 characters within each word, which stands in angle brackets."""
    words = re.findall(r"\w+", text.lower())
    pairs = [f"{first} {second}" for first, second in zip(words, words[1:])]
    characters = []
    for word in words:
        marked = f"<{word}>"
        for length in (3, 4, 5):
            characters += [marked[at : at + length] for at in range(len(marked) - length + 1)]
    return words + pairs, characters


class Ngrams:
    """tf-idf weights of the n-grams of the training texts, each block of norm 1."""

    def __init__(self, texts: list[str]) -> None:
        counts = (Counter[str](), Counter[str]())
        for text in texts:
            for count, grams in zip(counts, words_and_characters(text)):
                count.update(set(grams))
        self.num_texts = len(texts)
        self.counts = counts
        first = {gram: at for at, gram in enumerate(counts[0])}
        second = {gram: len(first) + at for at, gram in enumerate(counts[1])}
        self.features = (first, second)
        self.num_features = len(first) + len(second)

    def bag(self, text: str) -> Bag:
        bag: Bag = {}
        for counts, features, grams in zip(
            self.counts, self.features, words_and_characters(text)
        ):
            block = {}
            for gram, times in Counter(gram for gram in grams if gram in features).items():
                idf = math.log((1 + self.num_texts) / (1 + counts[gram])) + 1
                block[features[gram]] = (1 + math.log(times)) * idf
            norm = math.sqrt(sum(weight * weight for weight in block.values()))
            bag.update({feature: weight / norm for feature, weight in block.items()})
        return bag


class Emoji(Dataset):
    """Records of `train.csv` with the recipe's augmentation; a fifth stays out, as in our run."""

    def __init__(self, folder: Path) -> None:
        with open(folder / "train.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        rows = rows[: round(len(rows) * 0.8)]
        self.files = [folder / row["image"] for row in rows]
        texts = [row["keywords"] for row in rows]
        self.classes = sorted({row["label"] for row in rows})
        self.labels = [self.classes.index(row["label"]) for row in rows]
        self.ngrams = Ngrams(texts)
        self.bags = [self.ngrams.bag(text) for text in texts]
        self.change = v2.Compose(
            [
                v2.ToImage(),
                v2.Resize((SIZE, SIZE), antialias=True),
                v2.RandomAffine(
                    10, (0.1, 0.1), (0.86, 1.16), interpolation=v2.InterpolationMode.BILINEAR, fill=255
                ),
                v2.RandomHorizontalFlip(),
                v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.1),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.5] * 3, [0.25] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, at: int) -> tuple[Tensor, Bag, int]:
        with Image.open(self.files[at]) as picture:
            pixels = self.change(picture.convert("RGB"))
        return pixels, self.bags[at], self.labels[at]


def collate(records: list[tuple[Tensor, Bag, int]]) -> dict[str, Tensor]:
    """A batch: pictures `[B, 3, H, W]`, bags as `EmbeddingBag` takes them, classes `[B]`."""
    pictures, bags, labels = zip(*records)
    lengths = torch.tensor([0] + [len(bag) for bag in bags[:-1]])
    return {
        "pictures": torch.stack(pictures),
        "ids": torch.tensor([feature for bag in bags for feature in bag]),
        "weights": torch.tensor([weight for bag in bags for weight in bag.values()]),
        "offsets": lengths.cumsum(0),
        "labels": torch.tensor(labels),
    }
