"""Writes boost.json: what scikit-learn's HistGradientBoosting says after 30 rounds on a small fixed set.

Several classes stop after 3: with more, two splits of almost the same gain come up, and rounding picks either.

    python golden/boost.py        (numpy, scikit-learn 1.9)
"""

import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

rng = np.random.default_rng(11)
n, d = 400, 4
x = np.round(rng.normal(size=(n, d)), 1)  # few enough values for a bin each: quantiles are a matter of taste
x[rng.uniform(size=n) < 0.2, 1] = np.nan
signal = np.where(np.isnan(x[:, 1]), 1.5, np.abs(x[:, 1])) + x[:, 0] * (x[:, 2] > 0) + 0.3 * x[:, 3]
values = np.round(signal + 0.2 * rng.normal(size=n), 3)
binary = (signal + 0.3 * rng.normal(size=n) > 1).astype(int)
classes = np.digitize(signal + 1.5 * rng.normal(size=n), [0.5, 1.5])  # noisy, or equal gains are split by rounding
shared = {"max_iter": 30, "learning_rate": 0.1, "early_stopping": False, "min_samples_leaf": 20}
fit, ask = slice(0, 300), slice(300, n)


def regression(loss):
    return HistGradientBoostingRegressor(loss=loss, **shared).fit(x[fit], values[fit]).predict(x[ask])


def scores(target, rounds=30):
    return HistGradientBoostingClassifier(**{**shared, "max_iter": rounds}).fit(x[fit], target[fit]).decision_function(x[ask])


golden = {
    "num_fit": 300,
    "x": [[None if np.isnan(v) else v for v in row] for row in x.tolist()],
    "values": values.tolist(), "binary": binary.tolist(), "classes": classes.tolist(),
    "squared": np.round(regression("squared_error"), 5).tolist(),
    "absolute": np.round(regression("absolute_error"), 5).tolist(),
    "binary_scores": np.round(scores(binary), 5).tolist(),
    "class_scores": np.round(scores(classes, 3), 5).tolist(),
}
Path(__file__).with_suffix(".json").write_text(json.dumps(golden) + "\n")
