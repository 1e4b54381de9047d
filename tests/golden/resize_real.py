"""Resizing of real images against Pillow. usage: resize_real.py RESIZE_DUMP

Exit status 77, aloud, when no data set is here.
"""
import subprocess
import sys

from PIL import Image

lines = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout.splitlines()
if not lines:
    print("SKIPPED: neither Fashion-MNIST nor CIFAR-10 is here")
    sys.exit(77)
for number, line in enumerate(lines):
    height, width, size, stored, resized = line.split()
    image = Image.frombytes("L", (int(width), int(height)), bytes.fromhex(stored))
    want = image.resize((int(size), int(size)), Image.BILINEAR).tobytes()
    if want != bytes.fromhex(resized):
        sys.exit(f"plane {number}, {height}x{width} to {size}x{size}: not what Pillow makes of it")
print(f"{len(lines)} planes of real images resized as Pillow does")
