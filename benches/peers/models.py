"""The networks S1 to S4 in PyTorch. Parameter names are the contract with the `step` bench of the engine."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """A transformer block: norm after each part (as in BERT), or before (as in ViT)."""

    def __init__(self, dim: int, heads: int, hidden: int, pre_norm: bool, gelu: bool) -> None:
        super().__init__()
        self.heads = heads
        self.pre_norm = pre_norm
        self.activation = F.gelu if gelu else F.relu
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)

    def attend(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.heads, dim // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(query, key, value)
        return self.out(y.transpose(1, 2).reshape(batch, tokens, dim))

    def feed(self, x: Tensor) -> Tensor:
        return self.down(self.activation(self.up(x)))

    def forward(self, x: Tensor) -> Tensor:
        if self.pre_norm:
            x = x + self.attend(self.norm1(x))
            return x + self.feed(self.norm2(x))
        x = self.norm1(x + self.attend(x))
        return self.norm2(x + self.feed(x))


class SeedNetwork(nn.Module):
    """S1: text [B, 100] and picture [B, 3, 64, 64] to a probability [B]."""

    def __init__(self) -> None:
        super().__init__()
        dim = 64
        self.token = nn.Embedding(1000, dim)
        self.text_block = Block(dim, 4, dim, pre_norm=False, gelu=False)
        self.conv = nn.Conv2d(3, 32, 3)
        self.fuse = nn.Linear(dim + 32 * 31 * 31, dim)
        self.fusion_block = Block(dim, 4, dim, pre_norm=False, gelu=False)
        self.head = nn.Linear(dim, 1)

    def forward(self, ids: Tensor, pictures: Tensor) -> Tensor:
        text = self.text_block(self.token(ids)).mean(1)
        picture = F.max_pool2d(F.relu(self.conv(pictures)), 2).flatten(1)
        x = F.relu(self.fuse(torch.cat([text, picture], 1))).unsqueeze(1)
        return torch.sigmoid(self.head(self.fusion_block(x).squeeze(1))).squeeze(1)


class BertSmall(nn.Module):
    """S2: tokens [B, 128] to the logits of 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        dim = 256
        self.token = nn.Embedding(30_522, dim)
        self.position = nn.Parameter(torch.randn(128, dim) * 0.02)
        self.norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(
            Block(dim, 4, 4 * dim, pre_norm=False, gelu=True) for _ in range(4)
        )
        self.head = nn.Linear(dim, 10)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.norm(self.token(ids) + self.position)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class VitSmall(nn.Module):
    """S3: pictures [B, 3, 224, 224] in patches of 16 to the logits of 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        dim = 384
        self.patch = nn.Conv2d(3, dim, 16, 16)
        self.position = nn.Parameter(torch.randn(14 * 14, dim) * 0.02)
        self.blocks = nn.ModuleList(
            Block(dim, 6, 4 * dim, pre_norm=True, gelu=True) for _ in range(6)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 10)

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.patch(pictures).flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


class Residual(nn.Module):
    """The basic block of ResNet."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.changes_shape = stride != 1 or inputs != outputs
        if self.changes_shape:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.changes_shape:
            x = self.shortcut_norm(self.shortcut(x))
        return F.relu(x + y)


class ResNet18(nn.Module):
    """S4: pictures [B, 3, 112, 112] to the logits of 10 classes; the stem pools 2x2."""

    STAGES = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.blocks = nn.ModuleList()
        for inputs, outputs, stride in self.STAGES:
            self.blocks.append(Residual(inputs, outputs, stride))
            self.blocks.append(Residual(outputs, outputs, 1))
        self.head = nn.Linear(512, 10)

    def forward(self, pictures: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.conv(pictures))), 2)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))
