"""ResNet-18 and ResNet-50 without their classifier, under the names that ImageNet weights go by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from acoustill.errors import bad_input
from acoustill.models.small_maps import SmallMapConv2d

UNITS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
WIDTHS = (64, 128, 256, 512)

Insert = Callable[[Tensor], Tensor]


class BasicUnit(nn.Module):
    """Two convolutions of 3 x 3 and a shortcut (He et al. 2016, figure 5 left).

    Args:
        entering: channels of the input.
        width: of the convolutions.
        stride: of the first.
    """

    expansion = 1

    def __init__(self, entering: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = SmallMapConv2d(entering, width, 3, stride, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = SmallMapConv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _projection(entering, width, stride)

    def forward(self, maps: Tensor, insert: Insert | None = None) -> Tensor:
        """See `ResNet.forward` for `insert`."""
        inner = self.bn1(self.conv1(maps))
        inner = relu(inner if insert is None else insert(inner))
        return relu(self.bn2(self.conv2(inner)) + (maps if self.downsample is None else self.downsample(maps)))


class BottleneckUnit(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1 and a shortcut; the second has the stride ("v1.5", Goyal et al. 2017).

    Args:
        entering: channels of the input.
        width: of the first two convolutions, a fourth of the third's.
        stride: of the second.
    """

    expansion = 4

    def __init__(self, entering: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = SmallMapConv2d(entering, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = SmallMapConv2d(width, width, 3, stride, padding=1)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = SmallMapConv2d(width, 4 * width, 1)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = _projection(entering, 4 * width, stride)

    def forward(self, maps: Tensor, insert: Insert | None = None) -> Tensor:
        """See `ResNet.forward` for `insert`."""
        inner = self.bn2(self.conv2(relu(self.bn1(self.conv1(maps)))))
        inner = relu(inner if insert is None else insert(inner))
        return relu(self.bn3(self.conv3(inner)) + (maps if self.downsample is None else self.downsample(maps)))


class ResNet(nn.Module):
    """Features of pictures (He et al. 2016), averaged over the picture; without a classifier.

    23,508,032 parameters for a depth of 50, 11,176,512 for 18. They have the names that torchvision gives them, so
    weights for ImageNet load as they are; those of the classifier, `fc`, are left out.

    Args:
        depth: 18 or 50.

    Attributes:
        features: number of them, 512 or 2048.

    Shapes:
        Input: (N, 3, h, w), RGB as the weights expect it.
        Output: (N, features).

    Raises:
        AcoustillError: if there is no such depth.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        if depth not in UNITS:
            raise bad_input("ResNet", "depth", depth, "18 or 50")
        unit = BasicUnit if depth == 18 else BottleneckUnit
        self.features = WIDTHS[-1] * unit.expansion
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        entering, stages = 64, []
        for stage, (units, width) in enumerate(zip(UNITS[depth], WIDTHS, strict=True)):
            blocks = []
            for number in range(units):
                blocks.append(unit(entering, width, 2 if stage > 0 and number == 0 else 1))
                entering = width * unit.expansion
            stages.append(nn.ModuleList(blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.register_load_state_dict_pre_hook(_leave_out_classifier)

    def forward(self, pictures: Tensor, inserts: Sequence[Insert] | None = None) -> Tensor:
        """See the class.

        Args:
            pictures: as under Shapes.
            inserts: what acts in the second unit of each of the four stages, behind a batch norm and in front of the
                rectifier: it sees both signs, and what it gives is rectified once.
        """
        maps = max_pool2d(relu(self.bn1(self.conv1(pictures))), 3, 2, padding=1)
        for stage, units in enumerate((self.layer1, self.layer2, self.layer3, self.layer4)):
            for number, unit in enumerate(units):
                maps = unit(maps, inserts[stage] if inserts is not None and number == 1 else None)
        return maps.mean(dim=(2, 3))


def _projection(entering: int, leaving: int, stride: int) -> nn.Sequential | None:
    if entering == leaving and stride == 1:
        return None
    return nn.Sequential(SmallMapConv2d(entering, leaving, 1, stride), nn.BatchNorm2d(leaving))


def _leave_out_classifier(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
    for name in ("fc.weight", "fc.bias"):
        state.pop(prefix + name, None)
