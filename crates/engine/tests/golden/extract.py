"""Copies the entries that the engine is tested against out of a folder of PyTorch reference values.

Use: python3 extract.py FOLDER
FOLDER holds case.json, inputs.safetensors and expected.safetensors; see README.md for how they were made.
Needs the standard library only. To add an entry, put its name into WANTED and run it again.
"""

import json
import pathlib
import struct
import sys

WANTED = """
conv2d_plain conv2d_stride conv2d_dilation conv2d_groups conv2d_depthwise conv2d_all conv1d
batch_norm2d_training batch_norm1d_training layer_norm layer_norm_two_axes group_norm rms_norm
attention attention_key_padding attention_causal attention_causal_key_padding multi_head_attention
gelu_erf gelu_tanh quick_gelu silu softmax log_softmax linear embedding max_pool2d avg_pool2d
cross_entropy cross_entropy_smoothing cross_entropy_weights cross_entropy_all cross_entropy_soft
bce_with_logits bce_pos_weight bce_pos_weight_weight info_nce clip_loss siglip_loss mse smooth_l1
optimiser clip.norm clip.norm_inactive clip.value
""".split()


def read(path):
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    body = raw[8 + length :]
    return {name: (entry, body[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def is_wanted(name):
    if name.startswith("optimiser.adamw_amsgrad"):
        return False
    return any(name.startswith(entry + ".") for entry in WANTED)


def write(path, tensors):
    header, body = {}, b""
    for name, (entry, data) in sorted(tensors.items()):
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": entry["dtype"], "shape": entry["shape"], "data_offsets": offsets}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def main():
    source, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
    tensors = read(source / "inputs.safetensors") | read(source / "expected.safetensors")
    write(here / "torch.safetensors", {name: t for name, t in tensors.items() if is_wanted(name)})
    case = json.loads((source / "case.json").read_text())
    entries = [e for e in case["entries"] if is_wanted(e["name"] + ".")]
    kept = {"versions": case["versions"], "tolerance": case["tolerance"], "entries": entries}
    (here / "case.json").write_text(json.dumps(kept, indent=1) + "\n")


main()
