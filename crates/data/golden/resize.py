"""Expected pixels of picture.rs, by Pillow 13.0.0 and NumPy: python resize.py"""
import numpy as np
from PIL import Image

y, x, c = np.meshgrid(range(9), range(13), range(3), indexing="ij")
picture = Image.fromarray(((x * 37 + y * 59 + c * 101 + x * y * 7) % 256).astype(np.uint8))
for size in (4, 16):
    scaled = np.asarray(picture.resize((size, size), Image.BILINEAR)).reshape(-1)
    print(size, scaled[:48].tolist(), int(scaled.astype(int).sum()))
