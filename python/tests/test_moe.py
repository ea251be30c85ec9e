"""The Python binding: known answers, no copies, what is refused, and PyTorch's answers where it is installed."""

import json
import os
import unittest

import numpy as np

import switchyard_moe as moe

F1 = np.array([[2, 1, 0], [1.5, 1.4, 0.1], [1, 0, 0.9], [2, 2, -1]], np.float32)
GOLDEN = os.path.join(os.environ.get("SWY_SHARED", ""), "data", "moe", "moe_golden.json")


def golden(name):
    if not os.path.exists(GOLDEN):
        raise unittest.SkipTest("no shared data")
    with open(GOLDEN, encoding="utf-8") as f:
        return json.load(f)[name]


class Assign(unittest.TestCase):
    def test_mixtral_on_a_known_example(self):
        a = moe.assign(moe.preset("mixtral"), F1)
        self.assertEqual(a.expert.tolist(), [[0, 1], [0, 1], [0, 2], [0, 1]])
        np.testing.assert_allclose(a.weight[0], [0.731058579, 0.268941421], rtol=1e-6)
        np.testing.assert_allclose(a.weight.sum(1), 1, rtol=1e-6)
        self.assertEqual(a.demand.tolist(), [4, 3, 1])
        self.assertEqual((a.expert.dtype, a.weight.dtype), (np.int32, np.float32))

    def test_fixtures(self):
        for name, preset in (("A_mixtral", "mixtral"), ("A_olmoe", "olmoe"), ("A_gptoss", "gpt-oss")):
            case = golden(name)
            a = moe.assign(moe.preset(preset, k=case["k"]), np.array(case["Z"], np.float32))
            for t, (experts, weights) in enumerate(case["out"]):
                self.assertEqual(a.expert[t].tolist(), experts, name)
                np.testing.assert_allclose(a.weight[t], weights, rtol=2e-6)

    def test_every_preset_assigns(self):
        rng = np.random.default_rng(1)
        scores = rng.normal(size=(40, 64)).astype(np.float32)
        for name in moe.presets():
            a = moe.assign(moe.preset(name), scores, seed=3, token_id=np.arange(40, dtype=np.uint32))
            self.assertEqual(a.expert.shape[0], 40, name)
            self.assertGreater((a.expert >= 0).sum(), 0, name)

    def test_half_precision_is_the_same_as_its_floats(self):
        rng = np.random.default_rng(2)
        half = rng.normal(size=(50, 33)).astype(np.float16)
        spec = moe.preset("qwen3-moe")
        a, b = moe.assign(spec, half), moe.assign(spec, half.astype(np.float32))
        np.testing.assert_array_equal(a.expert, b.expert)
        np.testing.assert_array_equal(a.weight, b.weight)
        bits = rng.normal(size=(50, 33)).astype(np.float32).view(np.uint32) >> 16
        floats = (bits << 16).astype(np.uint32).view(np.float32)
        a, b = moe.assign(spec, bits.astype(np.uint16), bf16=True), moe.assign(spec, floats)
        np.testing.assert_array_equal(a.expert, b.expert)

    def test_rows_may_have_gaps_and_nothing_is_copied(self):
        wide = np.zeros((4, 8), np.float32)
        wide[:, :3] = F1
        wide[:, 3:] = 9
        a = moe.assign(moe.preset("mixtral"), wide[:, :3])
        self.assertEqual(a.expert[:, 0].tolist(), [0, 0, 0, 0])
        again = moe.assign(moe.preset("mixtral"), F1, out=a)
        self.assertEqual(again.expert.ctypes.data, a.expert.ctypes.data)
        with self.assertRaisesRegex(ValueError, "out"):
            moe.assign(moe.preset("mixtral"), F1[:2], out=a)

    def test_masks(self):
        live = np.array([True, False, True])
        a = moe.assign(moe.preset("switch"), F1, expert_live=np.array([False, True, True]))
        self.assertEqual(a.expert[:, 0].tolist(), [1, 1, 2, 1])
        self.assertEqual(moe.assign(moe.preset("mixtral"), F1, expert_live=live).demand[1], 0)
        a = moe.assign(moe.preset("switch"), F1, token_live=np.array([True, False, True, True]))
        self.assertEqual(a.expert[1, 0], -1)

    def test_what_is_refused(self):
        spec = moe.preset("mixtral")
        for scores, why in ((F1.astype(np.float64), "float32, float16 or bfloat16"),
                            (F1[0], "two dimensions"), (np.asfortranarray(F1), "side by side")):
            with self.assertRaisesRegex((TypeError, ValueError), why):
                moe.assign(spec, scores)
        with self.assertRaisesRegex(TypeError, "no argument 'sede'"):
            moe.assign(spec, F1, sede=1)
        with self.assertRaisesRegex(ValueError, "no preset 'mixtrall'"):
            moe.preset("mixtrall")
        with self.assertRaisesRegex(TypeError, "no field 'kk'"):
            moe.preset("mixtral", kk=1)
        with self.assertRaisesRegex(ValueError, "there is no 'never'"):
            moe.Spec(cap="never")
        with self.assertRaisesRegex(ValueError, "spec.groups"):
            moe.assign(moe.preset("deepseek-v3"), F1)
        with self.assertRaisesRegex(TypeError, "capacity: expected a contiguous array of uint32"):
            moe.assign(spec, F1, capacity=np.ones(3))


