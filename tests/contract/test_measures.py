"""Ratios: Python numbers on every leg, zero for an exact answer, never good with NaN in hand."""

import math

import catalog
import numpy as np
import pytest

PLACES = [(name, k) for name, (hosts, _) in catalog.RATIOS.items() for k in range(len(hosts))]


def measure(name, arrays, **more):
    return catalog.function(name)(*arrays, **{**catalog.RATIOS[name][1], **more})


@pytest.mark.parametrize("name", catalog.RATIOS)
def test_an_exact_answer(leg, name):
    arrays = [leg.asarray(host) for host in catalog.RATIOS[name][0]]
    before = [leg.to_numpy(x).tobytes() for x in arrays]
    ratios = measure(name, arrays)
    assert all(type(r) is float for r in ratios)
    assert max(ratios[:2]) == 0.0
    assert [leg.to_numpy(x).tobytes() for x in arrays] == before


@pytest.mark.parametrize("name", catalog.RATIOS)
def test_batches(leg, name):
    """The worst of the batch counts."""
    hosts, _ = catalog.RATIOS[name]
    good = [leg.asarray(np.stack([host, host])) for host in hosts]
    assert max(measure(name, good)[:2]) == 0.0
    bad = [np.stack([host, host]) for host in hosts]
    bad[0][1] *= 2.0
    assert max(measure(name, [leg.asarray(x) for x in bad])) > 30


@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize(("name", "place"), PLACES)
def test_nan_makes_every_ratio_nan(leg, name, place, bad):
    hosts = [np.array(host) for host in catalog.RATIOS[name][0]]
    hosts[place].flat[-1] = bad
    assert all(math.isnan(r) for r in measure(name, [leg.asarray(x) for x in hosts]))


@pytest.mark.parametrize("name", [n for n in catalog.RATIOS if n != "testing.root_ratios"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_scale_does_not_matter(leg, name, sign):
    """The matrix and the factor that carries its size; orthogonal factors stay."""
    k = sign * (100 if leg.real_name == "float32" else 900)
    hosts = [host if host.max() == 1.0 else np.ldexp(host, k) for host in catalog.RATIOS[name][0]]
    assert max(measure(name, [leg.asarray(x) for x in hosts])[:2]) == 0.0


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_shapes_must_fit(name, place):
    hosts = [np.array(host) for host in catalog.RATIOS[name][0]]
    hosts[place] = hosts[place][:-1]
    with pytest.raises(ValueError, match=r"must (have shape|be square)"):
        measure(name, hosts)
    with pytest.raises(ValueError, match="must have shape"):
        measure(name, [np.ones(3), *hosts[1:]])


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_no_arrays_are_refused(name, place):
    hosts = [np.array(host) for host in catalog.RATIOS[name][0]]
    hosts[place] = hosts[place].astype(object)
    with pytest.raises(TypeError, match="accepted are"):
        measure(name, hosts)
