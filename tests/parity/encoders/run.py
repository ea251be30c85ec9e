#!/usr/bin/env python3
"""Compares our sentence encoder with reference implementations on the same weights.

  run.py BUILD_DIR MODEL_FOLDER [--data DIR] [--texts N] [--speed]

References: ONNX Runtime on a graph made here from the folder's weights; transformers where torch can
be imported. Both get the ids of the tokenizers library. Exit status 1 when a cosine is below 0.9999
(f32) or 0.995 (int8). --speed adds the references' times for one thread.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import time

import numpy as np
import tokenizers
from safetensors.numpy import load_file

TRICKY = ["", " ", "a", "\t\n", "Hello, World!", "naïve café déjà vu", "ÀÉÎÕÜ straße", "汉字 and kana かな カナ",
          "Привет, мир", "العربية", "👩‍👩‍👧‍👦 🙂", "def f(x):\n    return x ** 2\n", "SELECT * FROM t WHERE a='b';",
          "x" * 300, "ha " * 400, "https://example.org/a?b=c#d", "1,234.56 €", "\u200b\ufeff\u00ad", "[CLS] [SEP] [MASK]"]


def texts(data, n):
    out = list(TRICKY)
    for folder, _, files in sorted(os.walk(data)) if data else []:
        for name in sorted(files):
            if not name.endswith((".jsonl.gz", ".json", ".md", ".py")):
                continue
            opener = gzip.open if name.endswith(".gz") else open
            with opener(os.path.join(folder, name), "rt", encoding="utf-8", errors="replace") as f:
                lines = [line.strip() for line in f.read(200_000).splitlines()]
            lines = [line for line in lines if line]
            out += [line[:1500] for line in lines[:: max(1, len(lines) // 12)][:12]]
    step = max(1, len(out) // n)
    return (TRICKY + out[len(TRICKY)::step])[:n]


def ours(build, model, how, inputs):
    data = b"".join(b"%d\n%s" % (len(t.encode()), t.encode()) for t in inputs)
    out = subprocess.run([os.path.join(build, "bin/swy_encode"), model, how], input=data,
                         stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(out, np.float32).reshape(len(inputs), -1)


def onnx_graph(model):
    """The BERT of the folder with ONNX Runtime's own fused operators: its fastest form."""
    from onnx import TensorProto, helper, numpy_helper
    c = json.load(open(os.path.join(model, "config.json")))
    w = load_file(os.path.join(model, "model.safetensors"))
    nodes, init = [], []

    def const(name, value):
        init.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(op, inputs, output, **kw):
        domain = kw.pop("domain", "com.microsoft")
        nodes.append(helper.make_node(op, inputs, [output], domain=domain, **kw))
        return output

    e = "embeddings."
    eps = c["layer_norm_eps"]
    nodes.append(helper.make_node(
        "EmbedLayerNormalization",
        ["ids", "types", const("we", w[e + "word_embeddings.weight"]), const("pe", w[e + "position_embeddings.weight"]),
         const("te", w[e + "token_type_embeddings.weight"]), const("eg", w[e + "LayerNorm.weight"]),
         const("eb", w[e + "LayerNorm.bias"]), "mask"], ["x", "mask_index"], domain="com.microsoft", epsilon=eps))
    x = "x"
    for i in range(c["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        qkv = [w[p + f"attention.self.{k}.weight"].T for k in ("query", "key", "value")]
        qkvb = [w[p + f"attention.self.{k}.bias"] for k in ("query", "key", "value")]
        a = node("Attention", [x, const(p + "w", np.concatenate(qkv, 1)), const(p + "b", np.concatenate(qkvb)), "mask_index"],
                 p + "a", num_heads=c["num_attention_heads"])
        o = node("MatMul", [a, const(p + "ow", w[p + "attention.output.dense.weight"].T)], p + "o", domain="")
        x = node("SkipLayerNormalization", [o, x, const(p + "g1", w[p + "attention.output.LayerNorm.weight"]),
                                            const(p + "b1", w[p + "attention.output.LayerNorm.bias"]),
                                            const(p + "ob", w[p + "attention.output.dense.bias"])], p + "x1", epsilon=eps)
        u = node("MatMul", [x, const(p + "uw", w[p + "intermediate.dense.weight"].T)], p + "u", domain="")
        u = node("BiasGelu", [u, const(p + "ub", w[p + "intermediate.dense.bias"])], p + "ug")
        d = node("MatMul", [u, const(p + "dw", w[p + "output.dense.weight"].T)], p + "d", domain="")
        x = node("SkipLayerNormalization", [d, x, const(p + "g2", w[p + "output.LayerNorm.weight"]),
                                            const(p + "b2", w[p + "output.LayerNorm.bias"]),
                                            const(p + "db", w[p + "output.dense.bias"])], p + "x2", epsilon=eps)
    graph = helper.make_graph(
        nodes, "bert", [helper.make_tensor_value_info(n, TensorProto.INT32, ["b", "t"]) for n in ("ids", "types", "mask")],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, ["b", "t", c["hidden_size"]])], init)
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])


