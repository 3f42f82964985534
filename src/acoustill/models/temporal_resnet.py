"""Temporal ResNet, the paper's teacher that was meant to see motion, and here does."""

from __future__ import annotations

from acoustill.models.resnet_frames import ResNetFrames


class TemporalResNet(ResNetFrames):
    """A ResNet whose frames see their neighbours (Perez et al. 2020, after Feichtenhofer et al. 2016).

    A convolution over three of the frames looked at, in the second unit of each of the four stages. At the start it
    equals `ResNetFrames` of the same weights, and then it learns: 1,044,480 parameters more, 24,581,198 for 14 classes
    and a depth of 50. In the paper's code those convolutions were frozen at the identity and stood between two
    rectifiers, so that the network averaged frames. The name stands for the default depth. Arguments, shapes and errors
    are those of `ResNetFrames`; the convolutions over time learn whatever is frozen.
    """

    name = "temporal-resnet50"
    over_time = True
