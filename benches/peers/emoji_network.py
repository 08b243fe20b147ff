"""S5's network: the joint network that the `auto` recipe plans for a picture and a text."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = [24, 48, 96, 192]
TEXT_DIM = 128
HIDDEN_DIM = 128
INPUT_DROPOUT = 0.3
MODALITY_DROPOUT = 0.15
DROPOUT = 0.3
AUX_WEIGHT = 0.5
SMOOTHING = 0.1


def conv_norm(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """Two convolutions that halve height and width, around them a mean and a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = conv_norm(inputs, outputs, 3, 2)
        self.second = conv_norm(outputs, outputs, 3, 1)
        self.shortcut = conv_norm(inputs, outputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(F.avg_pool2d(x, 2))
        return F.relu(self.second(F.relu(self.first(x))) + shortcut)


class Joint(nn.Module):
    """Encoders, a concat fusion with learned stand-ins for hidden modalities, a head, and a head for each input."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.stem = conv_norm(3, WIDTHS[0], 5, 2)
        self.blocks = nn.Sequential(
            *(Residual(inputs, outputs) for inputs, outputs in zip(WIDTHS, WIDTHS[1:]))
        )
        self.table = nn.EmbeddingBag(num_features, TEXT_DIM, mode="sum")
        bound = num_features**-0.5
        nn.init.uniform_(self.table.weight, -bound, bound)
        self.bias = nn.Parameter(torch.zeros(TEXT_DIM))
        dims = [WIDTHS[-1], TEXT_DIM]
        self.empty = nn.ParameterList(torch.randn(dim) * 0.02 for dim in dims)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for dim in dims)
        self.hidden = nn.Linear(sum(dims), HIDDEN_DIM)
        self.head = nn.Linear(HIDDEN_DIM, num_classes)
        self.aux = nn.ModuleList(nn.Linear(dim, num_classes) for dim in dims)

    def encode(self, batch: dict[str, Tensor]) -> list[Tensor]:
        pictures = batch["pictures"].to(memory_format=torch.channels_last)
        image = self.blocks(F.relu(self.stem(pictures))).mean((2, 3))
        weights = F.dropout(batch["weights"], INPUT_DROPOUT, self.training)
        text = self.table(batch["ids"], batch["offsets"], per_sample_weights=weights)
        return [image, F.relu(text + self.bias)]

    def hide(self, embeddings: list[Tensor]) -> list[Tensor]:
        """Hides each modality of each record now and then, but never both."""
        shown = torch.rand(len(embeddings[0]), 2) >= MODALITY_DROPOUT
        kept = torch.randint(0, 2, (len(shown),))
        lost = ~shown.any(1)
        shown[lost, kept[lost]] = True
        return [
            torch.where(shown[:, at, None], embedding, self.empty[at])
            for at, embedding in enumerate(embeddings)
        ]

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Of the fused answer, and half that of each input's own head."""
        embeddings = self.encode(batch)
        parts = [norm(x) for norm, x in zip(self.norms, self.hide(embeddings))]
        x = F.dropout(torch.cat(parts, 1), DROPOUT)
        x = F.dropout(F.relu(self.hidden(x)), DROPOUT)
        answers = [self.head(x)]
        answers += [head(F.dropout(x, DROPOUT)) for head, x in zip(self.aux, embeddings)]
        losses = [
            F.cross_entropy(logits, batch["labels"], label_smoothing=SMOOTHING)
            for logits in answers
        ]
        return losses[0] + AUX_WEIGHT * (losses[1] + losses[2])
