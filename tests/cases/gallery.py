"""How to call the functions of `gallery`."""

from cases._kinds import Born

BORN: dict[str, Born] = {
    "gallery.hilbert": Born(),
    "gallery.kahan": Born(
        variants={"default": {}, "c": {"c": 0.5}},
        faults=(((-1,), {}), ((3,), {"c": 1.0}), ((3,), {"c": float("nan")})),
    ),
    "gallery.frank": Born(),
    "gallery.vandermonde": Born(),
    "gallery.triu_ones": Born(
        variants={"default": {}, "rank": {"rank": 2}}, faults=(((-1,), {}), ((3,), {"rank": 4}))
    ),
    "gallery.graded": Born(
        variants={"default": {}, "batch": {"batch": (2, 3), "ratio": 1e-3}},
        random=True,
        faults=(((-1,), {}), ((3,), {"ratio": 0.0})),
    ),
    "gallery.spiked": Born(
        args=(5, 4),
        variants={"default": {}, "batch": {"batch": 2, "spikes": [3.0], "noise": 0.1}},
        random=True,
        faults=(((-1,), {}), ((2, 2), {}), ((5, 4), {"spikes": [-1.0]})),
    ),
    "gallery.poisson2d": Born(
        variants={"default": {"sparse": False}, "rectangle": {"n": 3, "sparse": False}},
        shape=lambda n: (n**2, n**2),
        faults=(((-1,), {}), ((2, -1), {})),
    ),
    "gallery.poisson3d": Born(
        args=(3,),
        variants={"default": {"sparse": False}},
        shape=lambda n: (n**3, n**3),
    ),
    "gallery.heat2d": Born(
        variants={
            "default": {"sparse": False},
            "coefficient": {"kappa": 7.5, "dt": 1e-2, "sparse": False},
        },
        shape=lambda n: (max(n - 1, 0) ** 2, max(n - 1, 0) ** 2),
        faults=(((-1,), {}), ((3,), {"dt": 0.0}), ((3,), {"kappa": float("nan")})),
    ),
    "gallery.companion_exp": Born(faults=(((-1,), {}), ((171,), {}))),
    "gallery.hippo": Born(),
    "gallery.sparse_powerlaw": Born(
        args=(6, 4),
        # A seed in the options, for what is random is compared as a dense array.
        variants={
            "default": {"sparse": False, "rng": 0},
            "slow": {"sparse": False, "rng": 0, "per_column": 3, "decay": 0.5},
        },
        faults=(
            *(((-1,), {}), ((2, -1), {}), ((3, 3), {"per_column": 4})),
            ((3, 3), {"per_column": 0}),
            *(((3, 3), {"decay": x}) for x in (-1.0, float("nan"), float("inf"))),
        ),
    ),
    "gallery.riesz": Born(
        variants={"default": {}, "order": {"alpha": 0.5}},
        faults=(((-1,), {}), ((3,), {"alpha": 0.0}), ((3,), {"alpha": 2.5})),
    ),
    "gallery.riesz_column": Born(
        variants={"default": {}, "order": {"alpha": 2.0}},
        shape=lambda n: (n,),
        faults=(((-1,), {}), ((3,), {"alpha": float("nan")})),
    ),
    "gallery.assignment_cost": Born(
        variants={"default": {}, "rectangle": {"m": 3}},
        random=True,
        faults=(((-1,), {}), ((2, -1), {})),
    ),
    "gallery.blob_images": Born(
        args=(2, 5),
        variants={"default": {}, "one": {"bumps": 1, "offset": 0.0}},
        random=True,
        shape=lambda n: (n, 28, 28),
        faults=(((-1,), {}), ((2, -1), {}), ((2,), {"bumps": 0}), ((2,), {"offset": -1.0})),
    ),
    "gallery.gaussian_mixture_cloud": Born(
        variants={"default": {}, "space": {"dim": 3, "components": 2, "spread": 0.5}},
        random=True,
        shape=lambda n: (n, 2),
        faults=(
            *(((-1,), {}), ((3, 0), {}), ((3,), {"components": 0})),
            ((3,), {"spread": float("nan")}),
        ),
    ),
    "gallery.randsvd": Born(
        args=(5, 4),
        variants={
            "default": {},
            **{
                mode: {"mode": mode, "cond": 10.0}
                for mode in (
                    *("geometric", "arithmetic", "one_large", "one_small"),
                    *("clustered", "log_random"),
                )
            },
            "batch": {"batch": (2, 3), "cond": 10.0},
        },
        random=True,
        faults=(((-1,), {}), ((3,), {"mode": "flat"}), ((3,), {"cond": 0.5})),
    ),
}
