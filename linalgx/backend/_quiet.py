"""Silence where overflow is expected and looked for afterwards."""

from contextlib import AbstractContextManager

import numpy as np


def quiet() -> AbstractContextManager[object]:
    """Return a context without NumPy's floating-point warnings, in the current thread alone.

    For iterations that test what they have computed: their caller hears of it by a status.
    """
    return np.errstate(all="ignore")
