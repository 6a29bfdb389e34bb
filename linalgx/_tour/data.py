"""Real data from installed packages, prepared for the tasks."""

from functools import cache
from importlib import import_module

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from linalgx.typing import Array


@cache
def digits() -> Array:
    """Return 1797 handwritten digits, shape (1797, 8, 8), grey levels 0 to 16."""
    images: Array = import_module("sklearn.datasets").load_digits().images
    return images


@cache
def photograph(name: str) -> Array:
    """Return ``china.jpg`` or ``flower.jpg``, shape (427, 640, 3), colours in [0, 1]."""
    image: Array = import_module("sklearn.datasets").load_sample_image(name) / 255.0
    return image


def patches(image: Array, size: int, step: int) -> Array:
    """Cut an image into square patches, shape (rows, columns, size, size, channels)."""
    windows = sliding_window_view(image, (size, size), axis=(0, 1))[::step, ::step]
    return np.moveaxis(windows, 2, -1) if image.ndim == 3 else windows
