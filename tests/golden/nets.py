"""ResLab's networks as PyTorch modules, written down from the papers and the tutorials' descriptions.

Names of parameters are what the C builders must use: torchvision's for the papers' nets, those that
each tutorial's builder documents for the tutorials'.
"""
import torch
from torch import nn
from torch.nn import functional as F


def conv(cin, cout, kernel, stride=1, bias=False):
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=bias)


class ZeroPad(nn.Module):
    """Option A: every stride-th pixel, zero channels before and after."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.before, self.after, self.stride = before, after, stride

    def forward(self, x):
        return F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.before, self.after))


# ---- the papers' nets ----
class Unit(nn.Module):
    """A residual unit: basic (inner None) or bottleneck, any shortcut, any order of activation."""

    def __init__(self, cin, cout, stride, inner=None, shortcut="A", order="original",
                 stride_at="1x1", first=False, gate=None, scales=(1, 1), dropout=None):
        super().__init__()
        self.gate_kind, self.scales, self.dropout = gate, scales, dropout
        if gate:
            self.gate = nn.Conv2d(cin, cout, 1, stride)
        if inner is None:
            plan = [(cin, cout, 3, stride), (cout, cout, 3, 1)]
        else:
            early = stride_at == "1x1"
            plan = [(cin, inner, 1, stride if early else 1),
                    (inner, inner, 3, 1 if early else stride), (inner, cout, 1, 1)]
        self.count, self.order, self.first = len(plan), order, first
        for i, (a, b, kernel, s) in enumerate(plan, 1):
            setattr(self, f"conv{i}", conv(a, b, kernel, s))
            if not (order == "full_preact" and i == 1 and first):
                setattr(self, f"bn{i}", nn.BatchNorm2d(a if order == "full_preact" else b))
        changes = stride != 1 or cin != cout
        self.kind = "identity"
        if shortcut == "plain" or (shortcut == "transition" and changes):
            self.kind = "none"
        elif shortcut == "C" or (shortcut in ("B", "3x3") and changes):
            self.kind = "projection"
            project = [conv(cin, cout, 3 if shortcut == "3x3" else 1, stride)]
            if order != "full_preact":
                project.append(nn.BatchNorm2d(cout))
            self.downsample = nn.Sequential(*project)
        elif changes:
            before = (cout - cin) // 2 if shortcut == "A_both" else 0
            self.kind, self.pad = "pad", ZeroPad(before, cout - cin - before, stride)

    def skip(self, x, activated):
        if self.kind == "none":
            return 0
        if self.kind == "identity":
            return x
        return self.pad(x) if self.kind == "pad" else self.downsample(activated)

    def add(self, residual, x, activated):
        """The addition, with what He et al. 2016, table 1, does to its summands."""
        skip = self.skip(x, activated)
        if self.gate_kind:
            g = torch.sigmoid(self.gate(activated))
            skip = (1 - g) * skip
            residual = g * residual if self.gate_kind == "exclusive" else residual
        if self.scales != (1, 1):  # a pass over the data that speed measurements must not pay for
            skip, residual = self.scales[0] * skip, self.scales[1] * residual
        if isinstance(skip, int):
            return residual
        return residual + (self.dropout(skip) if self.dropout else skip)

    def conv(self, i, x):
        return getattr(self, f"conv{i}")(x)

    def bn(self, i, x):
        return getattr(self, f"bn{i}")(x)

    def forward(self, x):
        if self.order in ("relu_preact", "full_preact"):
            return self.forward_preact(x)
        y = x
        for i in range(1, self.count):
            y = F.relu(self.bn(i, self.conv(i, y)))
        last = self.count
        y = self.conv(last, y)
        if self.order == "bn_after_add":
            return F.relu(self.bn(last, self.add(y, x, x)))
        if self.order == "relu_before_add":
            return self.add(F.relu(self.bn(last, y)), x, x)
        return F.relu(self.add(self.bn(last, y), x, x))

    def forward_preact(self, x):
        full = self.order == "full_preact"
        activated = x
        if not self.first:
            activated = F.relu(self.bn(1, x) if full else x)
        y = self.conv(1, activated)
        for i in range(2, self.count + 1):
            y = self.conv(i, F.relu(self.bn(i if full else i - 1, y)))
        if not full:
            y = self.bn(self.count, y)
        return self.add(y, x, activated)


class ResNet(nn.Module):
    """The nets of He et al. 2015 for small images (stem 3x3) and for ImageNet (7x7, max-pool)."""

    def __init__(self, blocks, width, cin=3, classes=10, bottleneck=False, imagenet=False,
                 order="original", dropouts=None, **unit):
        super().__init__()
        self.conv1 = conv(cin, width, 7 if imagenet else 3, 2 if imagenet else 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, 2, 1) if imagenet else nn.Identity()
        channels = width
        self.stages = len(blocks)
        for s, count in enumerate(blocks):
            inner = width << s
            out = 4 * inner if bottleneck else inner
            units = []
            for i in range(count):
                units.append(Unit(channels, out, 2 if s > 0 and i == 0 else 1,
                                  inner if bottleneck else None, order=order,
                                  first=s == 0 and i == 0,
                                  dropout=dropouts[s] if dropouts else None, **unit))
                channels = out
            setattr(self, f"layer{s + 1}", nn.Sequential(*units))
        self.order = order
        if order == "full_preact":
            self.bn_last = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        for s in range(self.stages):
            x = getattr(self, f"layer{s + 1}")(x)
        if self.order == "full_preact":
            x = self.bn_last(x)
        if self.order in ("relu_preact", "full_preact"):
            x = F.relu(x)
        return self.fc(x.mean((2, 3)))


# ---- the tutorials ----
class Block000(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(cin, cout, 3, stride, bias=True), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = conv(cout, cout, 3, bias=True), nn.BatchNorm2d(cout)
        self.shortcut = nn.Identity()
        if stride != 1 or cin != cout:
            self.shortcut = nn.Sequential(conv(cin, cout, 1, stride), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class Tutorial000(nn.Module):
    """As printed its block lacks `expansion`, which is taken as 1."""

    def __init__(self, width=64, cin=3, classes=10):
        super().__init__()
        self.conv1, self.bn1 = conv(cin, width, 3), nn.BatchNorm2d(width)
        channels = width
        for s in range(4):
            out = width << s
            setattr(self, f"layer{s + 1}", nn.Sequential(
                Block000(channels, out, 2 if s else 1), Block000(out, out, 1)))
            channels = out
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Projection001(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv, self.bn = conv(cin, cout, 1, stride, bias=True), nn.BatchNorm2d(cout)

    def forward(self, x):
        return self.bn(self.conv(x))


class Block001(nn.Module):
    def __init__(self, cin, inner, cout, stride):
        super().__init__()
        self.bottleneck = inner is not None
        if self.bottleneck:
            self.conv1, self.bn1 = conv(cin, inner, 1, bias=True), nn.BatchNorm2d(inner)
            self.conv2, self.bn2 = conv(inner, inner, 3, stride, bias=True), nn.BatchNorm2d(inner)
            self.conv3, self.bn3 = conv(inner, cout, 1, bias=True), nn.BatchNorm2d(cout)
        else:
            self.conv1, self.bn1 = conv(cin, cout, 3, stride, bias=True), nn.BatchNorm2d(cout)
            self.conv2, self.bn2 = conv(cout, cout, 3, bias=True), nn.BatchNorm2d(cout)
        changes = stride != 1 or cin != cout
        self.shortcut = Projection001(cin, cout, stride) if changes else nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.bottleneck:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + self.shortcut(x))


class Base001(nn.Module):
    def __init__(self, blocks, channels, bottlenecks, first_kernel, fixed, cin):
        super().__init__()
        self.fixed = fixed
        self.conv = conv(cin, channels[0], first_kernel, 1 if fixed else 2, bias=True)
        self.bn = nn.BatchNorm2d(channels[0])
        units, before = [], channels[0]
        for s, out in enumerate(channels):
            inner = bottlenecks[s] if bottlenecks else None
            for i in range(blocks[s]):
                strided = (s > 0 and i == 0) if fixed else not units
                units.append(Block001(before, inner, out, 2 if strided else 1))
                before = out
        self.blocks = nn.Sequential(*units)

    def forward(self, x):
        x = self.bn(self.conv(x))
        x = self.blocks(F.relu(x) if self.fixed else x)
        return x.flatten(2).mean(2)


def tutorial001(blocks, channels, bottlenecks=None, first_kernel=3, fixed=False, cin=3, classes=10):
    base = Base001(blocks, channels, bottlenecks, first_kernel, fixed, cin)
    return nn.Sequential(base, nn.Linear(channels[-1], classes))


class Block002(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1, self.bn1 = conv(channels, channels, 3, bias=True), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = conv(channels, channels, 3, bias=True), nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + x)


class Tutorial002(nn.Module):
    def __init__(self, width=64, cin=3, classes=10):
        super().__init__()
        for s in (1, 2, 3):
            out = width << (s - 1)
            setattr(self, f"conv{s}", conv(cin, out, 3, 2 if s > 1 else 1, bias=True))
            setattr(self, f"bn{s}", nn.BatchNorm2d(out))
            setattr(self, f"layer{s}", nn.Sequential(*(Block002(out) for _ in range(3))))
            cin = out
        self.fc = nn.Linear(cin, classes)

    def forward(self, x):
        x = self.layer1(F.relu(self.bn1(self.conv1(x))))
        x = self.layer2(F.relu(self.bn2(self.conv2(x))))
        x = self.layer3(F.relu(self.bn3(self.conv3(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Block003(nn.Module):
    def __init__(self, channels, inner, kernel, residual):
        super().__init__()
        self.residual = residual
        self.conv1 = conv(channels, inner, kernel, bias=True)
        self.conv2 = conv(inner, channels, 3, bias=True)

    def forward(self, x):
        y = self.conv2(F.relu(self.conv1(x)))
        return F.relu(y + x if self.residual else y)


class Tutorial003(nn.Module):
    """kernel 5: the printed block; 3: the block of the text, which crashes there."""

    def __init__(self, shape=(1, 28, 28), width=20, kernel=5, residual=True, classes=10):
        super().__init__()
        second, inner = 3 * width // 4, 3 * width // 2
        self.conv1 = conv(shape[0], width, 5, bias=True)
        self.block1 = Block003(width, inner, kernel, residual)
        self.conv2 = conv(width, second, 3, bias=True)
        self.block2 = Block003(second, inner, kernel, residual)
        flat = second * (shape[1] // 2 // 2) * (shape[2] // 2 // 2)
        self.fc1, self.fc2 = nn.Linear(flat, flat // 3), nn.Linear(flat // 3, classes)

    def forward(self, x):
        x = self.block1(F.relu(F.max_pool2d(self.conv1(x), 2)))
        x = self.block2(F.relu(F.max_pool2d(self.conv2(x), 2)))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Block004(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(cin, cout, 3, stride), nn.BatchNorm2d(cout)
        self.conv2, self.bn2 = conv(cout, cout, 3), nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            self.downsample = nn.Sequential(conv(cin, cout, 3, stride), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class Tutorial004(nn.Module):
    def __init__(self, n=2, width=16, cin=3, classes=10):
        super().__init__()
        self.conv, self.bn = conv(cin, width, 3), nn.BatchNorm2d(width)
        channels = width
        for s in range(3):
            out = width << s
            units = [Block004(channels, out, 2 if s else 1)]
            units += [Block004(out, out, 1) for _ in range(n - 1)]
            setattr(self, f"layer{s + 1}", nn.Sequential(*units))
            channels = out
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))