def session(model_bytes):
    import onnxruntime as ort
    o = ort.SessionOptions()
    o.intra_op_num_threads = 1
    o.inter_op_num_threads = 1
    return ort.InferenceSession(model_bytes, o, providers=["CPUExecutionProvider"])


def inputs_of(ids):
    a = np.array([ids], np.int32)
    return {"ids": a, "types": np.zeros_like(a), "mask": np.ones_like(a)}


def pooled(states):
    v = states.mean(0)
    return v / np.linalg.norm(v)


def by_torch(model, encodings):
    try:
        import torch
        from transformers import BertModel
    except ImportError:
        return None
    m = BertModel.from_pretrained(model).eval()
    with torch.no_grad():
        return np.stack([pooled(np.array(m(torch.tensor([e]))[0][0].tolist())) for e in encodings])


def speed(name, run):
    for n in (32, 128, 512):
        ids = list(range(1000, 1000 + n))
        times = []
        for _ in range(20):
            start = time.thread_time()
            run(ids)
            times.append(time.thread_time() - start)
        print(f"{name} {n:4} tokens: least {1e3 * min(times):8.3f} ms, median {1e3 * sorted(times)[10]:8.3f} ms")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("model")
    p.add_argument("--data")
    p.add_argument("--texts", type=int, default=500)
    p.add_argument("--speed", action="store_true")
    a = p.parse_args()
    inputs = texts(a.data, a.texts)
    t = tokenizers.Tokenizer.from_file(os.path.join(a.model, "tokenizer.json"))
    t.no_padding()
    t.enable_truncation(256)
    ids = [e.ids for e in t.encode_batch(inputs)]
    graph = onnx_graph(a.model)
    full = session(graph.SerializeToString())
    references = {"onnxruntime": np.stack([pooled(full.run(None, inputs_of(i))[0][0]) for i in ids])}
    torch_rows = by_torch(a.model, ids)
    if torch_rows is not None:
        references["transformers"] = torch_rows
    bad = False
    for how, bound in (("f32", 0.9999), ("int8", 0.995)):
        rows = ours(a.build, a.model, how, inputs)
        for name, want in references.items():
            cosines = (rows * want).sum(1)
            bad |= bool(cosines.min() < bound)
            print(f"{how} against {name}: {len(inputs)} texts, cosine least {cosines.min():.6f}, "
                  f"mean {cosines.mean():.6f} (at least {bound})")
    if a.speed:
        speed("onnxruntime f32 ", lambda i: full.run(None, inputs_of(i)))
        from onnxruntime.quantization import QuantType, quantize_dynamic
        import tempfile
        with tempfile.TemporaryDirectory() as d:
            import onnx
            onnx.save(graph, d + "/f.onnx")
            quantize_dynamic(d + "/f.onnx", d + "/q.onnx", weight_type=QuantType.QInt8, per_channel=True,
                             extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
            q = session(d + "/q.onnx")
        rows = np.stack([pooled(q.run(None, inputs_of(i))[0][0]) for i in ids])
        first = references["onnxruntime"]
        print(f"onnxruntime int8 against its f32: cosine least {(rows * first).sum(1).min():.6f}, mean {(rows * first).sum(1).mean():.6f}")
        speed("onnxruntime int8", lambda i: q.run(None, inputs_of(i)))
        if torch_rows is not None:
            import torch
            from transformers import BertModel
            torch.set_num_threads(1)
            m = BertModel.from_pretrained(a.model).eval()

            def run(i):
                with torch.no_grad():
                    m(torch.tensor([i]))
            speed("torch f32       ", run)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
