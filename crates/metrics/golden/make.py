"""Writes cases.json: small sets of predictions and what scikit-learn and SciPy say about them.

    python -m venv venv && venv/bin/pip install scikit-learn==1.9.1 scipy==1.17.1
    venv/bin/python crates/metrics/golden/make.py

Two places differ from scikit-learn on purpose: ranking metrics average over the classes for which they are defined
(scikit-learn refuses, or counts 0), and `ece` and `median_absolute_percentage_error`, which it lacks, are written
out here with numpy.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn import metrics as sk

warnings.filterwarnings("ignore")
rng = np.random.default_rng(20)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ece(truth, p, bins=15):
    top, confidence = p.argmax(1), p.max(1)
    edges = np.linspace(0, 1, bins + 1)
    total = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs((top == truth)[inside].mean() - confidence[inside].mean())
    return total


def defined(function, columns, truth, p):
    values = [function(truth[:, k], p[:, k]) for k in columns if 0 < truth[:, k].sum() < len(truth)]
    return float(np.mean(values)) if values else None


def positives(truth, columns):
    return [k for k in columns if truth[:, k].sum() > 0]


def single_label(truth, p):
    k = p.shape[1]
    labels, predicted = list(range(k)), p.argmax(1)
    one_hot = (truth[:, None] == np.arange(k)).astype(int)
    columns = [1] if k == 2 else range(k)
    precisions = [sk.average_precision_score(one_hot[:, c], p[:, c]) for c in positives(one_hot, columns)]
    kappa = sk.cohen_kappa_score(truth, predicted)
    if k == 2:
        brier = sk.brier_score_loss(truth, p[:, 1], pos_label=1)
    else:
        brier = sk.brier_score_loss(truth, p, labels=labels)
    return {
        "accuracy": sk.accuracy_score(truth, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted),
        "f1_macro": sk.f1_score(truth, predicted, average="macro"),
        "f1_micro": sk.f1_score(truth, predicted, average="micro"),
        "f1_weighted": sk.f1_score(truth, predicted, average="weighted"),
        "roc_auc": defined(sk.roc_auc_score, columns, one_hot, p),
        "average_precision": float(np.mean(precisions)) if precisions else None,
        "log_loss": sk.log_loss(truth, p, labels=labels),
        "matthews_corrcoef": sk.matthews_corrcoef(truth, predicted),
        "cohen_kappa": None if np.isnan(kappa) else kappa,
        "brier": brier,
        "ece": ece(truth, p),
        "top_3_accuracy": None if k <= 3 else sk.top_k_accuracy_score(truth, p, k=3, labels=labels),
    }


def multilabel(truth, p):
    predicted = (p >= 0.5).astype(int)
    columns = range(p.shape[1])
    precisions = [sk.average_precision_score(truth[:, c], p[:, c]) for c in positives(truth, columns)]
    return {
        "subset_accuracy": sk.accuracy_score(truth, predicted),
        "f1_macro": sk.f1_score(truth, predicted, average="macro"),
        "f1_micro": sk.f1_score(truth, predicted, average="micro"),
        "f1_weighted": sk.f1_score(truth, predicted, average="weighted"),
        "roc_auc": defined(sk.roc_auc_score, columns, truth, p),
        "average_precision": float(np.mean(precisions)) if precisions else None,
        "hamming_loss": sk.hamming_loss(truth, predicted),
    }


def sentiment(truth, values):
    """As in MMSA (Yu et al. 2021) `metricsTop.py`; None unless the true values are on the scale."""
    names = ["acc_2", "f1_2", "acc_2_non0", "f1_2_non0", "acc_7"]
    if (abs(truth) > 3).any() or not ((truth < -1).any() and (truth > 1).any()):
        return dict.fromkeys(names)
    said = np.round(np.clip(values, -3, 3)) == np.round(np.clip(truth, -3, 3))
    some = truth != 0
    return {
        "acc_2": sk.accuracy_score(truth >= 0, values >= 0),
        "f1_2": sk.f1_score(truth >= 0, values >= 0, average="weighted"),
        "acc_2_non0": sk.accuracy_score(truth[some] > 0, values[some] > 0),
        "f1_2_non0": sk.f1_score(truth[some] > 0, values[some] > 0, average="weighted"),
        "acc_7": np.mean(said),
    }


def regression(truth, values):
    line = pearsonr(truth, values).statistic if len(truth) > 1 else np.nan
    rank = spearmanr(truth, values).statistic
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(truth == 0, np.inf, np.abs((truth - values) / truth))
    median = float(np.median(relative))
    return {
        "mae": sk.mean_absolute_error(truth, values),
        "rmse": sk.root_mean_squared_error(truth, values),
        "r2": sk.r2_score(truth, values) if len(truth) > 1 else None,
        "mape": None if (truth == 0).any() else sk.mean_absolute_percentage_error(truth, values),
        "median_absolute_error": sk.median_absolute_error(truth, values),
        "median_absolute_percentage_error": median if np.isfinite(median) else None,
        "spearman": None if np.isnan(rank) else rank,
        "pearson": None if np.isnan(line) else line,
        **sentiment(truth, values),
    }


def case(name, task, truth, scores, counts=None):
    """`counts` repeats records, so that a view with counts is held to the list that it stands for."""
    truth, scores = np.asarray(truth), np.asarray(scores, dtype=float)
    repeats = np.ones(len(truth), dtype=int) if counts is None else np.asarray(counts)
    function = {"multilabel": multilabel, "regression": regression}.get(task, single_label)
    expected = function(np.repeat(truth, repeats, axis=0), np.repeat(scores, repeats, axis=0))
    return {
        "name": name,
        "task": task,
        "width": 1 if scores.ndim == 1 else scores.shape[1],
        "truth": truth.ravel().tolist(),
        "scores": scores.ravel().tolist(),
        "counts": repeats.tolist(),
        "expected": {key: None if value is None else float(value) for key, value in expected.items()},
    }


def rounded_softmax(n, k, digits):
    """Coarse probabilities, so that many are equal; the last column keeps the sum at 1."""
    p = np.round(softmax(rng.normal(size=(n, k))), digits)
    p[:, -1] = np.clip(1 - p[:, :-1].sum(1), 0, 1)
    return p / p.sum(1, keepdims=True)


def cases():
    n = 40
    yes = (rng.random(n) < 0.4).astype(int)
    p1 = np.clip(0.3 * yes + rng.random(n) * 0.7, 0, 1)
    two = np.stack([1 - p1, p1], 1)
    repeats = rng.integers(0, 4, n)
    yield case("binary", "binary", yes, two)
    yield case("binary, records repeated", "binary", yes, two, repeats)
    tied = np.round(p1, 1)
    yield case("binary, many ties", "binary", yes, np.stack([1 - tied, tied], 1))
    yield case("binary, all the same score", "binary", yes, np.full((n, 2), 0.5))
    yield case("binary, one class in truth", "binary", np.zeros(n, int), two)
    yield case("binary, all one class and right", "binary", np.zeros(4, int), np.tile([0.9, 0.1], (4, 1)))
    yield case("binary, sure and wrong", "binary", [0, 1, 1], [[0, 1], [1, 0], [0, 1]])
    yield case("binary, one record", "binary", [1], [[0.3, 0.7]])

    four = rng.integers(0, 4, n)
    p4 = softmax(rng.normal(size=(n, 4)) + 1.5 * (four[:, None] == np.arange(4)))
    yield case("class", "class", four, p4)
    yield case("class, records repeated", "class", four, p4, repeats)
    yield case("class, many ties", "class", four, rounded_softmax(n, 4, 1))
    absent = np.where(four == 2, 0, four)
    yield case("class, one absent from truth", "class", absent, p4)
    never = p4.copy()
    never[:, 1] = 0
    yield case("class, one never predicted", "class", four, never / never.sum(1, keepdims=True))
    neither = np.where(four == 1, 0, four)
    yield case("class, one neither there nor predicted", "class", neither, never / never.sum(1, keepdims=True))
    yield case("class, three classes", "class", [0, 1, 2, 2, 1], softmax(rng.normal(size=(5, 3))))

    sets = (rng.random((n, 3)) < [0.5, 0.3, 0.1]).astype(int)
    labels = np.clip(0.25 * sets + rng.random((n, 3)) * 0.75, 0, 1)
    yield case("multilabel", "multilabel", sets, labels)
    yield case("multilabel, records repeated", "multilabel", sets, labels, repeats)
    yield case("multilabel, many ties", "multilabel", sets, np.round(labels, 1))
    gone = sets.copy()
    gone[:, 2] = 0
    low = labels.copy()
    low[:, 2] *= 0.4
    yield case("multilabel, one label neither there nor predicted", "multilabel", gone, low)
    yield case("multilabel, nothing there or predicted", "multilabel", np.zeros((4, 2), int), np.full((4, 2), 0.1))

    truth = rng.normal(50, 20, n)
    values = truth + rng.normal(0, 8, n)
    yield case("regression", "regression", truth, values)
    yield case("regression, records repeated", "regression", truth, values, repeats)
    yield case("regression, many ties", "regression", np.round(truth, -1), np.round(values, -1))
    zeros = np.round(truth / 50)
    yield case("regression, zeros in truth", "regression", zeros, values / 50)
    yield case("regression, constant truth", "regression", np.full(5, 3.0), [1.0, 2, 3, 4, 5])
    yield case("regression, constant and right", "regression", np.full(5, 3.0), np.full(5, 3.0))
    yield case("regression, constant estimate", "regression", [1.0, 2, 3, 4, 6], np.full(5, 3.0))
    yield case("regression, one record", "regression", [2.0], [3.0])
    # Whole, so that they are read exactly whatever the JSON reader.
    yield case("regression, large numbers", "regression", 1e9 + np.round(truth), 1e9 + np.round(values))
    # Five raters: steps of 0.2. Estimates in steps of a half have the halves that rounding is about.
    raters = np.clip(np.round(rng.normal(0, 1.6, n) * 5) / 5, -3, 3)
    near = raters + rng.normal(0, 0.8, n)
    yield case("regression, sentiment", "regression", raters, near)
    yield case("regression, sentiment, records repeated", "regression", raters, near, 1 + repeats)
    yield case("regression, sentiment, halves", "regression", np.round(raters * 2) / 2, np.round(near * 2) / 2)
    yield case("regression, sentiment, always positive", "regression", raters, abs(near) + 0.1)


here = Path(__file__).parent
text = json.dumps(list(cases()), indent=None, separators=(",", ":"))
(here / "cases.json").write_text(text.replace('{"name"', '\n{"name"') + "\n")