class Rest(unittest.TestCase):
    def test_spec_fields(self):
        spec = moe.preset("deepseek-v3", scale=1.5, cap="arrival")
        self.assertEqual((spec.transform, spec.k, spec.cap, spec.scale), ("sigmoid", 8, "arrival", 1.5))
        self.assertEqual(spec.replace(k=4).k, 4)
        self.assertEqual(moe.Spec(**spec.fields()), spec)

    def test_loss_free_balancing_brings_loads_together(self):
        rng = np.random.default_rng(3)
        spec = moe.preset("deepseek-v3", groups=1, groups_kept=1, k=4, update="bias_sign", rate=0.02)
        state = moe.State(spec, 16)
        first = last = None
        for step in range(200):
            scores = (rng.normal(size=(512, 16)) - 0.15 * np.arange(16)).astype(np.float32)
            a = moe.assign(spec, scores, state)
            last = moe.measure(a)["maxvio"]
            first = last if first is None else first
            moe.update(spec, scores, a, state)
        self.assertGreater(first, 1)
        self.assertLess(last, 0.3)
        self.assertGreater(state.bias[15], state.bias[0])

    def test_plan_sorts_by_expert_and_keeps_order(self):
        a = moe.assign(moe.preset("mixtral"), F1)
        p = moe.plan(a)
        flat = a.expert.ravel()
        self.assertEqual(p["order"].tolist(), sorted(range(8), key=lambda i: (flat[i], i)))
        self.assertEqual(p["bin_end"].tolist(), [4, 7, 8])
        padded = moe.plan(a, block=4)
        self.assertEqual(padded["padded_rows"], 12)
        self.assertEqual(padded["block_expert"].tolist(), [0, 1, 2])

    def test_backward_agrees_with_differences(self):
        rng = np.random.default_rng(4)
        scores = rng.normal(size=(6, 5)).astype(np.float32)
        for name in ("mixtral", "olmoe", "gpt-oss"):
            spec = moe.preset(name, k=2)
            a = moe.assign(spec, scores)
            dw = rng.normal(size=a.weight.shape).astype(np.float32)
            dz = moe.backward(spec, scores, a, dw)
            t, e = 2, int(a.expert[2, 0])
            step = 1e-2
            up, down = scores.copy(), scores.copy()
            up[t, e] += step
            down[t, e] -= step
            slope = ((moe.assign(spec, up).weight[t] - moe.assign(spec, down).weight[t]) @ dw[t]) / (2 * step)
            self.assertAlmostEqual(slope, dz[t, e], delta=2e-3, msg=name)


class Torch(unittest.TestCase):
    """Hugging Face's routers are softmax, topk and a division in PyTorch."""

    def setUp(self):
        try:
            import torch
        except ImportError:
            self.skipTest("no PyTorch")
        self.torch = torch

    def test_softmax_topk_renormalised(self):
        torch = self.torch
        scores = np.random.default_rng(5).normal(size=(300, 128)).astype(np.float32)
        a = moe.assign(moe.preset("mixtral", k=8), scores)
        p = torch.softmax(torch.from_numpy(scores), -1)
        value, index = torch.topk(p, 8, -1)
        value = value / value.sum(-1, keepdim=True)
        np.testing.assert_array_equal(a.expert, index.numpy())  # no ties among random floats
        np.testing.assert_allclose(a.weight, value.numpy(), rtol=3e-6)

    def test_backward_of_the_renormalised_weights(self):
        torch = self.torch
        rng = np.random.default_rng(6)
        scores = rng.normal(size=(40, 16)).astype(np.float32)
        spec = moe.preset("mixtral", k=4)
        a = moe.assign(spec, scores)
        dw = rng.normal(size=a.weight.shape).astype(np.float32)
        z = torch.from_numpy(scores.copy()).requires_grad_()
        value = torch.gather(torch.softmax(z, -1), 1, torch.from_numpy(a.expert.astype(np.int64)))
        (value / value.sum(-1, keepdim=True)).backward(torch.from_numpy(dw))
        np.testing.assert_allclose(moe.backward(spec, scores, a, dw), z.grad.numpy(), atol=2e-6)


if __name__ == "__main__":
    unittest.main()
