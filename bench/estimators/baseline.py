"""scikit-learn on what swy_fit wrote: baseline.py FOLDER ROWS DIMS MODELS. A JSON object a line: seconds to fit, microseconds to predict
one row for all models. Two threads for the fit, as many as it takes for one row."""
import json
import pathlib
import sys
import time
import warnings

import numpy as np
import scipy.sparse
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPRegressor

warnings.filterwarnings("ignore")  # of iterations that ended at their limit
ASKED = 100


def load(folder, rows, dims, models):
    x = np.fromfile(folder / "x.f32", dtype=np.float32).reshape(rows, dims)
    y = np.nan_to_num(np.fromfile(folder / "y.f32", dtype=np.float32).reshape(models, rows).T)
    both = np.fromfile(folder / "words.u32", dtype=np.uint32)
    start, at = both[:rows + 1].astype(np.int32), both[rows + 1:].astype(np.int32)
    used, at = np.unique(at, return_inverse=True)
    words = scipy.sparse.csr_matrix((np.fromfile(folder / "words.f32", dtype=np.float32), at, start), shape=(rows, len(used)))
    return x, y, words


def say(kind, fit, one, rows):
    began = time.perf_counter()
    model = fit()
    seconds = time.perf_counter() - began
    step, least = rows // ASKED, float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for k in range(ASKED):
            one(model, slice(k * step, k * step + 1))
        least = min(least, time.perf_counter() - began)
    print(json.dumps({"what": "other", "type": kind, "fit_s": seconds, "row_us": 1e6 * least / ASKED}), flush=True)


def main():
    folder, (rows, dims, models) = pathlib.Path(sys.argv[1]), map(int, sys.argv[2:5])
    x, y, words = load(folder, rows, dims, models)
    right = (y > 0.5).astype(int)

    def network(activation):
        return MLPRegressor(hidden_layer_sizes=(32,), activation=activation, learning_rate_init=0.01, batch_size=64, max_iter=60, early_stopping=True,
                            n_iter_no_change=8, random_state=1).fit(x, y)

    def ask_knn(model, one):
        distance, near = model.kneighbors(words[one])
        return ((1 - distance[0])[:, None] * y[near[0]]).sum(axis=0) / (1 - distance[0]).sum()

    say("linear", lambda: GridSearchCV(Ridge(), {"alpha": [3, 10, 30, 100, 300]}, cv=3).fit(x, y), lambda m, one: m.predict(x[one]), rows)
    say("knn", lambda: NearestNeighbors(n_neighbors=40, metric="cosine", algorithm="brute").fit(words), ask_knn, rows)
    say("matrix_factorisation", lambda: network("identity"), lambda m, one: m.predict(x[one]), rows)
    say("mlp", lambda: network("relu"), lambda m, one: m.predict(x[one]), rows)
    say("irt", lambda: [LogisticRegression().fit(x, right[:, m]) for m in range(models)],
        lambda all_, one: [m.predict_proba(x[one]) for m in all_], rows)
    say("clusters", lambda: KMeans(32, n_init=2, max_iter=20, random_state=1).fit(words), lambda m, one: m.predict(words[one]), rows)


main()
