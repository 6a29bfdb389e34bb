"""Degenerate directions of registration problems."""

import numpy as np
import pytest

import linalgx as lx


def corridor(seed=0, along=2e-4, points=400):
    """Hessian of a point-to-plane registration: walls, floor, and next to nothing along x."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(-1, 1, (points, 3)) * [8.0, 1.5, 1.2]
    normals = np.where(rng.random((points, 1)) < 0.5, [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]])
    normals = normals + rng.standard_normal((points, 3)) * [along, 0.05, 0.05]
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    j = np.concatenate([np.cross(p, normals), normals], axis=1)
    return j.T @ j, j.T @ rng.standard_normal(points)


def pcg(h, b, inverse, rtol, steps):
    """Preconditioned conjugate gradients, written out; the error is the caller's business."""
    x, r = np.zeros_like(b), b.copy()
    z = inverse @ r
    p, rho = z, r @ z
    for k in range(1, steps + 1):
        q = h @ p
        alpha = rho / (p @ q)
        x, r = x + alpha * p, r - alpha * q
        if np.linalg.norm(r) <= rtol * np.linalg.norm(b):
            return x, k
        z = inverse @ r
        rho, old = r @ z, rho
        p = z + (rho / old) * p
    return x, steps + 1


def test_corridor():
    """A condition number of about 5e4, six iterations, and the exact solution."""
    for seed in range(5):
        h, b = corridor(seed, along=0.02)
        assert 2e4 < np.linalg.cond(h) < 1e5
        found = lx.relaxation.degeneracy(h)
        assert found.degenerate.tolist()[3:] == [True, False, False]
        assert abs(found.directions[3, 3]) > 0.99
        root = np.linalg.cholesky(found.preconditioner)
        assert np.linalg.cond(root.T @ h @ root) < np.linalg.cond(h) / 100
        x, iterations = pcg(h, b, found.preconditioner, 1e-6, 10)
        assert iterations <= 6
        exact = np.linalg.solve(h, b)
        assert np.linalg.norm(x - exact) <= 1e-6 * np.linalg.norm(exact)


def definite(leg, n=6, batch=(), seed=0):
    x = leg._randn(*batch, n, 2 * n, seed=seed)
    return x @ np.swapaxes(x.conj(), -1, -2)


def test_against_the_definition(leg):
    """Eigenvalues of the Schur complements, their eigenvectors, and the clamped inverse."""
    h = definite(leg, batch=(4,)) * np.geomspace(1, 30, 6) * np.geomspace(1, 30, 6)[:, None]
    found = lx.relaxation.degeneracy(leg.asarray(h))
    wide = np.result_type(leg.dtype_name, np.float64)
    w, v, p, d = (
        leg.to_numpy(x)
        for x in (found.eigenvalues, found.directions, found.preconditioner, found.degenerate)
    )
    size = np.linalg.norm(h, axis=(-2, -1)).max()
    for i in range(4):
        r, x, t = h[i, :3, :3], h[i, :3, 3:], h[i, 3:, 3:]
        schur = [r - x @ np.linalg.inv(t) @ x.conj().T, t - x.conj().T @ np.linalg.inv(r) @ x]
        for part, s in zip((slice(0, 3), slice(3, 6)), schur, strict=True):
            values = w[i, part].astype(float)
            np.testing.assert_allclose(
                np.sort(values), np.linalg.eigvalsh(s), atol=50 * leg.eps * size
            )
            assert d[i, part].tolist() == (values * 10 < values.max()).tolist()
            block = v[i, part, part].astype(wide)
            np.testing.assert_allclose(block.conj().T @ block, np.eye(3), atol=30 * leg.eps)
            clamped = np.where(d[i, part], values.max() / 10, values)
            expected = block @ np.diag(1 / clamped) @ block.conj().T
            np.testing.assert_allclose(
                p[i, part, part], expected, atol=1e2 * leg.eps * np.abs(expected).max()
            )
        assert not v[i, :3, 3:].any() and not p[i, 3:, :3].any()
    assert found.degenerate.dtype == leg.xp.bool


def test_directions_follow_the_axes(leg):
    """Column j lies nearest to axis j and points its way, whatever the order of eigenvalues."""
    turn = np.linalg.qr(np.eye(3) + 0.2 * np.random.default_rng(0).standard_normal((3, 3)))[0]
    blocks = [turn @ np.diag(w) @ turn.T for w in ([3.0, 1.0, 2.0], [0.01, 5.0, 4.0])]
    h = np.block([[blocks[0], np.zeros((3, 3))], [np.zeros((3, 3)), blocks[1]]])
    found = lx.relaxation.degeneracy(leg.asarray(h))
    v = leg.to_numpy(found.directions).real
    signs = np.sign(np.diag(turn))
    for part in (slice(0, 3), slice(3, 6)):
        np.testing.assert_allclose(v[part, part], turn * signs, atol=1e3 * leg.eps)
    np.testing.assert_allclose(
        leg.to_numpy(found.eigenvalues), [3, 1, 2, 0.01, 5, 4], atol=1e2 * leg.eps
    )
    assert leg.to_numpy(found.degenerate).tolist() == [False] * 3 + [True, False, False]


def test_each_axis_is_given_once():
    """Two eigenvectors whose largest component is the same: the clearer one gets it."""
    v = np.linalg.qr([[0.9, 0.6, 0.1], [0.3, -0.5, 0.7], [0.3, -0.4, -0.6]])[0]
    s = v @ np.diag([1.0, 2.0, 3.0]) @ v.T
    h = np.block([[s, np.zeros((3, 3))], [np.zeros((3, 3)), np.eye(3)]])
    found = lx.relaxation.degeneracy(h)
    assert sorted(found.eigenvalues[:3].round(9).tolist()) == [1.0, 2.0, 3.0]
    np.testing.assert_allclose(
        s @ found.directions[:3, 0], found.eigenvalues[0] * found.directions[:3, 0]
    )
    assert np.all(np.diag(found.directions) >= 0)


def test_singular_blocks_take_the_pseudo_inverse(leg):
    """Rotations that the translations say nothing about, and a block that is zero."""
    r = np.diag([4.0, 3.0, 2.0])
    t = np.diag([2.0, 0.0, 1.0])
    h = np.block([[r, np.zeros((3, 3))], [np.zeros((3, 3)), t]])
    found = lx.relaxation.degeneracy(leg.asarray(h))
    assert leg.to_numpy(found.degenerate).tolist() == [False] * 3 + [False, True, False]
    np.testing.assert_allclose(
        np.diag(leg.to_numpy(found.preconditioner)), [1 / 4, 1 / 3, 1 / 2, 1 / 2, 5, 1], rtol=1e-5
    )
    h[3:, 3:] = 0
    found = lx.relaxation.degeneracy(leg.asarray(h))
    assert leg.to_numpy(found.degenerate).tolist() == [False] * 3 + [True] * 3
    p = leg.to_numpy(found.preconditioner)
    assert np.all(np.isfinite(p)) and np.all(np.diag(p).real > 0)


@pytest.mark.parametrize(("n", "split"), [(6, 3), (6, 2), (3, 1), (4, 0), (4, 4), (1, 1)])
def test_sizes_of_the_blocks(leg, n, split):
    h = leg.asarray(definite(leg, n))
    found = lx.relaxation.degeneracy(h, split=split)
    assert found.directions.shape == found.preconditioner.shape == (n, n)
    assert found.eigenvalues.shape == found.degenerate.shape == (n,)
    assert np.all(leg.to_numpy(found.eigenvalues) > 0)


def test_a_batch_equals_its_parts():
    h = np.stack([corridor(seed)[0] for seed in range(6)]).reshape(2, 3, 6, 6)
    found = lx.relaxation.degeneracy(h)
    one = lx.relaxation.degeneracy(h[1, 2])
    for whole, part in zip(found, one, strict=True):
        np.testing.assert_allclose(whole[1, 2], part, rtol=1e-9, atol=1e-12)


def test_thresholds():
    h = np.diag([1.0, 1.0, 0.2, 1.0, 1.0, 0.05])
    assert lx.relaxation.degeneracy(h, threshold=4.0).degenerate.tolist() == [
        *(False, False, True),
        *(False, False, True),
    ]
    p = lx.relaxation.degeneracy(h, target=5.0).preconditioner
    np.testing.assert_allclose(np.diag(p), [1, 1, 5, 1, 1, 5])


@pytest.mark.parametrize(
    ("h", "options", "error", "message"),
    [
        (np.eye(4), {"split": 5}, ValueError, r"split must lie in \[0, 4\]"),
        (np.eye(6), {"threshold": 0.5}, ValueError, "threshold must lie in"),
        (np.eye(6), {"target": np.nan}, ValueError, "target must lie in"),
        (np.eye(6) + np.eye(6, k=1), {}, ValueError, "h must be Hermitian"),
        (np.diag([1.0, 1, 1, 1, 1, -1]), {}, lx.LinAlgError, "not positive semidefinite"),
    ],
)
def test_refused(h, options, error, message):
    with pytest.raises(error, match=message):
        lx.relaxation.degeneracy(h, **options)
