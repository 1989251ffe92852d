"""Helpers around training, at PyTorch's places: `minigrad.utils.data`."""

from minigrad.utils import data as data
