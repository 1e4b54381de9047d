"""Writes golden.txt: Student's t and t tests by SciPy, the power of the tests by simulation.

Run with SciPy 1.11 or newer: python3 make_golden.py > golden.txt
"""
import numpy as np
import scipy
from scipy import stats

ALPHA = 0.05


def number(x):
    return repr(float(x))


def line(*words):
    print(*[w if isinstance(w, str) else str(w) if isinstance(w, int) else number(w) for w in words])


def student():
    for df in (1, 2, 3, 4, 7.3, 10, 29.5, 100, 1234.5, 1e5):
        for t in (-40, -6.3, -2.1, -1, -1e-3, 0, 0.01, 0.5, 1.7, 3, 12, 300):
            line("cdf", t, df, stats.t.cdf(t, df))
        for p in (1e-6, 0.001, 0.025, 0.05, 0.2, 0.5, 0.8, 0.95, 0.975, 0.999):
            line("quantile", p, df, stats.t.ppf(p, df))


def outside(less, greater):
    """The p value of two one-sided tests."""
    return max([r.pvalue for r in (less, greater) if r is not None])


def judge(kind, left, right, low, high):
    """One line: kind low high n n2 left.. right.. value ci_low ci_high p"""
    if kind == "welch":
        test = lambda side, at: stats.ttest_ind(left - at, right, equal_var=False, alternative=side)
        value = np.mean(left) - np.mean(right)
    else:
        x = left - right if kind == "paired" else left
        test = lambda side, at: stats.ttest_1samp(x, at, alternative=side)
        value = np.mean(x)
    both = test("two-sided", 0)
    ci = both.confidence_interval(1 - 2 * ALPHA)
    p = outside(None if np.isinf(high) else test("less", high), None if np.isinf(low) else test("greater", low))
    line(kind, low, high, len(left), len(right), *left, *right, value, ci.low, ci.high, p)


def tests():
    rng = np.random.default_rng(1)
    for n in (2, 3, 5, 12):
        for shift in (0, 0.3, 1):
            left = np.round(rng.normal(8.75 + shift, 0.3, n), 4)
            right = np.round(rng.normal(8.75, 0.2, n), 4)
            other = np.round(rng.normal(8.75, 0.5, n + 2), 4)
            none = np.array([])
            judge("one", left, none, 8.25, 9.25)
            judge("paired", left, right, 0, np.inf)
            judge("paired", left, right, -0.4, 0.4)
            judge("welch", left, other, -np.inf, 0.2)
            judge("welch", left, other, -0.4, 0.4)


def power():
    """power mean sd low high n rate: how often n runs give the verdict that is true of the mean."""
    rng = np.random.default_rng(2)
    repeats = 200000
    for mean, sd, low, high in ((0, 0.2, -0.4, 0.4), (0.2, 0.2, -0.4, 0.4), (0.1, 0.3, -0.5, 0.5),
                                (0.8, 0.3, -0.5, 0.5), (0.3, 0.2, 0, np.inf), (-0.2, 0.3, 0, np.inf)):
        for n in (4, 6, 10, 20):
            x = rng.normal(mean, sd, (repeats, n))
            half = stats.t.ppf(1 - ALPHA, n - 1) * x.std(axis=1, ddof=1) / np.sqrt(n)
            a, b = x.mean(axis=1) - half, x.mean(axis=1) + half
            inside = low <= mean <= high
            rate = np.mean((a > low) & (b < high)) if inside else np.mean((a > high) | (b < low))
            line("power", mean, sd, low, high, n, rate)


print(f"# SciPy {scipy.__version__}, NumPy {np.__version__}; alpha {ALPHA}")
student()
tests()
power()
