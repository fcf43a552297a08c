from pathlib import Path

import numpy as np
import pytest
from scipy.special import erfcx, gamma

from grillyx.fractional import _coefficients as weights
from grillyx.fractional import mittag_leffler
from grillyx.fractional._mittag_leffler import inverse_laplace

KNOWN = np.load(Path(__file__).parent.parent / "data" / "fractional_tables.npz")
ALPHAS = KNOWN["alpha"].tolist()


def test_transforms_of_powers():
    t = np.geomspace(1e-3, 1e4, 20)
    for p in (0.0, 0.3, 1.0):  # the largest power of a table
        np.testing.assert_allclose(inverse_laplace(lambda s: s ** (-p - 1.0), t), t**p / gamma(p + 1.0), 2e-12)


@pytest.mark.parametrize("k", range(len(ALPHAS)))
def test_known_values(k):
    alpha, z = ALPHAS[k], KNOWN["z"]
    for name, beta in (("E1", 1.0), ("Eaa", alpha), ("Ea1", 1.0 + alpha)):
        # the series that made the file overflowed at small alpha, where |z|^(1/alpha) is above 50
        use = (z <= 0) & (np.abs(z) ** (1 / alpha) < 50)
        assert use.sum() >= 8
        np.testing.assert_allclose(mittag_leffler(z[use], alpha, beta), KNOWN[name][k][use], 2e-12)


def test_half_is_erfcx_over_twelve_decades():
    x = np.geomspace(1e-6, 1e6, 100)
    np.testing.assert_allclose(mittag_leffler(-x, 0.5), erfcx(x), 1e-13)
    # E_{a,a}(-x) = 1 / Gamma(a) - x E_{a,2a}(-x)
    close = x[x < 10]
    want = 1 / np.sqrt(np.pi) - close * erfcx(close)
    np.testing.assert_allclose(mittag_leffler(-close, 0.5, 0.5), want, 1e-11)


@pytest.mark.parametrize("alpha", [0.05, 0.3, 0.7, 0.99])
def test_far_away_it_is_its_asymptotic_series(alpha):
    x = 1e8
    for beta in (1.0, alpha, 1.0 + alpha):
        series = sum((-1) ** (k + 1) * _rgamma(beta - alpha * k) * x**-k for k in range(1, 4))
        np.testing.assert_allclose(mittag_leffler(-x, alpha, beta), series, 1e-9)


def _rgamma(x):
    return 0.0 if abs(x) < 1e-12 else 1.0 / gamma(x)


@pytest.mark.parametrize(("x", "options"), [(-1.0, {"alpha": 0.0}), (-1.0, {"alpha": 1.1}), (1.0, {"alpha": 0.5})])
def test_refuses(x, options):
    with pytest.raises(ValueError, match="mittag_leffler"):
        mittag_leffler(x, **options)


@pytest.mark.parametrize("k", range(len(ALPHAS)))
def test_coefficients(k):
    alpha = ALPHAS[k]
    np.testing.assert_allclose(weights.grunwald_letnikov(41, alpha), KNOWN["gl"][k], 1e-12, 1e-15)
    np.testing.assert_allclose(weights.adams_bashforth(40, alpha), KNOWN["ab"][k], 1e-12)
    b = np.cumsum(weights.l1(40, alpha))
    np.testing.assert_allclose(
        b[1:], (np.arange(2, 41.0) ** (1 - alpha) - np.arange(1, 40.0) ** (1 - alpha)), 1e-11, 1e-14
    )
    if alpha < 1:
        np.testing.assert_allclose(b, KNOWN["l1"][k], 1e-11)
    p, m = 1 + alpha, np.arange(1.0, 40)
    np.testing.assert_allclose(weights.adams_moulton(40, alpha)[1:], (m + 1) ** p - 2 * m**p + (m - 1) ** p, 1e-10)
    start = weights.adams_moulton_start(40, alpha)[1:]
    np.testing.assert_allclose(start, (m - 1) ** p - (m - 1 - alpha) * m**alpha, 1e-9)
