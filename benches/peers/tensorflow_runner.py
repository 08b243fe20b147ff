"""Measures S1 in TensorFlow with Keras layers inside `tf.function`.

usage: tensorflow_runner.py FILE S1 PHASE CONFIGURATION

CONFIGURATION is `function`, or `function+xla`; phases are those of `torch_runner.py`.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from keras import Input, Model, layers, losses, optimizers
from safetensors.numpy import load_file

from protocol import say, serve

NUM_STEPS = 10
RATE = 1e-4
DIM = 64
HEADS = 4
Tensors = dict[str, np.ndarray]


def block(name: str) -> list[layers.Layer]:
    """The layers of a transformer block, in the order in which they have weights in `load_block`."""
    return [
        layers.MultiHeadAttention(HEADS, DIM // HEADS, name=f"{name}_attention"),
        layers.LayerNormalization(epsilon=1e-5),
        layers.Dense(DIM, activation="relu"),
        layers.Dense(DIM),
        layers.LayerNormalization(epsilon=1e-5),
    ]


def through_block(parts: list[layers.Layer], x: tf.Tensor) -> tf.Tensor:
    attention, norm1, up, down, norm2 = parts
    x = norm1(x + attention(x, x))
    return norm2(x + down(up(x)))


def load_block(parts: list[layers.Layer], name: str, tensors: Tensors) -> None:
    """PyTorch keeps `[outputs, inputs]`, Keras `[inputs, heads, dim]`."""
    attention, norm1, up, down, norm2 = parts
    head_dim = DIM // HEADS
    weights: list[np.ndarray] = []
    for part in range(3):
        rows = slice(part * DIM, (part + 1) * DIM)
        weights.append(tensors[f"{name}.qkv.weight"][rows].T.reshape(DIM, HEADS, head_dim))
        weights.append(tensors[f"{name}.qkv.bias"][rows].reshape(HEADS, head_dim))
    weights.append(tensors[f"{name}.out.weight"].T.reshape(HEADS, head_dim, DIM))
    weights.append(tensors[f"{name}.out.bias"])
    attention.set_weights(weights)
    for layer, of in [(norm1, "norm1"), (norm2, "norm2")]:
        layer.set_weights([tensors[f"{name}.{of}.weight"], tensors[f"{name}.{of}.bias"]])
    for layer, of in [(up, "up"), (down, "down")]:
        layer.set_weights([tensors[f"{name}.{of}.weight"].T, tensors[f"{name}.{of}.bias"]])


def build(tensors: Tensors) -> Model:
    """The seed network with the weights of the reference file."""
    ids, pictures = Input((100,), dtype="int32"), Input((64, 64, 3))
    token, conv = layers.Embedding(1000, DIM), layers.Conv2D(32, 3, activation="relu")
    fuse, head = layers.Dense(DIM, activation="relu"), layers.Dense(1, activation="sigmoid")
    text_block, fusion_block = block("text"), block("fusion")
    text = layers.GlobalAveragePooling1D()(through_block(text_block, token(ids)))
    picture = layers.Flatten()(layers.MaxPool2D(2)(conv(pictures)))
    x = layers.Reshape((1, DIM))(fuse(layers.Concatenate()([text, picture])))
    net = Model([ids, pictures], head(layers.Flatten()(through_block(fusion_block, x))))
    token.set_weights([tensors["token.weight"]])
    conv.set_weights([tensors["conv.weight"].transpose(2, 3, 1, 0), tensors["conv.bias"]])
    # Keras flattens [height, width, channels], PyTorch [channels, height, width].
    weight = tensors["fuse.weight"]
    channels = weight[:, DIM:].reshape(DIM, 32, 31, 31).transpose(0, 2, 3, 1).reshape(DIM, -1)
    fuse.set_weights([np.concatenate([weight[:, :DIM], channels], 1).T, tensors["fuse.bias"]])
    head.set_weights([tensors["head.weight"].T, tensors["head.bias"]])
    load_block(text_block, "text_block", tensors)
    load_block(fusion_block, "fusion_block", tensors)
    return net


def batch(tensors: Tensors, size: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Token numbers, pictures with channels last, targets `[B, 1]`."""
    pictures = tensors["input.pictures"][:size].transpose(0, 2, 3, 1)
    return (
        tf.constant(tensors["input.ids"][:size], tf.int32),
        tf.constant(pictures),
        tf.constant(tensors["input.targets"][:size, None]),
    )


def train(net: Model, tensors: Tensors, xla: bool) -> None:
    optimizer = optimizers.Adam(RATE, epsilon=1e-8)
    loss_of = losses.BinaryCrossentropy()
    optimizer.build(net.trainable_variables)

    @tf.function(jit_compile=xla)
    def update(ids: tf.Tensor, pictures: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(targets, net([ids, pictures], training=True))
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
        return loss

    arguments = batch(tensors, 32)

    def step() -> float:
        return float(update(*arguments))

    reached = [step() for _ in range(NUM_STEPS)]
    serve("train", step, {"losses": reached})


def infer(net: Model, tensors: Tensors, phase: str, xla: bool) -> None:
    size = int(phase.removeprefix("infer"))
    ids, pictures, _ = batch(tensors, size)

    @tf.function(jit_compile=xla)
    def forward(ids: tf.Tensor, pictures: tf.Tensor) -> tf.Tensor:
        return net([ids, pictures], training=False)

    def step() -> np.ndarray:
        return forward(ids, pictures).numpy()

    difference = np.abs(step()[:, 0] - tensors["expected.output"][:size]).max()
    serve(phase, step, {"max_difference": float(difference)})


def main() -> None:
    file, _, phase, configuration = sys.argv[1:5]
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    xla = "xla" in configuration.split("+")
    tensors = load_file(file)
    try:
        net = build(tensors)
        if phase == "train":
            train(net, tensors, xla)
        else:
            infer(net, tensors, phase, xla)
    except Exception as error:  # whatever a configuration cannot do here is told, and the others go on
        say(phase=phase, ready=False, reason=f"{type(error).__name__}: {error}".splitlines()[0])


if __name__ == "__main__":
    main()
