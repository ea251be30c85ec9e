"""PyTorch's routing of a mixture of experts (softmax, topk, divide by the sum) on one thread: a line of JSON for every shape.

Usage: moe_torch.py REPEATS
"""
import json
import sys
import time

import torch

torch.set_num_threads(1)
repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 30
for experts, k in ((8, 2), (64, 8), (128, 8), (384, 8), (896, 16)):
    for tokens in (1, 16, 512, 16384):
        for name, kind in (("f32", torch.float32), ("bf16", torch.bfloat16)):
            scores = torch.randn(tokens, experts, generator=torch.Generator().manual_seed(1)).to(kind)
            least = float("inf")
            with torch.no_grad():
                for r in range(repeats + 3):
                    start = time.perf_counter_ns()
                    p = torch.softmax(scores, -1, dtype=torch.float32)
                    w, i = torch.topk(p, k, -1)
                    w = w / w.sum(-1, keepdim=True)
                    took = time.perf_counter_ns() - start
                    least = min(least, took) if r >= 3 else least
            print(json.dumps({"side": "torch", "experts": experts, "k": k, "tokens": tokens, "type": name, "ns": round(least / tokens, 2)}), flush=True)
