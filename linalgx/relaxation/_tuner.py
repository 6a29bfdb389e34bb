"""What all tuners share: trials, their bookkeeping, and saving the state.

A tuner is asked for a value, and later told what the value cost. Between the two any number of
trials may be outstanding; each keeps the probability with which its value was drawn. Tuners are
host objects of Python numbers, whatever library the problems live in. They change when told, so
two threads must not use one tuner at once.

A new tuner derives from `Tuner` and writes `_choose`, `_learn` and `_weights`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeVar

from linalgx._core.admit import admit_real
from linalgx.backend import as_generator
from linalgx.errors import PerformanceWarning, warn
from linalgx.relaxation._arguments import plain_context
from linalgx.results import Status
from linalgx.typing import RNGLike

R = TypeVar("R")

_FIRST_CAP = 10_000.0  # the iteration limit of the solvers


@dataclass(slots=True)
class Trial:
    """A value to try. Not frozen, since a ``with`` block writes the outcome into it.

    Attributes
    ----------
    value : Any
        What to solve with.
    token : int
        Its number, to be handed back to ``tell``.
    cost, censored, residuals : float, bool, sequence of float
        For the block ``with tuner.trial() as t``: the outcome, told at its end.
    """

    value: Any
    token: int
    cost: float | None = None
    censored: bool = False
    residuals: Sequence[float] | None = None


class Record(NamedTuple):
    """One finished trial; the probability is ``None`` where the tuner does not compute it."""

    value: Any
    context: Any
    cost: float
    censored: bool
    probability: float | None


class Choice(NamedTuple):
    """An outstanding trial: index of the value, or the value itself, and what learning needs."""

    choice: Any
    probability: float | None
    note: Any = None
    context: Any = None


class Tuner:
    """A parameter that is learned while problems are solved.

    Ask for a value, solve with it, tell the cost; or let `trial` do both. The base of all tuners;
    one of your own derives from it and writes ``_choose``, ``_learn`` and ``_weights``.

    Parameters
    ----------
    values : tuple, optional
        What to choose from; ``None`` for tuners of an interval.
    rng : None, int, SeedSequence or Generator
        Source of the draws.
    cap : float, optional
        What a failed trial costs; ``None`` stands for twice the largest cost so far.

    See Also
    --------
    TsallisINF, ChebCB, YoungLearner : Tuners that learn.

    Examples
    --------
    >>> import linalgx as lx
    >>> tuner = lx.relaxation.TsallisINF([1.0, 1.5, 1.9], rng=0)
    >>> with tuner.trial() as t:
    ...     t.cost = 40.0  # say, the iterations of a solve with t.value
    >>> len(tuner.history), tuner.history[0].cost
    (1, 40.0)
    """

    __slots__ = (
        "_cap",
        "_history",
        "_largest",
        "_next",
        "_open",
        "_rng",
        "_values",
        "_warned",
    )
    _setup: ClassVar[tuple[str, ...]] = ()  # attributes that a saved state must agree with
    _state: ClassVar[tuple[str, ...]] = ()  # attributes that change: numbers, lists, dicts, str
    wants_residuals: ClassVar[bool] = False
    """Whether `tell` makes use of the residuals of a solve."""

    def __init__(
        self, values: Any = None, *, rng: RNGLike = None, cap: float | None = None
    ) -> None:
        self._values: tuple[Any, ...] | None = values
        self._rng = as_generator(rng)
        if not hasattr(self._rng, "bit_generator") or not hasattr(self._rng.bit_generator, "state"):
            raise TypeError("rng must draw on the host; pass an integer or a NumPy Generator")
        self._cap = None if cap is None else admit_real(cap, "cap", ends="()")
        self._largest = 0.0
        self._next = 0
        self._open: dict[int, Choice] = {}
        self._history: list[tuple[Any, Any, float, bool, float | None]] = []
        self._warned = False

    # What a tuner decides. `_learn` must not change anything before it has succeeded.

    def _choose(self, context: Any) -> Choice:
        raise NotImplementedError

    def _learn(self, trial: Choice, cost: float, residuals: Sequence[float] | None) -> None:
        raise NotImplementedError

    def _weights(self, context: Any) -> Sequence[float]:
        raise NotImplementedError

    # What users call.

    @property
    def values(self) -> tuple[Any, ...] | None:
        """The values to choose from; ``None`` for tuners of an interval."""
        return self._values

    @property
    def history(self) -> tuple[Record, ...]:
        """Finished trials in the order in which they were told."""
        return tuple(Record(self._value(choice), *rest) for choice, *rest in self._history)

    @property
    def cap(self) -> float:
        """What a failed trial costs: as given, or twice the largest cost so far."""
        if self._cap is not None:
            return self._cap
        return 2.0 * self._largest if self._largest else _FIRST_CAP

    def ask(self, context: Any = None) -> Trial:
        """Propose a value for a problem with this context; the trial is outstanding until told."""
        context = plain_context(context)
        chosen = self._choose(context)._replace(context=context)
        number, self._next = self._next, self._next + 1
        self._open[number] = chosen
        return Trial(self._value(chosen.choice), number)

    def tell(
        self,
        token: int | Trial,
        cost: float,
        censored: bool = False,
        residuals: Sequence[float] | None = None,
    ) -> None:
        """Report what a trial cost.

        Costs are counted from 1, as iterations are; smaller ones count as 1. A `censored` cost is
        a lower bound, from a solve that was cut off, and is taken as it stands. `residuals` is
        the residual norm before and after each sweep, for tuners that can use it.
        """
        number = self._number(token)
        told = admit_real(cost, "cost", 0.0, 1e100)  # squares stay finite
        self._mention_small(told)
        chosen = self._open[number]
        self._learn(chosen, max(told, 1.0), residuals)
        del self._open[number]
        if not censored:
            self._largest = max(self._largest, told)
        self._history.append(
            (chosen.choice, chosen.context, told, bool(censored), chosen.probability)
        )

    def fail(self, token: int | Trial) -> None:
        """Report a trial without a cost, such as a solve that raised: `cap`, censored."""
        self.tell(token, self.cap, censored=True)

    def forget(self, token: int | Trial) -> None:
        """Withdraw a trial whose outcome says nothing about its value."""
        del self._open[self._number(token)]

    @contextmanager
    def trial(self, context: Any = None) -> Iterator[Trial]:
        """Ask now and tell at the end of the ``with`` block, from the trial's ``cost``.

        Without a cost, or when the block raises, the trial has failed; see `fail`.
        """
        trial = self.ask(context)
        with guarded(self, trial):
            yield trial
        if trial.token not in self._open:  # told inside the block
            return
        if trial.cost is None:
            self.fail(trial)
            return
        with guarded(self, trial):  # a cost that is none, such as NaN, is a failure and an error
            self.tell(trial, trial.cost, trial.censored, trial.residuals)

    def probabilities(self, context: Any = None) -> tuple[float, ...]:
        """Return the probability of each value in the next `ask`; (1,) for an interval."""
        return tuple(self._weights(plain_context(context)))

    # Saving.

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to go on exactly here, as JSON can write it."""
        return {
            "kind": type(self).__name__,
            "setup": self._settings(),
            "learned": deepcopy({name: getattr(self, name) for name in self._state}),
            "rng": _plain(self._rng.bit_generator.state),
            "next": self._next,
            "largest": self._largest,
            "open": [[n, *deepcopy(tuple(chosen))] for n, chosen in self._open.items()],
            "history": [list(row) for row in self._history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a tuner made with the same arguments was when its state was saved.

        The generator is set back as well, also for those who share it.
        """
        mine = {"kind": type(self).__name__, "setup": self._settings()}
        for name, expected in mine.items():
            if state.get(name) != expected:
                raise ValueError(
                    f"state was saved by another tuner: its {name} is {state.get(name)!r}, "
                    f"here {expected!r}"
                )
        learned = {name: deepcopy(state["learned"][name]) for name in self._state}
        opened = {
            n: Choice(choice, p, deepcopy(note), plain_context(context))
            for n, choice, p, note, context in state["open"]
        }
        history = [
            (choice, plain_context(context), cost, censored, p)
            for choice, context, cost, censored, p in state["history"]
        ]
        following, largest = int(state["next"]), float(state["largest"])
        self._rng.bit_generator.state = state["rng"]
        for name, value in learned.items():
            setattr(self, name, value)
        self._open, self._history = opened, history
        self._next, self._largest = following, largest

    def __repr__(self) -> str:
        size = "" if self._values is None else f"{len(self._values)} values, "
        return f"{type(self).__name__}({size}{len(self._history)} trials told)"

    # Pieces.

    def _value(self, choice: Any) -> Any:
        return choice if self._values is None else self._values[choice]

    def _settings(self) -> dict[str, Any]:
        """Arguments that a saved state depends on; values that JSON cannot write, by type."""
        names = [
            v if isinstance(v, str | int | float) else type(v).__name__ for v in self._values or ()
        ]
        return {"values": names, **{name: getattr(self, name) for name in self._setup}}

    def _number(self, token: int | Trial) -> int:
        number = token.token if isinstance(token, Trial) else token
        if number in self._open:
            return number
        if isinstance(number, int) and 0 <= number < self._next:
            raise ValueError(f"token {number} was told, or forgotten, before")
        raise ValueError(f"token must come from ask of this tuner, got {number!r}")

    def _mention_small(self, cost: float) -> None:
        if 0.0 < cost < 1.0 and not self._warned:
            self._warned = True
            warn(
                f"costs are counted from 1 and {cost:g} counts as 1; "
                f"give times in a smaller unit, such as microseconds",
                PerformanceWarning,
            )


def draw(weights: Sequence[float], rng: Any) -> int:
    """Draw an index with these probabilities."""
    left = float(rng.random())
    for i, p in enumerate(weights):
        left -= p
        if left < 0.0:
            return i
    return max(range(len(weights)), key=weights.__getitem__)  # rounding: the sum fell short


def is_tuner(omega: Any) -> bool:
    """Whether a solver's ``omega`` is to be asked for."""
    return isinstance(omega, Tuner)


def tuned(solve: Callable[[Any], R], tuner: Tuner, context: Any | None) -> R:
    """Solve with a value from the tuner and tell it the number of iterations."""
    trial = tuner.ask(context)
    with guarded(tuner, trial):
        result = solve(trial.value)
        settle(tuner, trial, result, result.iterations)  # type: ignore[attr-defined]
    return result


@contextmanager
def guarded(tuner: Tuner, trial: Trial) -> Iterator[None]:
    """Count a trial as failed when the block raises."""
    try:
        yield
    except Exception:
        if trial.token in tuner._open:
            tuner.fail(trial)
        raise
    except BaseException:
        tuner._open.pop(trial.token, None)
        raise


def settle(tuner: Tuner, trial: Trial, result: Any, cost: float) -> None:
    """Tell the tuner how a solve ended.

    A solve that broke down or diverged may have been short: it costs at least the cap. One that
    its callback stopped says nothing.
    """
    if result.status is Status.STOPPED:
        tuner.forget(trial)
        return
    if result.status not in (Status.CONVERGED, Status.MAXITER):
        cost = max(cost, tuner.cap)
    # The learner needs the residual after each sweep, not after every tenth.
    complete = len(result.history) == result.iterations + 1
    tuner.tell(
        trial,
        cost,
        censored=not result.converged,
        residuals=result.history if complete and tuner.wants_residuals else None,
    )


def _plain(x: Any) -> Any:
    """Turn the arrays in the state of a generator into lists, which it takes back."""
    if isinstance(x, dict):
        return {key: _plain(part) for key, part in x.items()}
    return x.tolist() if hasattr(x, "tolist") else x
