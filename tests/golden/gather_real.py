"""Real images through resize, crop, flip and normalisation: ours against torchvision.

    gather_real.py GATHER_DUMP BACKEND [GATHER_DUMP BACKEND ...]

Each GATHER_DUMP writes how it cropped and flipped, the stored images, and what reached the net;
here torchvision's functions do the same to the stored images. Bytes must be equal, floats but for a
few roundings. Exit status 77, aloud, when no data set is here.
"""
import subprocess
import sys
from collections import namedtuple

import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

Pipeline = namedtuple("Pipeline", "dataset resize input mode")
PIPELINES = [
    Pipeline("cifar10", 0, 32, "train"),  # padded by 4
    Pipeline("cifar10", 0, 32, "test"),
    Pipeline("cifar10", 40, 32, "train"),  # tutorial 004's
    Pipeline("cifar10", 256, 224, "train"),  # tutorial 000's
    Pipeline("cifar10", 256, 224, "test"),
    Pipeline("cifar10", 39, 32, "test"),  # the middle at 3.5
    Pipeline("mnist", 0, 28, "train"),
    Pipeline("mnist", 33, 28, "test"),  # the middle at 2.5
    Pipeline("mnist", 20, 28, "test"),  # smaller than the input
    Pipeline("mnist", 21, 28, "test"),
]
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of the image's largest value: torchvision rounds x / 255, - mean, / deviation and both constants,
# we the constants, - mean and * scale. Half a unit each, the mean's magnified by 1 / deviation.
ROUNDINGS = 2.0**-22
Gathered = namedtuple("Gathered", "dy dx flip stored x")
worst = {}


def one_image(raw, at, channels, height, width, size):
    stored, values = channels * height * width, channels * size * size
    piece = bytearray(raw[at:at + 12 + stored + 4 * values])
    how = torch.frombuffer(piece[:12], dtype=torch.int32).tolist()
    image = torch.frombuffer(piece[12:12 + stored], dtype=torch.uint8)
    x = torch.frombuffer(piece[12 + stored:], dtype=torch.float32)
    return at + len(piece), Gathered(*how, image.reshape(channels, height, width),
                                     x.reshape(channels, size, size))


def run(program, backend, pipeline, names):
    """The images that the program writes for each normalisation; None where it skips."""
    p = pipeline
    command = [program, backend, p.dataset, str(p.resize), str(p.input), p.mode, *names]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    if done.returncode == 77:
        return None
    if done.returncode:
        sys.exit(f"{program} {backend} {p}: exit {done.returncode}")
    raw, at, all_images = done.stdout, 0, []
    for _ in names:
        *shape, count = torch.frombuffer(bytearray(raw[at:at + 16]), dtype=torch.int32).tolist()
        at, images = at + 16, []
        for _ in range(count):
            at, image = one_image(raw, at, *shape, p.input)
            images.append(image)
        all_images.append(images)
    assert at == len(raw)
    return all_images


def resized(pipeline, stored):
    if not pipeline.resize:
        return stored
    image = F.to_pil_image(stored)
    image = F.resize(image, [pipeline.resize] * 2, InterpolationMode.BILINEAR)
    return F.pil_to_tensor(image)


def cropped(pipeline, image, how):
    """Of a tensor, bytes or floats; zeros from outside."""
    size = pipeline.input
    if pipeline.mode == "test":
        return F.center_crop(image, [size, size])
    pad = 0 if pipeline.resize else 4
    image = F.pad(image, [pad] * 4)
    assert 0 <= how.dy + pad <= image.shape[1] - size and 0 <= how.dx + pad <= image.shape[2] - size
    image = F.crop(image, how.dy + pad, how.dx + pad, size, size)
    return F.hflip(image) if how.flip else image


def constants(normalize, images):
    """Mean and deviation on the scale 0 to 1, over the stored images."""
    channels = images[0].stored.shape[0]
    if normalize == "imagenet":
        return [torch.tensor(v, dtype=torch.float64).reshape(3, 1, 1) for v in IMAGENET]
    if normalize == "scale":
        return torch.zeros(channels, 1, 1).double(), torch.ones(channels, 1, 1).double()
    x = torch.stack([g.stored for g in images]).double() / 255
    if normalize == "pixel":
        return x.mean(0), torch.ones(channels, 1, 1).double()
    variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
    return mean[0], variance[0].sqrt()


def normalized(normalize, image, images):
    """As torchvision computes it in float32."""
    mean, deviation = constants(normalize, images)
    x = image.float() / 255
    if mean.shape[1] > 1:  # torchvision has no mean image
        return x - mean.float()
    return F.normalize(x, mean.flatten().tolist(), deviation.flatten().tolist())


def compare(what, pipeline, normalize, images):
    for number, got in enumerate(images):
        image = resized(pipeline, got.stored)
        if normalize == "bytes":
            if not torch.equal(got.x, cropped(pipeline, image, got).float()):
                sys.exit(f"{what}, image {number}: other bytes than torchvision's")
            continue
        want = cropped(pipeline, normalized(normalize, image, images), got)
        off, largest = (got.x - want).abs(), want.abs().max()
        if normalize == "scale" and not (off <= 2.0**-23 * want).all():
            sys.exit(f"{what}, image {number}: more than a unit in the last place away")
        error = (off.max() / largest).item()
        if not error <= ROUNDINGS:
            sys.exit(f"{what}, image {number}: off by {error:.3g} of the largest value")
        worst[normalize] = max(worst.get(normalize, 0), error)


def normalizations(pipeline):
    imagenet = ["imagenet"] if pipeline.dataset == "cifar10" else []
    return ["bytes", "scale", "channel"] + imagenet + ([] if pipeline.resize else ["pixel"])


def main():
    torch.set_num_threads(1)
    pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
    done, missing = 0, set()
    for pipeline in PIPELINES:
        names = normalizations(pipeline)
        for program, backend in pairs:
            dumped = run(program, backend, pipeline, names)
            if dumped is None:
                missing.add(f"{pipeline.dataset} with {backend}")
                continue
            for name, images in zip(names, dumped):
                compare(f"{backend}, {pipeline}, {name}", pipeline, name, images)
                done += len(images)
    if not done:
        print("SKIPPED: neither CIFAR-10 nor MNIST is here")
        sys.exit(77)
    print(f"{done} real images as torchvision makes them; not here:",
          ", ".join(sorted(missing)) or "nothing")
    print("worst, of the image's largest value:",
          ", ".join(f"{name} {error:.2g}" for name, error in worst.items()))


if __name__ == "__main__":
    main()
