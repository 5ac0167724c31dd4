"""Many questions at once: p-values adjusted so that a single small one among many is no news."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.stats.intervals import Floats


def holm(p: npt.ArrayLike) -> Floats:
    """Return p-values adjusted by Holm's method.

    Rejecting where the adjusted value is at most alpha keeps the probability of any false rejection at alpha,
    under any dependence between the tests.

    Args:
        p: P-values, shape (questions,); NaN marks a question that could not be asked, which does not count.

    Raises:
        ValueError: a p-value outside 0..1.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    values, asked = _checked(p)
    order = np.argsort(values[asked], kind="stable")
    n = order.size
    stepped = np.maximum.accumulate(values[asked][order] * np.arange(n, 0, -1))
    return _put_back(values, asked, order, np.minimum(stepped, 1.0))


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """Return p-values adjusted by Benjamini and Hochberg's method.

    Rejecting where the adjusted value is at most q keeps the expected share of false ones among those rejected at
    q, for independent or positively dependent tests.

    Args:
        p: P-values, shape (questions,); NaN marks a question that could not be asked, which does not count.

    Raises:
        ValueError: a p-value outside 0..1.

    Source: Benjamini and Hochberg (1995), JRSS B 57, 289-300.
    """
    values, asked = _checked(p)
    order = np.argsort(values[asked], kind="stable")
    n = order.size
    scaled = values[asked][order] * n / np.arange(1, n + 1)
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _put_back(values, asked, order, np.minimum(stepped, 1.0))


def _checked(p: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.bool_]]:
    values = np.asarray(p, dtype=np.float64)
    asked = ~np.isnan(values)
    if values.ndim != 1 or (values[asked] < 0).any() or (values[asked] > 1).any():
        raise ValueError("one row of p-values within 0..1 is needed")
    return values, asked


def _put_back(
    values: Floats, asked: npt.NDArray[np.bool_], order: npt.NDArray[np.intp], stepped: Floats
) -> Floats:
    """Return adjusted values in the order they were given in."""
    adjusted = np.full(values.shape, np.nan)
    places = np.flatnonzero(asked)[order]
    adjusted[places] = stepped
    return adjusted
