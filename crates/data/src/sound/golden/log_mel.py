"""Expected log-mel features of `clip.wav`, by the feature extractors of the library transformers and by numpy.

    python log_mel.py

Made with transformers 5.23.0, numpy 2.4.6. Writes next to itself: `clip.wav`, 16-bit mono at 16 kHz, a rising tone
with noise and a pause; `NAME.bin`, little-endian float32 `[T, M]`.
"""
import wave
from pathlib import Path

import numpy as np
from transformers import ASTFeatureExtractor, WhisperFeatureExtractor

HERE, RATE, FRAMES = Path(__file__).parent, 16_000, 24

rng = np.random.default_rng(5)
t = np.arange(int(0.23 * RATE)) / RATE
clip = 0.5 * np.sin(2 * np.pi * (300 * t + 6000 * t**2)) + 0.02 * rng.standard_normal(len(t))
clip[1500:1900] = 0
steps = np.clip(np.round(clip * 32768), -32768, 32767).astype("<i2")
with wave.open(str(HERE / "clip.wav"), "wb") as file:
    file.setparams((1, 2, RATE, len(steps), "NONE", ""))
    file.writeframes(steps.tobytes())
clip = steps.astype(np.float32) / 32768


def save(name, values):
    values.astype("<f4").tofile(HERE / f"{name}.bin")


# 0.24 s, so that the end is silence.
whisper = WhisperFeatureExtractor(chunk_length=1)
whisper.n_samples = 16 * 16 * 15
whisper.nb_max_frames = FRAMES
save("whisper", whisper(clip, sampling_rate=RATE, return_tensors="np").input_features[0].T)
ast = ASTFeatureExtractor(max_length=FRAMES)
save("ast", ast(clip, sampling_rate=RATE, return_tensors="np").input_values[0])

# LogMelConfig::small(16000), in float64.
window = np.hamming(400)
frames = np.lib.stride_tricks.sliding_window_view(clip.astype(np.float64), 400)[::160]
frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], 1)
power = np.abs(np.fft.rfft(frames * window, 512)) ** 2
mel = lambda f: 2595 * np.log10(1 + f / 700)
edges = 700 * (10 ** (np.linspace(mel(50), mel(8000), 42) / 2595) - 1)
bins = np.fft.rfftfreq(512, 1 / RATE)
rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
logs = np.log(np.maximum(power @ np.maximum(0, np.minimum(rising, falling)).T, 1e-6))
save("small", logs - logs.mean(0))
