"""Writes statistics.json: inputs, and what scipy, scikit-learn, statsmodels and krippendorff make of them. What they find
undefined (a NaN, an error) is null.

`cargo xtask golden --statistics` runs it, with the packages of requirements.txt.
"""

import json
import math
import sys
import warnings

import krippendorff
import numpy as np
from scipy import special, stats
from sklearn import calibration, metrics
from statsmodels.stats import contingency_tables, multitest, proportion

warnings.simplefilter("ignore")
random = np.random.default_rng(2026)


def number(compute):
    """What `compute` gives, or null where that is no number."""
    try:
        value = float(compute())
    except (ValueError, ZeroDivisionError, IndexError):
        return None
    return value if math.isfinite(value) else None


def numbers(values):
    return [number(lambda v=v: v) for v in values]


def correlation(x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    # scipy calls a constant beside a single row a correlation of NaN, and raises below two rows.
    return {
        "x": numbers(x),
        "y": numbers(y),
        "pearson": number(lambda: stats.pearsonr(x, y).statistic),
        "spearman": number(lambda: stats.spearmanr(x, y).statistic if len(x) > 1 else math.nan),
        "kendall": number(lambda: stats.kendalltau(x, y, variant="b").statistic),
        "meanAbsoluteError": number(lambda: metrics.mean_absolute_error(y, x)),
        "rootMeanSquaredError": number(lambda: metrics.root_mean_squared_error(y, x)),
        "bias": number(lambda: np.mean(x - y)) if len(x) else None,
    }


def correlations():
    for n in (2, 3, 10, 200):
        x = random.normal(3, 1, n)
        yield correlation(x, 0.6 * x + random.normal(0, 1, n))
    for n, levels in ((8, 2), (40, 5), (300, 5), (100, 10)):
        x = random.integers(1, levels + 1, n)
        yield correlation(x, np.clip(x + random.integers(-1, 2, n), 1, levels))
    x = random.normal(0, 1, 30)
    yield correlation(x + 1e6, -x)
    yield correlation([1, 2, 3, 4], [4, 3, 2, 1])
    yield correlation([1, 2, 3], [2, 2, 2])
    yield correlation([0.1, 0.1, 0.1], [1, 2, 3])
    yield correlation([2, 2], [2, 2])
    yield correlation([1, 2, math.nan, 4], [2, 1, 3, 5])
    yield correlation([1], [5])
    yield correlation([], [])


def classification(truth, answers, labels):
    every = list(range(labels))
    present = sorted(set(truth) | set(answers))

    def kappa(weights):
        return number(lambda: metrics.cohen_kappa_score(truth, answers, labels=every, weights=weights))

    each = ([math.nan] * labels,) * 3
    if len(truth):
        each = metrics.precision_recall_fscore_support(truth, answers, labels=every, zero_division=np.nan)[:3]
    precision, recall, f1 = map(numbers, each)
    return {
        "truth": [int(t) for t in truth],
        "answers": [int(a) for a in answers],
        "labels": labels,
        "accuracy": number(lambda: metrics.accuracy_score(truth, answers)) if len(truth) else None,
        "balancedAccuracy": number(lambda: metrics.balanced_accuracy_score(truth, answers)) if len(truth) else None,
        "macroF1": number(lambda: metrics.f1_score(truth, answers, labels=present, average="macro", zero_division=0)) if len(truth) else None,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "confusion": metrics.confusion_matrix(truth, answers, labels=every).tolist() if len(truth) else [[0] * labels] * labels,
        "kappa": kappa(None),
        "linearKappa": kappa("linear"),
        "quadraticKappa": kappa("quadratic"),
    }


def classifications():
    for n, labels in ((10, 2), (60, 2), (50, 3), (200, 5), (100, 20)):
        truth = random.integers(0, labels, n)
        wrong = random.random(n) < 0.4
        yield classification(truth, np.where(wrong, random.integers(0, labels, n), truth), labels)
    yield classification([0, 0, 1, 1], [1, 1, 0, 0], 2)
    yield classification([0, 1, 2, 3], [0, 1, 2, 3], 4)
    yield classification([0, 0, 1, 2], [0, 0, 0, 0], 3)
    yield classification([2, 2, 2], [2, 2, 2], 3)
    yield classification([1], [0], 2)
    yield classification([], [], 2)


def alpha(ratings):
    """`ratings[rater][unit]`, a gap being NaN."""
    ratings = np.asarray(ratings, float)

    def of(level):
        return number(lambda: krippendorff.alpha(reliability_data=ratings, level_of_measurement=level))

    return {
        "ratings": [numbers(rater) for rater in ratings],
        "nominal": of("nominal"),
        "ordinal": of("ordinal"),
        "interval": of("interval"),
    }


def alphas():
    for raters, units, levels, gaps in ((2, 20, 5, 0), (3, 40, 5, 0.3), (5, 30, 3, 0.6), (8, 100, 10, 0.8), (2, 12, 2, 0.2)):
        truth = random.integers(1, levels + 1, units)
        ratings = np.clip(truth + random.integers(-1, 2, (raters, units)), 1, levels).astype(float)
        ratings[random.random((raters, units)) < gaps] = math.nan
        yield alpha(ratings)
    # The example of Krippendorff's paper, of four observers and twelve units.
    gap = math.nan
    yield alpha([
        [1, 2, 3, 3, 2, 1, 4, 1, 2, gap, gap, gap],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, gap, 3],
        [gap, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, gap],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, gap],
    ])
    yield alpha([[1.5, 2.25, 9, -3], [1.25, 2.5, 7, -2]])
    yield alpha([[1, 2, 3], [1, 2, 3]])
    yield alpha([[2, 2, 2], [2, 2, 2]])
    yield alpha([[1, 2, gap, gap], [gap, gap, 3, 4]])
    yield alpha([[1], [2]])


