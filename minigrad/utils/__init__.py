"""Helpers around training, at PyTorch's places: `minigrad.utils.data`."""
