"""The kinds of entries of the tables: how a public function or class is called and judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

import numpy as np

from cases._makers import BLOCKS, DEFINITE, Shape, hermitian
from linalgx.results import Result

Options = Mapping[str, Any]
Arrays = dict[str, Any]
Maker = Callable[..., Any]
Need = Literal["", "regular", "hermitian", "definite"]


def no_degrees(options: Options) -> dict[str, float]:
    return {}


def same_shape(shape: Shape) -> Shape:
    return shape


@dataclass(frozen=True, kw_only=True)
class Case:
    """One function of arrays, or one way to call it.

    The tests think of the shape ``(..., m, n)`` of one matrix; makers derive the shapes of all
    arrays from it, so that functions of vectors need nothing more than `square` and vector makers.

    Attributes
    ----------
    arrays : dict
        Name of each array argument, in order -> maker of a host array, see `cases._makers`. The
        first is the one that the scaling test multiplies and that sparse input replaces.
    named : tuple of str
        Those of `arrays` that are passed by keyword.
    variants : dict
        Options by label; the first are the cheapest that make a complete call. They hold numbers,
        names and host objects; give `rng` as an integer.
    degrees : callable
        Options -> exponent of homogeneity for each output: an output of degree d is multiplied by
        2^(k d) when the first array is multiplied by 2^k. Outputs not named are not compared.
    scales : dict
        Further array argument -> exponents of the outputs in the same sense.
    check : callable
        (inputs, outputs, options) -> the worst LAPACK-style ratio, below 30 for a right result.
    square : bool
        Whether the matrix must be square.
    needs : {None, "", "regular", "hermitian", "definite"}
        What the mathematics asks of the first matrix. ``"hermitian"`` and ``"definite"`` promise
        that other matrices are refused; ``"regular"`` and ``"definite"`` that singular matrices
        raise `LinAlgError` or end without convergence. None: as the makers say.
    real : bool
        Whether complex numbers are refused.
    resize : callable
        Shape that a test asks for -> shape that the function takes, where sizes are special.
    shapes, empty_shapes : tuple of shapes, optional
        Edge shapes instead of the usual ones; batches are left out where there are none.
    observe : callable, optional
        (result, inputs) -> outputs by name, where the result is no array, tuple or dataclass.
    discrete : tuple of str
        Outputs of integers or bool.
    looped : bool
        Whether a batch is solved one problem after the other, so that a small one will do.
    iterate : str
        Output whose shape the iterates have that a callback sees; empty: that of the first array.
    slack, power : float
        Two runs on the same numbers, also in other layouts, containers and batches, agree within
        slack·eps^power; the power is that of the default tolerance where there is an iteration.
    choices : dict
        Option -> accepted names.
    open_choices : tuple of str
        Those of `choices` that accept something else than names, too.
    divisor : callable
        Options -> number that must divide k in the scaling test.
    brief : tuple of str
        Labels of the variants that differ in more than numbers; all when empty. Most promises are
        checked for these only.
    trouble : dict
        Label -> (host input, options) of calls that must warn exactly once; the host input is the
        first array, or a dict of all of them.
    exempt : dict
        Name of a contract test without ``test_`` -> why it does not hold here, a sentence.
    """

    arrays: Mapping[str, Maker]
    named: tuple[str, ...] = ()
    variants: Mapping[str, Options]
    degrees: Callable[[Options], dict[str, float]] = no_degrees
    scales: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    check: Callable[[Arrays, Arrays, Options], float]
    square: bool = False
    needs: Need | None = None
    real: bool = False
    resize: Callable[[Shape], Shape] = same_shape
    shapes: tuple[Shape, ...] | None = None
    empty_shapes: tuple[Shape, ...] | None = None
    observe: Callable[[Any, Arrays], Arrays] | None = None
    discrete: tuple[str, ...] = ()
    looped: bool = False
    iterate: str = ""
    slack: float = 500.0
    power: float = 1.0
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    open_choices: tuple[str, ...] = ()
    divisor: Callable[[Options], int] = lambda options: 1
    brief: tuple[str, ...] = ()
    trouble: Mapping[str, tuple[Any, Options]] = field(default_factory=dict)
    exempt: Mapping[str, str] = field(default_factory=dict)

    def agreement(self, eps: float) -> float:
        """Return the largest difference between two runs on the same numbers."""
        return float(self.slack * eps**self.power)

    def hosts(self, shape: Shape, *, complex_: bool = False, seed: int = 0) -> Arrays:
        """Host arrays by argument name."""
        shape = self.resize(shape)
        return {
            name: make(shape, complex_=complex_, seed=seed) for name, make in self.arrays.items()
        }

    def inputs(self, leg: Any, shape: Shape, *, seed: int = 0) -> Arrays:
        """Arrays of a leg by argument name."""
        hosts = self.hosts(shape, complex_=leg.is_complex, seed=seed)
        return {name: leg.asarray(host) for name, host in hosts.items()}

    def given(self, leg: Any, first: Any, *, seed: int = 0) -> Arrays:
        """Arrays of a leg, the first being the host array that is given."""
        inputs = self.inputs(leg, self.shape_of(first), seed=seed)
        return {**inputs, self.first: leg.asarray(first)}

    def shape_of(self, first: Any) -> Shape:
        """Shape of the matrix that a call with this first array is about."""
        shape = tuple(np.shape(first))
        return shape if self.axes(self.first) == 2 else (*shape, shape[-1])

    @property
    def first(self) -> str:
        """Name of the first array."""
        return next(iter(self.arrays))

    @property
    def need(self) -> Need:
        """What the first array must be."""
        if self.needs is not None:
            return self.needs
        makers = set(self.arrays.values())
        if makers & set(DEFINITE):
            return "definite"
        return "hermitian" if hermitian in makers else ""

    def axes(self, argument: str) -> int:
        """Axes of one array argument without batches: 2 for matrices, 1 for vectors."""
        return int(np.ndim(self.hosts((3, 3))[argument]))

    def is_matrix(self, argument: str) -> bool:
        """Whether an argument must have two axes; blocks of vectors need not."""
        return self.axes(argument) == 2 and self.arrays[argument] not in BLOCKS

    def integers(self, *, batches: bool = False) -> Arrays:
        """Host arrays of small integers that every function takes: Hermitian, definite, no zero."""
        made = {name: _integers(x) for name, x in self.hosts((2, 2)).items()}
        return {name: np.stack([x, x]) for name, x in made.items()} if batches else made

    @property
    def default(self) -> Options:
        """Options of the first variant."""
        return next(iter(self.variants.values()))

    def plain_shapes(self) -> list[Shape]:
        """Ordinary shapes of one matrix."""
        return [(4, 4)] if self.square else [(4, 4), (5, 3), (3, 5)]

    def edge_shapes(self) -> list[Shape]:
        """Shapes of one matrix with at least one entry."""
        if self.shapes is not None:
            return list(self.shapes)
        return [(4, 4), (1, 1)] if self.square else [(4, 4), (5, 3), (3, 5), (1, 1), (1, 4), (4, 1)]

    def void_shapes(self, *, batches: bool = True) -> list[Shape]:
        """Shapes without entries, and a batch without matrices."""
        shapes: list[Shape] = [(0, 0), (0, 3, 3), (2, 0, 0)]
        if self.empty_shapes is not None:
            shapes = list(self.empty_shapes)
        elif not self.square:
            shapes += [(0, 3), (3, 0), (0, 4, 2), (2, 0, 3)]
        return [shape for shape in shapes if batches or len(shape) == 2]


def _integers(x: Any) -> Any:
    """Integers in the shape of a host array."""
    m, n = x.shape if x.ndim == 2 else (0, 1)
    if x.ndim == 2 and m == n == 2:
        return np.array([[3, 1], [1, 2]])
    if x.ndim == 2 and m == n:
        return 4 * np.eye(n, dtype=int) + np.eye(n, k=1, dtype=int) + np.eye(n, k=-1, dtype=int)
    return np.arange(1, x.size + 1).reshape(x.shape)


def outputs(result: Any) -> Arrays:
    """Arrays and plain numbers of a result by name; one that has no name is called ``result``.

    Of a `Result` only the arrays count: its numbers tell the story of one run.
    """
    if hasattr(result, "_asdict"):
        named = result._asdict()
    elif isinstance(result, tuple):
        named = {f"result{k}": x for k, x in enumerate(result)}
    elif is_dataclass(result):
        named = {f.name: getattr(result, f.name) for f in fields(result)}
    else:
        named = {"result": result}
    numbers = () if isinstance(result, Result) else (float, complex, int)
    return {name: x for name, x in named.items() if is_array(x) or type(x) in numbers}


def is_array(x: Any) -> bool:
    """Whether an output is an array, and not a plain number."""
    return hasattr(x, "dtype") and hasattr(x, "shape") and not hasattr(x, "matmat_count")


def of_arrays(out: Arrays) -> Arrays:
    """Those outputs that are arrays."""
    return {name: x for name, x in out.items() if is_array(x)}


@dataclass(frozen=True, kw_only=True)
class Born:
    """One function without array input.

    Attributes
    ----------
    args : tuple
        Positional arguments of an ordinary call.
    variants : dict
        Options by label.
    random : bool
        Whether it takes `rng`.
    shape : callable
        The one size that it is called with -> shape of the array.
    faults : tuple
        (args, options) of calls that must raise ValueError.
    """

    args: tuple[Any, ...] = (4,)
    variants: Mapping[str, Options] = field(default_factory=lambda: {"default": {}})
    random: bool = False
    shape: Callable[[int], Shape] = lambda n: (n, n)
    faults: tuple[tuple[tuple[Any, ...], Options], ...] = (((-1,), {}),)


@dataclass(frozen=True, kw_only=True)
class Object:
    """One public class that is neither a `Result` nor a named tuple.

    Attributes
    ----------
    reason : str
        What it is, and why it is an object: a sentence.
    make : callable, optional
        Makes an instance; None for abstract classes and protocols only.
    """

    reason: str
    make: Callable[[], Any] | None
