"""Fits a logistic regression: by Newton's method where few features are weighed, with a penalty on large weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit"]

STEPS = 50
ENOUGH = 1e-8  # the change of the weights at which it ends


def fit(
    rows: NDArray[np.float32], labels: NDArray[np.bool_], *, weights: NDArray[np.float64], penalty: float = 1.0
) -> tuple[NDArray[np.float64], float]:
    """The weights of the features and the constant, so that 1 / (1 + exp(-(rows @ w + c))) is the chance of a label.

    `weights` say how much each row counts; `penalty` is half of what a squared weight costs (L2). Newton's method, after
    Bishop, Pattern Recognition and Machine Learning, 4.3.3; steps that lead too far are halved.
    """
    table = np.concatenate([rows.astype(np.float64), np.ones((len(rows), 1))], axis=1)
    target = labels.astype(np.float64)
    cost = np.full(table.shape[1], penalty)
    cost[-1] = 1e-6
    found = np.zeros(table.shape[1])
    loss = _loss(table, target, weights, cost, found)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(table @ found, -40, 40)))
        slope = table.T @ (weights * (chance - target)) + cost * found
        bend = (table * (weights * chance * (1 - chance))[:, None]).T @ table + np.diag(cost)
        step = np.linalg.solve(bend, slope)
        share = 1.0
        while share > 1e-4 and (after := _loss(table, target, weights, cost, found - share * step)) > loss:
            share /= 2
        else:
            after = _loss(table, target, weights, cost, found - share * step)
        found = found - share * step
        if abs(share * step).max() < ENOUGH or loss - after < ENOUGH:
            break
        loss = after
    return found[:-1], float(found[-1])


def _loss(
    table: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    cost: NDArray[np.float64],
    found: NDArray[np.float64],
) -> float:
    value = table @ found
    return float((weights * (np.logaddexp(0, value) - target * value)).sum() + 0.5 * (cost * found**2).sum())
