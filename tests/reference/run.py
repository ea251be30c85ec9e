#!/usr/bin/env python3
"""The learners against scikit-learn, and against closed forms in numpy: run.py SWY_LEARNERS.

Every test draws its data from a fixed seed, gives the same numbers to both sides and compares what comes out. run.sh installs the
packages of requirements.txt and calls this.
"""
import itertools
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import scipy.sparse
import scipy.special
import scipy.stats
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

PROGRAM = None


def ask(op, **given):
    """What the program answers to one request; arrays become lists, NaN a missing observation."""
    def plain(v):
        if isinstance(v, np.ndarray):
            return plain(v.tolist())
        if isinstance(v, (list, tuple)):
            return [plain(x) for x in v]
        return None if isinstance(v, float) and math.isnan(v) else v

    line = json.dumps({"op": op, **{k: plain(v) for k, v in given.items()}}, allow_nan=False)
    done = subprocess.run([PROGRAM], input=line + "\n", capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer


def draw(seed):
    return np.random.default_rng(seed)


def f32(a):
    """Numbers that a float holds, so that both sides see the same."""
    return np.asarray(a, dtype=np.float32).astype(np.float64)


def sparse_rows(rng, rows, columns, each):
    """Random rows as pairs (ascending columns, positive weights), and the matrix that they are."""
    pairs = []
    for _ in range(rows):
        at = np.sort(rng.choice(columns, size=each, replace=False))
        pairs.append([[int(c), float(w)] for c, w in zip(at, f32(rng.uniform(0.2, 2, each)))])
    return pairs, matrix_of(pairs, columns)


def matrix_of(pairs, columns):
    cells = [(i, c, w) for i, row in enumerate(pairs) for c, w in row]
    r, c, w = zip(*cells)
    return scipy.sparse.csr_matrix((w, (r, c)), shape=(len(pairs), columns))


def tf_idf(fit, *others):
    made = TfidfTransformer(norm="l2", smooth_idf=True).fit(fit)
    return [made.transform(m) for m in (fit, *others)]


class Learners(unittest.TestCase):
    def near(self, got, want, tolerance, what=""):
        got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
        self.assertEqual(got.size, want.size, what)
        worst = np.abs(got.reshape(want.shape) - want).max()
        self.assertLessEqual(worst, tolerance, f"{what} off by {worst}")

    def neighbours(self, cosine):
        rng = draw(1)
        rows, fit = sparse_rows(rng, 400, 60, 8)
        queries, at = sparse_rows(rng, 40, 60, 8)
        y = f32(rng.uniform(0, 1, 400))
        fit, at = tf_idf(fit, at)
        got = ask("knn", rows=rows, queries=queries, y=y, k=12, cosine=cosine)["queries"]
        distance, row = NearestNeighbors(n_neighbors=12, metric="cosine", algorithm="brute").fit(fit).kneighbors(at)
        weights = (lambda d: 1 - d) if cosine else "uniform"
        mean = KNeighborsRegressor(12, metric="cosine", algorithm="brute", weights=weights).fit(fit, y).predict(at)
        for q, ours in enumerate(got):
            self.assertEqual(ours["rows"], row[q].tolist(), f"query {q}")
            self.near(ours["similarities"], 1 - distance[q], 2e-6)
            self.near([ours["mean"]], [mean[q]], 2e-6, f"query {q}")
            w = 1 - distance[q] if cosine else np.ones(12)
            self.near([ours["evidence"]], [w.sum() ** 2 / (w**2).sum()], 1e-4)

    def test_knn_has_the_neighbours_and_the_mean_of_scikit_learn(self):
        self.neighbours(cosine=False)

    def test_knn_has_the_weighted_mean_of_scikit_learn(self):
        self.neighbours(cosine=True)

    def test_k_means_ends_where_scikit_learn_ends_from_the_same_centres(self):
        for seed, k in ((2, 4), (3, 9), (4, 16)):
            rng = draw(seed)
            topic = rng.integers(0, k, 300)
            rows = []
            for t in topic:  # words of the topic, and words of all
                words = np.unique(np.concatenate([10 * t + rng.integers(0, 10, 6), 10 * k + rng.integers(0, 30, 5)]))
                rows.append([[int(w), float(v)] for w, v in zip(words, f32(rng.uniform(0.5, 1.5, len(words))))])  # no ties
            (x,) = tf_idf(matrix_of(rows, 10 * k + 30))
            x = x.toarray()
            seeds = rng.choice(300, k, replace=False)
            theirs = KMeans(k, init=x[seeds], n_init=1, max_iter=300, tol=0, algorithm="lloyd").fit(x)
            ours = np.array(ask("clusters", rows=rows, seeds=seeds)["groups"])
            self.assertEqual(ours.tolist(), theirs.labels_.tolist(), f"k = {k}")
            inertia = sum(((x[ours == g] - x[ours == g].mean(axis=0)) ** 2).sum() for g in range(k))
            self.near([inertia], [theirs.inertia_], 1e-8 * theirs.inertia_)

    def test_logistic_has_the_softmax_of_scikit_learn(self):
        for seed, c in ((5, 1.0), (6, 0.1), (7, 10.0)):
            rng = draw(seed)
            x = f32(rng.normal(size=(300, 6)))
            label = (x @ rng.normal(size=(6, 4)) + rng.gumbel(size=(300, 4))).argmax(axis=1)
            theirs = LogisticRegression(C=c, tol=1e-9, max_iter=5000).fit(x, label)
            ours = ask("logistic", x=x, labels=label[:, None], count=4, c=c)
            self.near(ours["weights"], theirs.coef_.T, 1e-4, f"C = {c}")
            bias = np.array(ours["bias"])  # of softmax: up to a constant
            self.near(bias - bias.mean(), theirs.intercept_ - theirs.intercept_.mean(), 1e-4)

    def test_logistic_has_the_one_against_the_rest_of_scikit_learn(self):
        rng = draw(8)
        x = f32(rng.normal(size=(250, 5)))
        several = (x @ rng.normal(size=(5, 3)) + rng.logistic(size=(250, 3)) > 0).astype(int)
        theirs = OneVsRestClassifier(LogisticRegression(C=2.0, tol=1e-9, max_iter=5000)).fit(x, several)
        ours = ask("logistic", x=x, labels=[np.flatnonzero(r) for r in several], count=3, c=2.0, one_vs_rest=True)
        self.near(ours["weights"], np.column_stack([e.coef_[0] for e in theirs.estimators_]), 1e-4)
        self.near(ours["bias"], [e.intercept_[0] for e in theirs.estimators_], 1e-4)

    def test_newton_logistic_has_the_coefficients_of_scikit_learn(self):
        rng = draw(9)
        x = rng.normal(size=(400, 3)) * [1, 10, 0.1] + [0, 5, -1]
        y = (scipy.special.expit(x @ [1, -0.1, 4] + 3) > rng.uniform(size=400)).astype(float)
        scale = StandardScaler().fit(x)
        theirs = LogisticRegression(C=1 / 3.0, tol=1e-10, max_iter=5000).fit(scale.transform(x), y)
        ours = ask("newton", x=x, y=y, ridge=3.0)
        self.near(np.array(ours["weights"]) * scale.scale_, theirs.coef_[0], 1e-5)
        self.near(np.array(ours["weights"]) @ scale.mean_ + ours["bias"], theirs.intercept_[0], 1e-5)

    def test_isotonic_is_the_one_of_scikit_learn(self):
        for seed in range(10, 16):
            rng = draw(seed)
            x = f32(np.round(rng.uniform(0, 1, 200), 2 if seed % 2 else 6))  # odd seeds: many equal
            y = (rng.uniform(0, 1, 200) < x**2).astype(float) if seed < 13 else f32(x + rng.normal(size=200))
            at = np.sort(f32(np.concatenate([x, rng.uniform(-0.2, 1.2, 50)])))
            theirs = IsotonicRegression(out_of_bounds="clip").fit(x, y)
            self.near(ask("isotonic", x=x, y=y, at=at)["y"], theirs.predict(at), 2e-6, f"seed {seed}")

    def test_ridge_has_the_coefficients_of_scikit_learn(self):
        rng = draw(20)
        x = f32(rng.normal(size=(200, 12)))
        y = f32(x @ rng.normal(size=(12, 3)) + rng.normal(size=(200, 3)))
        y[rng.uniform(size=200) < 0.3, 1] = math.nan
        for penalty in (0.5, 30.0):
            ours = ask("ridge", x=x, y=y.T, penalty=penalty)
            weights = np.reshape(ours["weights"], (3, 12))
            for o in range(3):
                seen = ~np.isnan(y[:, o])
                theirs = Ridge(alpha=penalty).fit(x[seen], y[seen, o])
                self.near(weights[o], theirs.coef_, 1e-5)
                self.near([ours["bias"][o]], [theirs.intercept_], 1e-5)

    def test_lin_ucb_is_its_closed_form(self):
        rng = draw(21)
        for keep in (1.0, 0.9):
            x = rng.normal(size=(60, 7))
            y = rng.uniform(size=60)
            at = rng.normal(size=(9, 7))
            a, b = 2.0 * np.eye(7), np.zeros(7)
            for i in range(60):  # forgetting spares the ridge
                a = keep * (a - 2.0 * np.eye(7)) + 2.0 * np.eye(7) + np.outer(x[i], x[i])
                b = keep * b + y[i] * x[i]
            theta = np.linalg.solve(a, b)
            width = np.einsum("ij,jk,ik->i", at, np.linalg.inv(a), at)
            ours = ask("bandit", x=x, y=y, ridge=2.0, keep=keep, at=at)
            self.near(ours["theta"], theta, 1e-9)
            self.near(np.array(ours["mean"]) + 0.7 * np.sqrt(ours["leverage"]), at @ theta + 0.7 * np.sqrt(width), 1e-9)

    def test_matrix_factorisation_has_route_llms_win_rate_on_given_weights(self):
        """winrate(a over b) = sigma(w . (P_a * W1 q) - w . (P_b * W1 q)), P of unit rows: its mf forward."""
        rng = draw(22)
        w1, p, w = f32(rng.normal(size=(16, 40)) / 6), rng.normal(size=(5, 16)), rng.normal(size=16)
        p /= np.linalg.norm(p, axis=1, keepdims=True)
        q = f32(rng.normal(size=(30, 40)))
        delta = np.einsum("k,mk,ik->im", w, p, q @ w1.T)
        ours = ask("network", **{"in": w1}, in_bias=np.zeros(16), out=p * w, out_bias=np.zeros(5), x=q)
        logit = scipy.special.logit(np.reshape(ours["p"], (30, 5)))
        for a, b in itertools.permutations(range(5), 2):
            self.near(scipy.special.expit(logit[:, a] - logit[:, b]), scipy.special.expit(delta[:, a] - delta[:, b]), 1e-5)

    def test_networks_compute_their_formulas_on_given_weights(self):
        rng = draw(23)
        x = f32(rng.normal(size=(20, 30)))
        hidden, out = f32(rng.normal(size=(8, 30)) / 5), f32(rng.normal(size=(6, 8)))
        b1, b2, shared = f32(rng.normal(size=8)), f32(rng.normal(size=6)), f32(rng.normal(size=31) / 5)
        for unit, act in (("identity", lambda v: v), ("relu", lambda v: np.maximum(v, 0)),
                          ("softplus", lambda v: np.logaddexp(v, 0))):
            for common in (None, shared):
                z = act(x @ hidden.T + b1) @ out.T + b2
                if common is not None:
                    z -= (x @ common[:-1] + common[-1])[:, None]
                ours = ask("network", **{"in": hidden}, in_bias=b1, out=out, out_bias=b2, unit=unit, x=x,
                           shared=[] if common is None else common)
                self.near(ours["p"], scipy.special.expit(z), 2e-6, unit)

    def test_similarity_weighted_ranking_is_route_llms_with_scikit_learns_regression(self):
        """Every comparison of a row weighs 10 * 10^(cos / max cos); Bradley-Terry by logistic regression with these weights. Plus
        the prior that the option names: a tie of that weight for every pair."""
        rng = draw(24)
        words = ["alpha", "beta", "gamma", "delta", "kappa", "sigma", "omega", "lambda", "theta", "zeta"]
        prompts = [" ".join(rng.choice(words, 5)) for _ in range(50)]
        score = rng.integers(0, 2, size=(50, 4))
        asked = ["alpha gamma zeta", "delta omega", "kappa kappa sigma theta"]
        pairs = ask("sketch", prompts=prompts + asked)["rows"]
        x = matrix_of(pairs, 1 << 18)
        fit, at = tf_idf(x[:50], x[50:])
        near = (at @ fit.T).toarray()
        with tempfile.TemporaryDirectory() as folder:
            with open(pathlib.Path(folder) / "t.jsonl", "w") as out:
                for i, prompt in enumerate(prompts):
                    models = {f"m{m}": {"correct": int(score[i, m])} for m in range(4)}
                    print(json.dumps({"id": f"r{i}", "dataset": "d", "domain": "d", "prompt": prompt, "models": models}), file=out)
            yaml = ("models: [{ name: m0 }, { name: m1 }, { name: m2 }, { name: m3 }]\n"
                    "routes: { auto: [{ models: [m0, m1, m2, m3], estimator: { type: sw_ranking, table: t.jsonl, prior: 2 } }] }\n")
            ours = ask("believe", yaml=yaml, directory=folder, prompts=asked)["quality"]
        for query, got in enumerate(ours):
            weight = 10 * 10 ** (near[query] / near[query].max())
            rows, won, weights = [], [], []
            for a, b in itertools.combinations(range(4), 2):
                row = np.zeros(4)
                row[a], row[b] = 1, -1
                for i in range(50):
                    share = (1 + score[i, a] - score[i, b]) / 2  # a tie is half a win of each
                    rows += [row, row]
                    won += [1, 0]
                    weights += [weight[i] * share, weight[i] * (1 - share)]
                rows += [row, row]
                won += [1, 0]
                weights += [1, 1]
            # As good as no penalty: without any, strengths are known up to a constant only.
            theirs = LogisticRegression(C=1e8, fit_intercept=False, tol=1e-10, max_iter=10000, solver="newton-cg")
            s = theirs.fit(np.array(rows), won, sample_weight=weights).coef_[0]
            wins = scipy.special.expit(s[:, None] - s[None, :])
            self.near(got, (wins.sum(axis=1) - 0.5) / 3, 1e-5, f"query {query}")

    def test_cascade_routing_selects_as_its_published_example(self):
        """Qualities .5 and .6, deviation .2, costs 1 and 4, .01 a unit of cost (request-level routing, 5.8)."""
        cost = [1, 4]

        def values(*quality, run=0):
            return ask("supermodel", quality=quality, cost=cost, price=0.01, run=run)

        first = values((0.5, 0.2), (0.6, 0.2))
        self.near(first["values"][1:], [0.49, 0.56, 0.619818], 1e-6)
        self.assertEqual(first["set"], 0b11)  # so the cheaper of both is run
        good = values((0.9, 0), (0.6, 0.2), run=1)
        self.near([good["values"][1], good["values"][3]], [0.89, 0.855861], 1e-6)
        self.assertEqual(good["set"], 0b01)  # stop
        bad = values((0.3, 0), (0.6, 0.2), run=1)
        self.near([bad["values"][1], bad["values"][3]], [0.29, 0.555861], 1e-6)
        self.assertEqual(bad["set"], 0b11)  # go on
        sure = values((0.5, 0), (0.6, 0))
        self.near([sure["values"][3]], [0.55], 1e-9)
        self.assertEqual(sure["set"], 0b10)  # plain routing

    def test_cascade_routing_values_are_the_integrals(self):
        """E[max] of independent Gaussians, by quadrature: exact for two, Clark's approximation for three."""
        rng = draw(25)
        v = np.linspace(-4, 5, 20001)
        for _ in range(5):
            quality = [(float(m), float(s)) for m, s in zip(rng.uniform(0.2, 0.9, 3), rng.uniform(0.05, 0.3, 3))]
            cost = rng.uniform(0, 0.1, 3)
            got = ask("supermodel", quality=quality, cost=cost, price=1.0)["values"]
            for members in range(1, 8):
                inside = [i for i in range(3) if members >> i & 1]
                below = np.prod([scipy.stats.norm.cdf(v, *quality[i]) for i in inside], axis=0)
                best = v[-1] - np.trapezoid(below, v)
                self.near([got[members]], [best - cost[inside].sum()], 1e-6 if len(inside) < 3 else 5e-3, inside)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
