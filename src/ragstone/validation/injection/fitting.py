"""Fits a logistic regression: by Newton's method where few features are weighed, with a penalty on large weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit"]

STEPS = 50
ENOUGH = 1e-6  # what the loss must still fall by
SMALLEST = 1e-4  # of a step


def fit(
    rows: NDArray[np.floating],
    labels: NDArray[np.bool_],
    *,
    weights: NDArray[np.float64],
    penalty: float = 1.0,
    prior: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], float]:
    """The weights of the features and the constant, so that 1 / (1 + exp(-(rows @ w + c))) is the chance of a label.

    `weights` say how much each row counts; a weight that differs by d from its `prior` (the constant is the last) costs
    penalty * d² / 2. Newton's method, after Bishop, Pattern Recognition and Machine Learning, 4.3.3; steps that lead
    too far are halved.
    """
    table = np.concatenate([rows.astype(np.float64), np.ones((len(rows), 1))], axis=1)
    target = labels.astype(np.float64)
    cost = np.full(table.shape[1], penalty)
    cost[-1] = 1e-6
    known = np.zeros(table.shape[1]) if prior is None else prior
    found = known.copy()

    def loss_of(value: NDArray[np.float64]) -> float:
        odds = table @ value
        fault = (weights * (np.logaddexp(0, odds) - target * odds)).sum()
        return float(fault + 0.5 * (cost * (value - known) ** 2).sum())

    loss = loss_of(found)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(table @ found, -40, 40)))
        slope = table.T @ (weights * (chance - target)) + cost * (found - known)
        bend = (table * (weights * chance * (1 - chance))[:, None]).T @ table + np.diag(cost)
        step = np.linalg.solve(bend, slope)
        share = 1.0
        while (after := loss_of(found - share * step)) > loss and share > SMALLEST:
            share /= 2
        found = found - share * step
        if loss - after < ENOUGH:
            break
        loss = after
    return found[:-1], float(found[-1])
