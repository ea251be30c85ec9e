"""The other sides of bench/understand.py, each in the Python that has its packages:

  baseline.py onnxruntime|torch FOLDER f32|int8 REPEATS    times, in the lines that swy_understand prints
  baseline.py gguf FOLDER TARGET f32|f16|q8_0              the folder's weights as llama.cpp reads them

One thread; least processor time of the process over the repeats, after two that do not count. Exit status 3: a package is missing.
"""
import json
import os
import pathlib
import sys
import tempfile
import time

LENGTHS = (32, 128, 512)


def ids_of(n):
    return [101] + [999 + i for i in range(1, n - 1)] + [102]


def measure(repeats, run, how):
    """run(ids) -> pooled vector."""
    for n in LENGTHS:
        ids, least = ids_of(n), 1e9
        for i in range(-2, repeats):
            start = time.process_time()
            vector = run(ids)
            if i >= 0:
                least = min(least, time.process_time() - start)
        print(json.dumps({"what": "encode", "how": how, "tokens": n, "ms": 1e3 * least, "vector": [round(float(v), 6) for v in vector]}), flush=True)


def by_onnxruntime(folder, how, repeats):
    """ONNX Runtime with its own fused operators (tests/parity/encoders/run.py makes the graph); int8: its dynamic quantisation."""
    import numpy as np
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/parity/encoders"))
    import run as parity
    graph = parity.onnx_graph(folder)
    if how == "int8":
        with tempfile.TemporaryDirectory() as d:
            onnx.save(graph, d + "/f.onnx")
            quantize_dynamic(d + "/f.onnx", d + "/q.onnx", weight_type=QuantType.QInt8, per_channel=True,
                             extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
            session = parity.session(d + "/q.onnx")
    else:
        session = parity.session(graph.SerializeToString())

    def run(ids):
        a = np.array([ids], np.int32)
        return parity.pooled(session.run(None, {"ids": a, "types": np.zeros_like(a), "mask": np.ones_like(a)})[0][0])
    measure(repeats, run, how)


def by_torch(folder, how, repeats):
    """PyTorch with the transformers library; int8: torch's dynamic quantisation of linear layers."""
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"  # read when torch is loaded; what it picks by itself may be ten times slower
    import torch
    from transformers import BertModel
    torch.set_num_threads(1)
    model = BertModel.from_pretrained(folder).eval()
    if how == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)

    def run(ids):
        with torch.no_grad():
            v = model(torch.tensor([ids]))[0][0].mean(0)
            return v / v.norm()
    measure(repeats, run, how)


BLOCK = {"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
         "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up",
         "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm"}
FRONT = {"embeddings.word_embeddings.weight": "token_embd.weight", "embeddings.position_embeddings.weight": "position_embd.weight",
         "embeddings.token_type_embeddings.weight": "token_types.weight", "embeddings.LayerNorm.weight": "token_embd_norm.weight",
         "embeddings.LayerNorm.bias": "token_embd_norm.bias"}


def write_gguf(folder, target, how):
    import gguf
    import numpy as np
    from safetensors.numpy import load_file
    config = json.load(open(os.path.join(folder, "config.json")))
    weights = load_file(os.path.join(folder, "model.safetensors"))
    w = gguf.GGUFWriter(target, "bert")
    w.add_block_count(config["num_hidden_layers"])
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_layer_norm_eps(config["layer_norm_eps"])
    w.add_causal_attention(False)
    w.add_pooling_type(gguf.PoolingType.MEAN)
    w.add_token_type_count(config["type_vocab_size"])
    tokens = open(os.path.join(folder, "vocab.txt"), encoding="utf-8").read().splitlines()
    special = {t: i for i, t in enumerate(tokens) if t in ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")}
    w.add_tokenizer_model("bert")
    w.add_tokenizer_pre("default")
    # llama.cpp marks beginnings of words where BERT marks the rest.
    w.add_token_list([t if t in special else t[2:] if t.startswith("##") else "\u2581" + t for t in tokens])
    w.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens])
    w.add_bos_token_id(special["[CLS]"])
    w.add_sep_token_id(special["[SEP]"])
    w.add_pad_token_id(special["[PAD]"])
    w.add_unk_token_id(special["[UNK]"])
    w.add_mask_token_id(special["[MASK]"])
    kind = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16, "q8_0": gguf.GGMLQuantizationType.Q8_0}[how]
    for name, value in weights.items():
        to = FRONT.get(name)
        if name.startswith("encoder.layer."):
            _, _, layer, rest = name.split(".", 3)
            part, end = rest.rsplit(".", 1)
            to = f"blk.{layer}.{BLOCK[part]}.{end}"
        if to is None:
            continue  # position ids, the pooler
        matrix = value.ndim == 2 and not to.startswith(("position", "token_types"))
        t = kind if matrix else gguf.GGMLQuantizationType.F32
        w.add_tensor(to, gguf.quants.quantize(value.astype(np.float32), t), raw_dtype=t)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    side, folder, *rest = sys.argv[1:]
    try:
        if side == "gguf":
            write_gguf(folder, *rest)
        else:
            {"onnxruntime": by_onnxruntime, "torch": by_torch}[side](folder, rest[0], int(rest[1]))
    except ImportError as e:
        print(e, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