def delong(values, positive):
    """Variance of the area by the sums of the definition, over all pairs."""
    x, y = values[positive], values[~positive]
    if len(x) < 2 or len(y) < 2:
        return math.nan
    wins = (x[:, None] > y).astype(float) + 0.5 * (x[:, None] == y)
    return np.var(wins.mean(axis=1), ddof=1) / len(x) + np.var(wins.mean(axis=0), ddof=1) / len(y)


def area(values, positive):
    values, positive = np.asarray(values, float), np.asarray(positive, bool)
    auc = number(lambda: metrics.roc_auc_score(positive, values)) if len(values) else None
    variance = number(lambda: delong(values, positive))
    interval = None
    if auc is not None and variance:
        low, high = stats.norm.interval(0.95, auc, math.sqrt(variance))
        interval = [max(low, 0.0), min(high, 1.0)]
    return {"values": numbers(values), "positive": positive.tolist(), "area": auc, "variance": variance, "interval": interval}


def areas():
    for n, digits in ((6, 2), (40, 3), (200, 1), (500, 6)):
        positive = random.random(n) < 0.4
        yield area(np.round(random.normal(0, 1, n) + positive, digits), positive)
    yield area([1, 2, 3, 4], [0, 0, 1, 1])
    yield area([2, 2, 2, 2], [0, 1, 0, 1])
    yield area([1, 2, 3], [0, 1, 0])
    yield area([1, 2, math.nan, 4], [1, 1, 0, 0])
    yield area([1, 2], [1, 1])
    yield area([], [])


def briers():
    for n, labels in ((20, 2), (50, 2), (50, 4)):
        distributions = random.dirichlet(np.ones(labels), n)
        truth = random.integers(0, labels, n)
        truth[:labels] = range(labels)
        score = metrics.brier_score_loss(truth, distributions, labels=list(range(labels)))
        yield {"distributions": distributions.tolist(), "truth": truth.tolist(), "brier": float(score)}


