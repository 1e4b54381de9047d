"""What Pillow makes of small images: tests/golden/resize.txt. Run by hand: python3 make_resize.py

Each line: height, width, new height, new width, then the input's bytes and the output's in
hexadecimal. Inputs are patterns, one plane each; the resize is bilinear.
"""
from PIL import Image

SIZES = [(8, 8, 10, 10), (8, 8, 64, 64), (7, 9, 5, 4), (8, 8, 8, 8), (5, 6, 40, 3), (16, 16, 5, 7), (1, 3, 4, 9)]


def pattern(kind, height, width):
    if kind == 0:
        return [(y * width + x) * 37 % 251 for y in range(height) for x in range(width)]
    return [255 if (x + y * y) % 3 == 0 else 0 for y in range(height) for x in range(width)]


with open("resize.txt", "w") as out:
    for height, width, to_height, to_width in SIZES:
        for kind in (0, 1):
            data = bytes(pattern(kind, height, width))
            image = Image.frombytes("L", (width, height), data)
            resized = image.resize((to_width, to_height), Image.BILINEAR).tobytes()
            out.write(f"{height} {width} {to_height} {to_width} {data.hex()} {resized.hex()}\n")
