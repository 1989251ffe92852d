"""Transforms of images, to be combined. `torchvision.transforms`, with its names, options and random draws.

Every transform takes tensors (..., H, W), NumPy arrays (H, W) or (H, W, C) and Pillow images, and gives the same kind
back. Random ones draw from minigrad's generator: `minigrad.manual_seed`, and the workers of a `DataLoader`, seed them.
"""

from minigrad.vision.transforms import functional
from minigrad.vision.transforms.fixed import (
    CenterCrop,
    Compose,
    Grayscale,
    Lambda,
    Normalize,
    Pad,
    Resize,
    ToPILImage,
    ToTensor,
)
from minigrad.vision.transforms.functional import InterpolationMode
from minigrad.vision.transforms.randomised import (
    ColorJitter,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToPILImage",
    "ToTensor",
    "functional",
]
