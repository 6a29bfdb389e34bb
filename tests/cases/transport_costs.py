"""How costs that are not stored are made."""

import numpy as np

import linalgx as lx
from cases._kinds import Object

OBJECTS = {
    "transport.PointCloudCost": Object(
        reason="A cost that computes its entries from two clouds of points.",
        make=lambda: lx.transport.PointCloudCost(
            np.asarray([[0.0, 1.0], [2.0, 3.0]]), np.asarray([[1.0, 1.0]])
        ),
    ),
    "transport.GridCost": Object(
        reason="A cost that computes its entries from the axes of a grid.",
        make=lambda: lx.transport.GridCost((np.asarray([0.0, 1.0]), np.asarray([0.0, 2.0]))),
    ),
}
