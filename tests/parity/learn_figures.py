"""Figures of scikit-learn that src/learn/known_answers_test.cc compares with.

Usage: pip install scikit-learn==1.9.1 numpy; python3 tests/parity/learn_figures.py
"""
import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score


def rows(n):
    """x[i] = fractions of i * (sqrt 2, sqrt 3, sqrt 5); the label from two of them and a disturbance."""
    i = np.arange(1, n + 1)[:, None]
    x = (i * np.sqrt([[2.0, 3.0, 5.0]])) % 1
    noise = (i[:, 0] * np.sqrt(7.0)) % 1
    return x.astype(np.float32), ((x[:, 0] + x[:, 1] + 0.5 * noise) * 1.3).astype(int)


x, y = rows(60)
print("labels", np.bincount(y))
m = LogisticRegression(C=10, tol=1e-9, max_iter=10000).fit(x, y)
p = m.predict_proba(x)
print("softmax p[0]", p[0], "p[59]", p[59])
for label in (0, 1):
    b = LogisticRegression(C=10, tol=1e-9, max_iter=10000).fit(x, y == label)
    print("one vs rest", label, b.predict_proba(x)[0, 1], b.predict_proba(x)[59, 1])
said = x[:, :2].sum(1).astype(int)
print("macro f1", f1_score(y, said, average="macro", labels=sorted(set(y))))
print("auroc", roc_auc_score(y >= 1, np.round(x[:, 0], 1)))
iso = IsotonicRegression(out_of_bounds="clip").fit(x[:, 0], (y >= 2).astype(float))
print("isotonic", iso.predict([0.05, 0.3, 0.5, 0.7, 0.95]))
from sklearn.calibration import _SigmoidCalibration  # noqa: E402  Platt's smoothed targets

c = _SigmoidCalibration().fit(x[:, 0].astype(float), (y >= 2).astype(float))
print("platt", -c.a_, -c.b_)
