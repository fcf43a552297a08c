import numpy as np
import pytest

from grillyx.fractional import derivatives, mittag_leffler, table

METHODS = ("exact", "gl", "glmulti", "l1", "trap", "pred")
ORDERS = {"gl": 1.0, "glmulti": 1.0, "l1": 1.0}


def run(t, x, w0=0.0):
    """The recursion that a table describes."""
    w, h = [w0], [0.0]
    for k in range(1, len(x) + 1):
        u = t.initial[k] * w0 + sum(t.lag[k - j] * h[j] for j in range(1, k)) + t.beta * x[k - 1]
        if t.start is not None:
            u += t.start[k] * x[0]
        w.append(u)
        h.append(t.p * x[k - 1] + t.q * u)
    return np.array(w)


def relaxed(t, alpha, tau, w0, x):
    return x + (w0 - x) * mittag_leffler(-(t**alpha) / tau, alpha)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("alpha", [1.0, 0.9, 0.5, 0.3])
def test_orders_of_convergence_of_a_leak(method, alpha):
    errors = []
    for n in (40, 80, 160):
        w = run(table(method, n, 4 / n, alpha=alpha, tau=2.0), np.full(n, 3.0), 0.5)
        errors.append(abs(w[-1] - relaxed(4.0, alpha, 2.0, 0.5, 3.0)))
    if method == "exact":
        assert max(errors) < 1e-12
    else:
        order = ORDERS.get(method, min(2.0, 1 + alpha))
        assert np.log2(errors[-2] / errors[-1]) > order - 0.08


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_without_leak(method, alpha):
    n = 200
    w = run(table(method, n, 0.02, alpha=alpha, tau=2.0, leak=False), np.full(n, 3.0), 0.5)
    np.testing.assert_allclose(w[-1], 0.5 + 1.5 * 4**alpha * {1.0: 1.0, 0.5: 2 / np.sqrt(np.pi)}[alpha], 2e-3)


def test_exact_at_any_step_for_an_input_that_changes_between_steps():
    x = np.array([1.0, -2.0, 0.5, 3.0])
    coarse = run(table("exact", 4, 1.0, alpha=0.6, tau=1.5), x, 0.3)
    fine = run(table("exact", 400, 0.01, alpha=0.6, tau=1.5), np.repeat(x, 100), 0.3)
    np.testing.assert_allclose(fine[::100], coarse, 1e-10)
    np.testing.assert_allclose(coarse[1], relaxed(1.0, 0.6, 1.5, 0.3, 1.0), 1e-12)


def test_alpha_of_one_is_the_ordinary_neuron():
    x = np.random.default_rng(0).normal(size=50)
    keep = np.exp(-1 / 3.0)
    w = [0.4]
    for value in x:
        w.append(keep * w[-1] + (1 - keep) * value)
    np.testing.assert_allclose(run(table("exact", 50, alpha=1.0, tau=3.0), x, 0.4), w, 1e-11, 1e-13)
    w = [0.4]
    for value in x:
        w.append((w[-1] + value / 3.0) / (1 + 1 / 3.0))
    np.testing.assert_allclose(run(table("l1", 50, alpha=1.0, tau=3.0), x, 0.4), w, 1e-11, 1e-13)
    w = [0.4]
    before = 1 / np.sqrt(4 + 1 / 9.0)  # nearly Crank-Nicolson's half
    for value in x:
        w.append((w[-1] * (1 - before / 3.0) + value / 3.0) / (1 + (1 - before) / 3.0))
    np.testing.assert_allclose(run(table("gl", 50, alpha=1.0, tau=3.0), x, 0.4), w, 1e-11, 1e-13)


def test_grunwald_letnikov_is_of_order_two_at_one():
    errors = []
    for n in (40, 80, 160):
        w = run(table("gl", n, 4 / n, alpha=1.0, tau=2.0), np.full(n, 3.0), 0.5)
        errors.append(abs(w[-1] - relaxed(4.0, 1.0, 2.0, 0.5, 3.0)))
    assert np.log2(errors[0] / errors[1]) > 1.95
    assert np.log2(errors[1] / errors[2]) > 1.95


@pytest.mark.parametrize("method", METHODS)
def test_stable_at_any_step(method):
    for alpha in (1.0, 0.7, 0.2):
        for tau in (1e-3, 0.5, 50.0):
            w = run(table(method, 60, 1.0, alpha=alpha, tau=tau), np.ones(60), 0.0)
            assert np.abs(w).max() < 2.01
            assert np.abs(w[-20:] - w[-21:-1]).max() <= 2.01 * np.abs(w[1:21] - w[:20]).max()


@pytest.mark.parametrize("method", ["exact", "gl", "l1"])
def test_a_state_is_a_mean_of_what_was_before(method):
    """Nothing swings, however large a step: a voltage never leaves the range of its start and of its inputs."""
    rng = np.random.default_rng(2)
    for alpha in (1.0, 0.8, 0.4):
        for tau in (1e-4, 0.1, 0.26, 0.5, 3.0):
            t = table(method, 30, 1.0, alpha=alpha, tau=tau, coefficients=[1.7])
            assert min(t.lag[1:].min(), t.initial.min(), t.beta) > -1e-12
            w = run(t, rng.uniform(-1.0, 2.0, 30), 0.5)
            assert w.min() >= -1.0
            assert w.max() <= 2.0


