"""Leaves out the calls that a case exempts with a reason, and complex numbers of real functions."""

from pathlib import Path

import catalog

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    kept, dropped = [], []
    for item in items:  # those of all folders
        promise = getattr(item, "originalname", item.name).removeprefix("test_")
        ours = HERE in item.path.parents and hasattr(item, "callspec")
        about = not ours or catalog.applies(promise, item.callspec.params)
        (kept if about else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept
