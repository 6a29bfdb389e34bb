"""The tasks of `linalgx.randomized`: words and documents, a photograph, a kernel matrix."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from linalgx._tour.data import digits, photograph
from linalgx._tour.picture import bars
from linalgx._tour.task import Outcome, Place, Task
from linalgx.backend import to_backend
from linalgx.plotting import COLORS
from linalgx.randomized import pivoted_cholesky, svd
from linalgx.typing import Array


def topics(place: Place) -> Task:
    """Topics of the functions and classes of a large library: 20 leading triplets of tf-idf."""
    host = words_of_functions()
    host = host if place.has_sparse else host[:500, :400].toarray()
    a = to_backend(host, place.backend) if place.has_sparse else place.put(host)
    peer = import_module("sklearn.utils.extmath").randomized_svd
    by_svds = import_module("scipy.sparse.linalg").svds
    reference = np.sort(by_svds(host, k=20, random_state=0)[1])[::-1]
    return Task(
        name="topics",
        data=f"words in functions, {host.shape[0]}×{host.shape[1]}",
        ours=lambda: svd(a, 20, rtol=1e-3, rng=0),
        peer=lambda: peer(host, 20, random_state=0),
        against="sklearn.utils.extmath.randomized_svd",
        error=lambda result: float(np.max(np.abs(_values(result) / reference - 1))),
        measure="largest relative error of 20 singular values",
    )


def photo(place: Place) -> Task:
    """Approximate a photograph by 50 singular triplets."""
    host = photograph_matrix()
    a = place.put(host)
    exact = np.linalg.svd(host, compute_uv=False)
    best = float(np.sqrt(np.sum(exact[50:] ** 2)))
    return Task(
        name="photograph, rank 50",
        data="three colours, 1281×640",
        ours=lambda: svd(a, 50, rng=0),
        peer=lambda: import_module("sklearn.utils.extmath").randomized_svd(
            host, 50, random_state=0
        ),
        against="sklearn.utils.extmath.randomized_svd",
        error=lambda result: _distance(host, result) / best - 1,
        measure="|A − USVᵀ| over the least possible, minus one",
    )


def digits_kernel(place: Place) -> Task:
    """Approximate the kernel matrix of all digits by 150 columns; ours never forms it."""
    x = digits().reshape(-1, 64)
    squares = np.sum(x * x, axis=1)
    width = 4000.0

    def entries(rows: Array, columns: Array) -> Array:
        i, j = (np.asarray(to_backend(k, "numpy")) for k in (rows, columns))
        distance = squares[i, None] + squares[None, j] - 2.0 * x[i] @ x[j].mT
        return place.put(np.exp(-np.maximum(distance, 0.0) / width))

    every = np.arange(len(x))
    whole = np.asarray(to_backend(entries(every, every), "numpy"))
    nystroem = import_module("sklearn.kernel_approximation").Nystroem
    return Task(
        name="digits, kernel matrix",
        data="1797×1797 by 150 of its columns",
        ours=lambda: pivoted_cholesky(entries, 150, diagonal=place.put(np.ones(len(x))), rng=0)[0],
        peer=lambda: nystroem(gamma=1 / width, n_components=150, random_state=0).fit_transform(x),
        against="sklearn.kernel_approximation.Nystroem",
        error=lambda f: float(np.trace(whole - f @ f.mT) / np.trace(whole)),
        measure="tr(A − FFᵀ)/tr A",
    )


TASKS: tuple[Callable[[Place], Task], ...] = (topics, photo, digits_kernel)


@cache
def words_of_functions() -> Any:
    """Return tf-idf of the words in the functions and classes of scikit-learn's own modules."""
    package = Path(str(import_module("sklearn").__file__)).parent
    documents = [
        part
        for path in sorted(package.glob("*/*.py"))
        for part in path.read_text(encoding="utf-8").split("\n\n\n")
        if len(part) > 200
    ]
    text = import_module("sklearn.feature_extraction.text")
    words = text.TfidfVectorizer(min_df=2, token_pattern=r"[a-z]{3,}")
    return words.fit_transform(documents).tocsr()


def photograph_matrix() -> Array:
    """Return a photograph as one matrix, its three colours below each other."""
    image = photograph("china.jpg")
    x: Array = np.concatenate([image[..., c] for c in range(3)], axis=0)
    return x


def _values(result: Any) -> Array:
    """Singular values of ours or of a plain triple."""
    return result.s if hasattr(result, "s") else result[1]


def _product(result: Any, rank: int | None = None) -> Array:
    u, s, vh = (result.u, result.s, result.vh) if hasattr(result, "s") else result
    product: Array = (u[:, :rank] * s[:rank]) @ vh[:rank]
    return product


def _distance(a: Array, result: Any) -> float:
    return float(np.linalg.norm(a - _product(result)))


def draw(figure: Any, outcomes: Mapping[str, Outcome]) -> None:
    """Draw times, and a photograph of rank 10 and 50 with estimated and true errors."""
    figure.suptitle("linalgx.randomized on real data", fontsize=15)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.1))
    bars(top.subplots(), list(outcomes.values())).set_title("time")
    _draw_photo(bottom.subplots(1, 3))


def _draw_photo(axes: Any) -> None:
    a = photograph_matrix()
    axes[0].imshow(_picture(a))
    axes[0].set_title("original")
    for ax, rank in zip(axes[1:], (10, 50), strict=True):
        result = svd(a, rank, rng=0)
        size = float(np.linalg.norm(a))
        true = _distance(a, result) / size
        ax.imshow(_picture(_product(result)))
        ax.set_title(
            f"rank {rank}: error {true:.3f}, estimated {result.error / size:.3f}",
            color=COLORS[0],
        )
    for ax in axes:
        ax.set_axis_off()


def _picture(a: Array) -> Array:
    picture: Array = np.clip(np.stack(np.split(a, 3), axis=-1), 0, 1)
    return picture
