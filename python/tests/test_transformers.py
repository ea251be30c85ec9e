"""The routers of Hugging Face transformers, executed as that package has them, beside ours on random weights.

Only the router classes are taken out of the package's files and executed (the package itself asks for a newer PyTorch than the
distribution's). topk leaves the order of equals open, so sets of values are compared where values tie, and ties are counted.
"""

import __future__
import ast
import glob
import os
import subprocess
import sys
import types
import unittest
import zipfile

import numpy as np

import switchyard_moe as moe

try:
    import torch
except ImportError:
    torch = None

PINNED = "transformers==5.23.0"
KEEP = os.environ.get("SWY_WHEELS", os.path.join(os.path.dirname(moe.__file__), "wheels"))


def wheel():
    """The path of the pinned wheel; downloaded once."""
    os.makedirs(KEEP, exist_ok=True)
    pattern = os.path.join(KEEP, "transformers-*.whl")
    if not glob.glob(pattern):
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", KEEP, PINNED], timeout=150, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = glob.glob(pattern)
    return found[0] if found else None


def router(model, name):
    """One class of the package, compiled by itself."""
    with zipfile.ZipFile(wheel()) as z:
        source = z.read(f"transformers/models/{model}/modeling_{model}.py").decode()
    tree = ast.parse(source)
    tree.body = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name]
    for node in tree.body:
        node.decorator_list = []
    nn = types.SimpleNamespace(Module=torch.nn.Module, Parameter=torch.nn.Parameter, Buffer=lambda t: t)
    space = {"torch": torch, "nn": nn, "F": torch.nn.functional}
    flags = __future__.annotations.compiler_flag
    exec(compile(tree, model, "exec", flags=flags, dont_inherit=True), space)  # noqa: S102
    return space[name]


def config(**more):
    return types.SimpleNamespace(hidden_size=32, n_group=8, topk_group=4, routed_scaling_factor=2.5, norm_topk_prob=True, **more)


class Routers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if torch is None:
            raise unittest.SkipTest("no PyTorch")
        if wheel() is None:
            raise unittest.SkipTest(f"{PINNED} cannot be installed here")
        torch.set_num_threads(1)

    def compare(self, model, name, preset, experts, k, tokens=4000, bias=None, halves=False, settings=None, **fields):
        c = config(num_experts=experts, num_local_experts=experts, num_experts_per_tok=k)
        for key, value in (settings or {}).items():
            setattr(c, key, value)
        r = router(model, name)(c)
        g = torch.Generator().manual_seed(experts * 100 + k)
        with torch.no_grad():
            r.weight.copy_(torch.randn(r.weight.shape, generator=g))
            if bias is not None:
                r.e_score_correction_bias = torch.from_numpy(bias)
            hidden = torch.randn(tokens, 32, generator=g) * 0.3
            if halves:
                r, hidden = r.bfloat16(), hidden.bfloat16()
            logits, weight, index = r(hidden)
        state = None
        spec = moe.preset(preset, k=k, **fields)
        if bias is not None:
            spec = spec.replace(update="bias_sign")
            state = moe.State(spec, experts)
            state.bias[:] = bias
        if halves:
            bits = logits.detach().view(torch.int16).numpy().view(np.uint16)
            ours = moe.assign(spec, bits, state, bf16=True)
        else:
            ours = moe.assign(spec, logits.detach().numpy(), state)
        return self.same(logits.detach().float().numpy(), ours, weight.detach().float().numpy(), index.numpy(), halves, bias)

    def same(self, logits, ours, weight, index, halves, bias):
        """Asserts that choices differ only among equals; how many tokens had such."""
        ties = 0
        order = np.argsort(-weight, 1, kind="stable") if bias is None else np.argsort(index, 1)
        mine = np.argsort(-ours.weight, 1, kind="stable") if bias is None else np.argsort(ours.expert, 1)
        theirs = np.take_along_axis(index, order, 1)
        chosen = np.take_along_axis(ours.expert, mine, 1)
        for t in np.nonzero((theirs != chosen).any(1))[0]:
            a = np.sort(logits[t, theirs[t]])
            b = np.sort(logits[t, chosen[t]])
            np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=f"token {t}: other values, not only other places of equals")
            ties += 1
        tolerance = 1e-2 if halves else 3e-6  # their weights are bfloat16 then
        np.testing.assert_allclose(np.take_along_axis(ours.weight, mine, 1), np.take_along_axis(weight, order, 1), rtol=tolerance, atol=1e-7)
        return ties

    def test_mixtral(self):
        self.assertLess(self.compare("mixtral", "MixtralTopKRouter", "mixtral", 8, 2), 4)

    def test_olmoe_does_not_renormalise(self):
        self.compare("olmoe", "OlmoeTopKRouter", "olmoe", 64, 8, settings={"norm_topk_prob": False})

    def test_qwen3_moe(self):
        self.compare("qwen3_moe", "Qwen3MoeTopKRouter", "qwen3-moe", 128, 8)  # as its checkpoints set the flag
        self.compare("qwen3_moe", "Qwen3MoeTopKRouter", "olmoe", 128, 8, settings={"norm_topk_prob": False})

    def test_gpt_oss(self):
        self.compare("gpt_oss", "GptOssTopKRouter", "gpt-oss", 32, 4)

    def test_deepseek_v3_with_its_correction_bias(self):
        bias = (np.random.default_rng(1).normal(size=256) * 0.1).astype(np.float32)
        self.compare("deepseek_v3", "DeepseekV3TopkRouter", "deepseek-v3", 256, 8, bias=bias)

    def test_bfloat16_has_ties_and_they_are_the_only_differences(self):
        tokens = 20000
        ties = self.compare("mixtral", "MixtralTopKRouter", "mixtral", 128, 8, tokens=tokens, halves=True)
        print(f"bfloat16, 128 experts, 8 chosen: {ties} of {tokens} tokens have equals in other places or chosen instead", file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
