"""The rules beside assign(): every example of the reference page, what is copied, what is refused, agreement with numpy."""

import doctest
import os
import re
import unittest

import numpy as np

import switchyard_moe as moe

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "reference", "moe-python.md")
CORE = {"Assignment", "Spec", "State", "assign", "backward", "measure", "plan", "preset", "presets", "update"}


def page():
    with open(PAGE, encoding="utf-8") as f:
        return re.sub(r"^```.*$", "", f.read(), flags=re.M)


class Page(unittest.TestCase):
    def test_every_example_gives_what_it_says(self):
        examples = doctest.DocTestParser().get_doctest(page(), {}, "moe-python.md", PAGE, 0)
        self.assertGreater(len(examples.examples), 80)
        said = []
        result = doctest.DocTestRunner(verbose=False).run(examples, out=said.append)
        self.assertEqual(result.failed, 0, "".join(said))

    def test_every_name_of_the_binding_has_an_example(self):
        text = page()
        names = {n for n in dir(moe._moe) if not n.startswith("_")} - CORE
        self.assertGreater(len(names), 60)
        self.assertEqual([n for n in sorted(names) if f"moe.{n}(" not in text], [])


class Memory(unittest.TestCase):
    def test_gradients_are_added_where_they_lie(self):
        z = np.array([[2.0, 1, 0], [1, 0, 0.9]])
        grad = np.ones_like(z)
        moe.z_loss(z, scale=2, grad=grad)
        once = grad - 1
        moe.z_loss(z, scale=2, grad=grad)
        np.testing.assert_allclose(grad - 1, 2 * once, rtol=1e-12)
        for wrong in (grad.astype(np.float32), np.asfortranarray(grad)):
            with self.assertRaises(TypeError):
                moe.z_loss(z, grad=wrong)

    def test_arguments_of_any_type_give_the_same(self):
        z = np.array([[2, 1, 0], [1, 0, 3]])
        for same in (z.tolist(), z.astype(np.float32), z.astype(np.float64), np.asfortranarray(z), z[:, ::-1][:, ::-1]):
            self.assertEqual(moe.z_loss(same), moe.z_loss(z))

    def test_what_changes_is_a_copy(self):
        centroids = np.eye(2, dtype=np.float32)
        moved = moe.kmeans_update(np.ones((1, 2), np.float32), [[0]], 0.5, centroids)
        np.testing.assert_array_equal(centroids, np.eye(2))
        np.testing.assert_array_equal(moved, [[1, 0.5], [0, 1]])


class Refused(unittest.TestCase):
    def test_arguments_are_named(self):
        eye = np.eye(3)
        for name, call in (
            ("row_mass", lambda: moe.sinkhorn_log(eye, row_mass=[1, 1])),
            ("score", lambda: moe.base_auction(np.zeros((4, 3)))),
            ("chosen", lambda: moe.count_windows([[3]], 1, experts=3)),
            ("begin", lambda: moe.sequence_balance_loss(eye, [[0]] * 3, [0, 9], k=1)),
            ("w.hn", lambda: moe.gru_step({n: eye for n in ("ir", "iz", "in", "hr", "hz")}, [0] * 3, [0] * 3)),
            ("sd", lambda: moe.noisy_load([1, 2], [1, 2], [1], 1)),
            ("devices", lambda: moe.llep_plan([1, 2, 3], devices=2)),
            ("slices", lambda: moe.plan_cost([[9, 0, 0, 1]], 3, moe.DeviceModel())),
            ("schedule", lambda: moe.layer_limit("upwards", 0, 1, 1, 2)),
            ("policy", lambda: moe.cache_hits([[0]], 1, "fifo", 1)),
            ("two dimensions", lambda: moe.z_loss([1.0, 2])),
            ("mean_p", lambda: moe.Magnet().see([1.0])),
            ("v", lambda: moe.percentile([np.nan, 1], 0.5)),
        ):
            with self.assertRaisesRegex(ValueError, re.escape(name), msg=name):
                call()


class Numpy(unittest.TestCase):
    def test_a_plan_has_its_marginals(self):
        score = np.random.default_rng(1).normal(size=(64, 8))
        plan = moe.sinkhorn_log(score, tolerance=1e-10, most=1000)["plan"]
        np.testing.assert_allclose(plan.sum(1), 1, atol=1e-9)
        np.testing.assert_allclose(plan.sum(0), 8, atol=1e-9)
        np.testing.assert_allclose(moe.sinkhorn(score.astype(np.float32), most=1000)["plan"], plan, atol=1e-4)

    def test_losses_have_the_slopes_of_their_values(self):
        rng = np.random.default_rng(2)
        p = rng.dirichlet(np.ones(5), size=6)
        for f in (moe.kl_to_uniform, moe.mean_entropy, moe.entropy_of_mean, lambda *a, **k: moe.chunk_loss(a[0], 2, **k)):
            grad = np.zeros_like(p)
            f(p, grad=grad)
            step = np.zeros_like(p)
            step[3, 2] = 1e-6
            self.assertAlmostEqual((f(p + step) - f(p - step)) / 2e-6, grad[3, 2], places=5)

    def test_auction_owners_are_worth_the_optimum(self):
        rng = np.random.default_rng(3)
        score = rng.normal(size=(3, 3))
        best = max(score[0, a] + score[1, b] + score[2, c] for a in range(3) for b in range(3) for c in range(3) if len({a, b, c}) == 3)
        self.assertAlmostEqual(moe.slot_auction(score, [1, 1, 1], eps=1e-9)["value"], best, places=6)


if __name__ == "__main__":
    unittest.main()