def test_several_orders():
    kw = {"alpha": (0.5, 1.0), "coefficients": (0.7, 1.3), "tau": 2.0}
    exact = run(table("exact", 40, 0.1, **kw), np.ones(40), 0.2)
    for method in ("gl", "glmulti", "l1"):
        errors = [abs(run(table(method, n, 4 / n, **kw), np.ones(n), 0.2)[-1] - exact[-1]) for n in (100, 200)]
        assert np.log2(errors[0] / errors[1]) > 0.95
    same = run(table("exact", 40, 0.1, alpha=(0.5, 0.5), coefficients=(0.5, 1.0), tau=2.0), np.ones(40), 0.2)
    np.testing.assert_allclose(
        same, run(table("exact", 40, 0.1, alpha=0.5, coefficients=1.5, tau=2.0), np.ones(40), 0.2), 1e-11
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("leak", [True, False])
@pytest.mark.parametrize("steps", [2, 30, 1000])
def test_exponentials(method, leak, steps):
    for alpha in (1.0, 0.9, 0.3):
        full = table("exact" if method in ("trap", "pred") else method, steps, 0.5, alpha=alpha, tau=3.0, leak=leak)
        few = table(method, steps, 0.5, alpha=alpha, tau=3.0, leak=leak, memory="exponentials")
        a, rho = few.modes
        assert len(a) <= 40
        assert few.q == 0
        np.testing.assert_allclose(few.lag[1:], (rho ** np.arange(1, steps)[:, None]) @ a, 1e-6, 1e-10)
        assert few.error <= 1e-4
        if steps <= 30:
            x = np.random.default_rng(0).uniform(-1, 1, steps)
            error = np.abs(run(few, x, 0.3) - run(full, x, 0.3)).max()
            assert error <= few.error * max(1.0, np.abs(few.lag).sum()) + 1e-9


@pytest.mark.parametrize("method", ["exact", "gl", "l1"])
def test_exponentials_at_any_time_constant(method):
    for alpha in (1.0, 0.85, 0.6, 0.3):
        for tau in (0.02, 0.43, 1.2, 3.4, 100.0):  # refused above 1e-4
            assert table(method, 1000, 1.0, alpha=alpha, tau=tau, memory="exponentials").error < 5e-5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("leak", [True, False])
def test_short_memory_keeps_constants_and_the_ordinary_neuron(method, leak):
    t = table(method, 40, 1.0, alpha=0.6, tau=2.0, leak=leak, memory=5)
    assert np.all(t.lag[6:] == 0)
    np.testing.assert_allclose(run(t, np.full(40, 0.7 * leak), 0.7), 0.7, 1e-9)
    x = np.random.default_rng(0).normal(size=40)
    base = "exact" if method in ("trap", "pred") else method
    short, full = (table(m, 40, 1.0, alpha=1.0, tau=2.0, leak=leak, memory=n) for m, n in ((method, 5), (base, None)))
    np.testing.assert_allclose(run(short, x, 0.3), run(full, x, 0.3), 1e-9, 1e-11)
    np.testing.assert_array_equal(table(method, 5, alpha=0.6, memory=5).lag, table(method, 5, alpha=0.6).lag)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("memory", [None, 7, "exponentials"])
@pytest.mark.parametrize("leak", [True, False])
def test_derivatives(method, memory, leak):
    for alpha, factors in (((0.6,), (1.3,)), ((1.0,), (1.0,)), ((0.3, 0.9), (1.2, 0.5))):
        if len(alpha) > 1 and method in ("trap", "pred"):
            continue
        given = {"alpha": list(alpha), "tau": [2.0], "coefficients": list(factors)}

        def made(name, i, by, given=given):
            moved = {k: list(v) for k, v in given.items()}
            moved[name][i] += by
            return table(
                method, 90, 0.3, alpha=moved["alpha"], tau=moved["tau"][0], coefficients=moved["coefficients"], leak=leak,
                memory=memory,
            )  # fmt: skip

        slopes = derivatives(method, 90, 0.3, alpha=alpha, tau=2.0, coefficients=factors, leak=leak, memory=memory)
        for name, each in slopes.items():
            for i, slope in enumerate(each):
                for part in ("lag", "initial", "beta", "start"):
                    got = getattr(slope, part)
                    if got is None:
                        continue
                    e = 1e-5
                    # backwards, of second order: alpha ends at 1
                    f0, f1, f2 = (np.asarray(getattr(made(name, i, -k * e), part)) for k in range(3))
                    np.testing.assert_allclose(got, (3 * f0 - 4 * f1 + f2) / (2 * e), 1e-5, 2e-6)


def test_a_table_is_kept_and_cannot_be_changed():
    t = table("gl", 5, alpha=0.5)
    assert table("gl", 5, alpha=0.5).lag is t.lag
    with pytest.raises(ValueError, match="read-only"):
        t.lag[1] = 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "heun"}, "method"),
        ({"steps": 0}, "steps"),
        ({"step": 0.0}, "step"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.01}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": []}, "alpha"),
        ({"tau": 0.0}, "tau"),
        ({"coefficients": [1.0, 2.0]}, "coefficients"),
        ({"coefficients": [-1.0]}, "coefficients"),
        ({"memory": 0}, "memory"),
        ({"memory": "some"}, "memory"),
        ({"method": "trap", "alpha": [0.5, 0.6]}, "one alpha"),
    ],
)
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        table(**{"method": "gl", "steps": 5, "alpha": 0.5, **change})
    with pytest.raises(ValueError, match="of must hold"):
        derivatives("gl", 5, alpha=0.5, of=("beta",))