def reliability(confidence, right, bins):
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], confidence)
    n = np.bincount(place, minlength=bins)
    accuracy, mean = calibration.calibration_curve(right, confidence, n_bins=bins)
    filled = n > 0
    error = np.sum(np.abs(accuracy - mean) * n[filled]) / len(right)
    spread = {"confidence": np.full(bins, math.nan), "accuracy": np.full(bins, math.nan)}
    spread["confidence"][filled], spread["accuracy"][filled] = mean, accuracy
    return {
        "answers": [[float(p), bool(r)] for p, r in zip(confidence, right)],
        "n": n.tolist(),
        **{name: numbers(values) for name, values in spread.items()},
        "error": float(error),
    }


def reliabilities():
    for n, bins in ((30, 5), (200, 10), (100, 15)):
        p = random.random(n)
        yield reliability(p, random.random(n) < p, bins)
    # On the edges of bins.
    yield reliability(np.array([0, 0.25, 0.5, 0.75, 1.0]), np.array([0, 1, 1, 0, 1], bool), 4)


def wilsons():
    for hits, of, confidence in ((0, 10, 0.95), (10, 10, 0.95), (7, 13, 0.9), (812, 1000, 0.99), (1, 1, 0.95)):
        low, high = proportion.proportion_confint(hits, of, 1 - confidence, method="wilson")
        yield {"hits": hits, "of": of, "confidence": confidence, "interval": [low, high]}


def labels_for_shares():
    for share, width in ((0.5, 0.1), (0.8, 0.1), (0.9, 0.05), (0.5, 0.02)):
        n = proportion.samplesize_confint_proportion(share, width / 2, alpha=0.05)
        yield {"share": share, "width": width, "labels": math.ceil(n)}


def labels_for_correlations():
    for r, width in ((0.0, 0.2), (0.7, 0.1), (-0.5, 0.3), (0.95, 0.5)):
        for n in range(4, 100_000):
            angle = 2 * np.pi * np.arange(n) / n
            x, y = np.cos(angle), r * np.cos(angle) + math.sqrt(1 - r * r) * np.sin(angle)
            interval = stats.pearsonr(x, y).confidence_interval(0.95)
            if interval.high - interval.low <= width:
                break
        yield {"r": r, "width": width, "labels": n}


class Drawn(np.random.Generator):
    """A generator that gives prepared rows, so that a bootstrap is of known resamples."""

    def __new__(cls, rows):
        self = super().__new__(cls, np.random.PCG64(0))
        self.rows = rows
        return self

    def __init__(self, rows):
        super().__init__(np.random.PCG64(0))
        self.left = rows

    def integers(self, low, high=None, size=None, **_):
        drawn, self.left = self.left[: size[0]], self.left[size[0] :]
        assert drawn.shape == tuple(size)
        return drawn


def bca(values, statistic, resamples, confidence, decimals=17):
    values = np.asarray(values, float)
    n = len(values)
    rows = random.integers(0, n, (resamples, n))

    def of(sample, axis=-1):
        return np.round(statistic(sample, axis=axis), decimals)

    drawn = of(values[rows])
    result = stats.bootstrap(
        (values,), of, n_resamples=resamples, confidence_level=confidence, method="BCa", rng=Drawn(rows)
    )
    assert np.array_equal(np.sort(result.bootstrap_distribution), np.sort(drawn))
    return {
        "figure": float(of(values)),
        "resamples": drawn.tolist(),
        "leftOut": [float(of(np.delete(values, i))) for i in range(n)],
        "confidence": confidence,
        "interval": [result.confidence_interval.low, result.confidence_interval.high],
    }


def bcas():
    yield bca(random.exponential(1, 25), np.mean, 400, 0.95)
    yield bca(random.normal(0, 1, 15), np.std, 400, 0.9)
    # Resamples that equal the figure.
    yield bca(random.integers(0, 2, 30), np.mean, 300, 0.95)


def mcnemars():
    for first, second in ((0, 0), (1, 0), (3, 11), (20, 20), (400, 330)):
        table = [[5, first], [second, 7]]
        yield {"first": first, "second": second, "p": float(contingency_tables.mcnemar(table, exact=True).pvalue)}


def holms():
    for p in ([0.01, 0.04, 0.03, 0.005], [0.5, 0.9, 1.0], [0.02], [0.01, 0.01, 0.2, 0.01], random.random(12).tolist()):
        yield {"p": p, "corrected": multitest.multipletests(p, method="holm")[1].tolist()}


