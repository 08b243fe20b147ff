"""Writes linear.json: coefficients that scikit-learn finds on a small fixed set.

    python golden/linear.py        (numpy, scikit-learn 1.9)
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

rng = np.random.default_rng(7)
n, d, k = 90, 6, 3
x = np.round(rng.normal(size=(n, d)), 3)
x[np.abs(x) < 0.4] = 0.0  # so that the sparse path is a real one
truth = rng.normal(size=(d, k))
y = (x @ truth + rng.gumbel(size=(n, k))).argmax(1)
labels = (x @ truth + rng.logistic(size=(n, k)) > 0).astype(int)
values = np.round(x @ truth + 0.3 * rng.normal(size=(n, k)), 4)
weights = np.round(rng.uniform(0.2, 2.0, size=n), 3)


def logistic(c, target, weight=None):
    model = LogisticRegression(C=c, tol=1e-10, max_iter=10000)
    model.fit(x, target, sample_weight=weight)
    return model


def softmax(c, weight=None):
    model = logistic(c, y, weight)
    # Only differences between classes are determined for the bias: centre it, as the penalty does for the weights.
    return {"coef": model.coef_.T.tolist(), "bias": (model.intercept_ - model.intercept_.mean()).tolist()}


def binary(c):
    models = [logistic(c, labels[:, j]) for j in range(k)]
    return {"coef": np.array([m.coef_[0] for m in models]).T.tolist(), "bias": [float(m.intercept_[0]) for m in models]}


ridge = Ridge(alpha=2.0, tol=1e-12).fit(x, values)
mirrored = x.copy()
mirrored[:, 4:] *= -1  # the last two features are odd
doubled = LogisticRegression(C=2.0, tol=1e-10, max_iter=10000)
doubled.fit(np.concatenate([x, mirrored]), np.concatenate([y, y]))

golden = {
    "x": x.tolist(), "y": y.tolist(), "labels": labels.tolist(), "values": values.tolist(),
    "record_weights": weights.tolist(),
    "softmax_c2": softmax(2.0), "softmax_weighted_c2": softmax(2.0, weights), "binary_c2": binary(2.0),
    "ridge_2": {"coef": ridge.coef_.T.tolist(), "bias": ridge.intercept_.tolist()},
    "mirrored_c2": {"coef": doubled.coef_.T.tolist(), "bias": (doubled.intercept_ - doubled.intercept_.mean()).tolist()},
}
Path(__file__).with_suffix(".json").write_text(json.dumps(golden) + "\n")