def quantiles():
    for p in (1e-12, 1e-6, 0.001, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9995):
        yield {"p": p, "z": float(special.ndtri(p))}


def gapped(truth, spread, raters, gaps):
    """What raters say of each row, with gaps."""
    ratings = spread(np.repeat(np.asarray(truth)[:, None], raters, axis=1))
    return [[None if random.random() < gaps else rating for rating in row] for row in ratings.tolist()]


def plurality(ratings):
    """The answer with most votes, or None."""
    given = [rating for rating in ratings if rating is not None]
    votes = sorted(((given.count(label), label) for label in set(given)), reverse=True)
    return None if not votes or (len(votes) > 1 and votes[0][0] == votes[1][0]) else votes[0][1]


def alpha_with_judge(ratings, answers, level):
    columns = np.array([[math.nan if r is None else r for r in row] + [a] for row, a in zip(ratings, answers)], float)
    return krippendorff.alpha(reliability_data=columns.T, level_of_measurement=level)


def top_error(distributions, answers, truth, bins=10):
    confidence = np.array([d[a] for d, a in zip(distributions, answers)])
    return reliability(confidence, np.asarray(answers) == np.asarray(truth), bins)["error"]


def score_report():
    n, scale = 60, np.arange(1, 6)
    truth = random.integers(1, 6, n)
    p = random.dirichlet(np.ones(5), n) * 0.4 + 0.6 * np.eye(5)[np.clip(truth + random.integers(-1, 2, n), 1, 5) - 1]
    expected, score = p @ scale, scale[p.argmax(axis=1)]
    humans = gapped(truth, lambda r: np.clip(r + random.integers(-1, 2, r.shape), 1, 5), 3, 0.4)
    rows = [
        {"id": str(i), "task": "score", "human": humans[i], "verdict": {"score": int(score[i]), "expected": expected[i], "distribution": dict(zip(map(str, scale.tolist()), p[i].tolist()))}}
        for i in range(n)
    ]
    kept = [i for i in range(n) if any(h is not None for h in humans[i])]
    mean = np.array([np.mean([h for h in humans[i] if h is not None]) for i in kept])
    e, s, p, humans = expected[kept], score[kept], p[kept], [humans[i] for i in kept]
    level = np.floor(mean + 0.5).astype(int)
    found = correlation(e, mean)
    agreement = classification(level - 1, s - 1, 5)
    figures = {
        **{name: found[name] for name in ("pearson", "spearman", "kendall", "meanAbsoluteError", "rootMeanSquaredError", "bias")},
        **{name: agreement[name] for name in ("accuracy", "balancedAccuracy", "kappa", "linearKappa", "quadraticKappa")},
        **{f"{level}Alpha": alpha_with_judge(humans, s, level) for level in ("nominal", "ordinal", "interval")},
        "auroc": metrics.roc_auc_score(mean >= 3, e),
        "brier": metrics.brier_score_loss(level, p, labels=scale.tolist()),
        "calibrationError": top_error(p, s - 1, level - 1),
    }
    return {
        "rows": rows,
        "compared": len(kept),
        "contested": 0,
        "figures": figures,
        "constantMeanAbsoluteError": metrics.mean_absolute_error(mean, np.full(len(mean), mean.mean())),
        "ceilingPearson": leave_one_out(humans, lambda own, others: stats.pearsonr(own, others).statistic),
    }


def leave_one_out(humans, statistic):
    """The mean over raters of a figure of each against the mean of the other ones."""
    found = []
    for rater in range(len(humans[0])):
        both = [(row[rater], [h for i, h in enumerate(row) if i != rater and h is not None]) for row in humans]
        both = [(own, np.mean(others)) for own, others in both if own is not None and others]
        found.append(statistic(*zip(*both)))
    return float(np.mean(found))


def classify_report():
    n, labels = 60, ["Yes", "No"]
    truth = random.integers(0, 2, n)
    p_yes = np.clip(0.75 - 0.5 * truth + random.normal(0, 0.2, n), 0.01, 0.99)
    p = np.stack([p_yes, 1 - p_yes], axis=1)
    answer = p.argmax(axis=1)
    humans = gapped(truth, lambda r: np.where(random.random(r.shape) < 0.2, 1 - r, r), 3, 0.3)
    rows = [
        {"id": str(i), "task": "classify", "human": [None if h is None else labels[h] for h in humans[i]], "verdict": {"label": labels[answer[i]], "distribution": dict(zip(labels, p[i].tolist()))}}
        for i in range(n)
    ]
    kept = [i for i in range(n) if plurality(humans[i]) is not None]
    agreed = np.array([plurality(humans[i]) for i in kept])
    a, p = answer[kept], p[kept]
    agreement = classification(agreed, a, 2)
    figures = {
        **{name: agreement[name] for name in ("accuracy", "balancedAccuracy", "macroF1", "kappa")},
        "nominalAlpha": alpha_with_judge([humans[i] for i in kept], a, "nominal"),
        "auroc": metrics.roc_auc_score(agreed == 0, p[:, 0]),
        "brier": metrics.brier_score_loss(agreed == 0, p[:, 0]),
        "calibrationError": top_error(p, a, agreed),
    }
    contested = sum(plurality(h) is None and any(x is not None for x in h) for h in humans)
    return {"rows": rows, "compared": len(kept), "contested": contested, "figures": figures}


def compare_report():
    n, labels = 60, ["a", "tie", "b"]
    truth = random.choice(3, n, p=[0.4, 0.2, 0.4])
    p = np.clip(0.8 - 0.3 * truth + random.normal(0, 0.2, n), 0.01, 0.99)
    consistent = random.random(n) < 0.8
    answer = np.where(consistent, np.where(p > 0.5, 0, 2), 1)
    humans = [[int(t)] for t in truth]
    rows = [
        {"id": str(i), "task": "compare", "human": [labels[truth[i]]], "verdict": {"winner": labels[answer[i]], "probabilityA": p[i], "consistent": bool(consistent[i])}}
        for i in range(n)
    ]
    agreement = classification(truth, answer, 3)
    strict = truth != 1
    both = strict & (answer != 1)
    sure = answer != 1
    confidence = np.where(answer == 0, p, 1 - p)
    figures = {
        "accuracy": agreement["accuracy"],
        "kappa": agreement["kappa"],
        "accuracyWithoutTies": metrics.accuracy_score(truth[both], answer[both]),
        "accuracyHalfTies": float(np.mean([1 if t == a else 0.5 if 1 in (t, a) else 0 for t, a in zip(truth, answer)])),
        "nominalAlpha": alpha_with_judge(humans, answer, "nominal"),
        "auroc": metrics.roc_auc_score(truth[strict] == 0, p[strict]),
        "brier": metrics.brier_score_loss(truth[strict] == 0, p[strict]),
        "calibrationError": reliability(confidence[sure], (truth == answer)[sure], 10)["error"],
        "positionConsistency": float(consistent.mean()),
    }
    return {"rows": rows, "compared": n, "contested": 0, "figures": figures}


def reports():
    for report in (score_report(), classify_report(), compare_report()):
        report["figures"] = {name: float(value) for name, value in report["figures"].items()}
        yield report


tables = {
    "correlations": correlations,
    "classifications": classifications,
    "alphas": alphas,
    "areas": areas,
    "briers": briers,
    "reliabilities": reliabilities,
    "wilsons": wilsons,
    "labelsForShares": labels_for_shares,
    "labelsForCorrelations": labels_for_correlations,
    "bcas": bcas,
    "mcnemars": mcnemars,
    "holms": holms,
    "quantiles": quantiles,
    "reports": reports,
}


def line(case):
    return json.dumps(case, allow_nan=False, separators=(",", ":"))


written = [f'"{name}":[\n' + ",\n".join(map(line, cases())) + "\n]" for name, cases in tables.items()]
with open(sys.argv[1], "w") as out:
    out.write("{\n" + ",\n".join(written) + "\n}\n")
