#!/usr/bin/env python3
"""Writes the tiny checkpoints with known answers that src/embed/encoder_test.cc reads.

  make_tiny.py tests/golden/encoders

Random weights, 16 dimensions, made and run by transformers, the reference implementation; each
folder gets config.json, model.safetensors, vocab.txt, tokenizer_config.json and expected.json (ids,
types, last hidden states, logits). Needs torch and transformers >= 4.48. The files are checked in:
this script runs again only when a family is added.
"""
import json
import os
import sys

import torch

if not hasattr(torch, "compile"):  # torch 1.13, Debian 12's: what newer transformers take for granted
    torch.compile = lambda f=None, **_: f if f is not None else (lambda g: g)

    class LayerNorm(torch.nn.LayerNorm):
        def __init__(self, *args, bias=True, **kwargs):
            super().__init__(*args, **kwargs)
            if not bias:
                del self.bias
                self.register_parameter("bias", None)

    torch.nn.LayerNorm = LayerNorm

import safetensors.torch
import transformers as tf

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(c) for c in range(97, 123)] + [
    "##" + chr(c) for c in range(97, 123)] + ["the", "cat", "sat", "on", "mat", "##s", "!"]
BERT = dict(vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=24, max_position_embeddings=40)
ROBERTA = dict(BERT, pad_token_id=1, max_position_embeddings=42, type_vocab_size=1, layer_norm_eps=1e-5)
MODERN = dict(BERT, num_hidden_layers=4, local_attention=8, global_attn_every_n_layers=3,
              attn_implementation="eager", pad_token_id=0, reference_compile=False)


def cases():
    yield "bert_embed", tf.BertModel(tf.BertConfig(**BERT)), None
    yield "bert_sequence", tf.BertForSequenceClassification(tf.BertConfig(**BERT, num_labels=3)), None
    yield "bert_token", tf.BertForTokenClassification(tf.BertConfig(
        **BERT, num_labels=5, hidden_act="gelu_new")), None
    yield "bert_pair", tf.BertForSequenceClassification(tf.BertConfig(**BERT, num_labels=1)), None
    yield "roberta_sequence", tf.RobertaForSequenceClassification(tf.RobertaConfig(**ROBERTA, num_labels=2)), None
    yield "roberta_token", tf.RobertaForTokenClassification(tf.RobertaConfig(**ROBERTA, num_labels=3)), None
    yield "xlm_roberta_pair", tf.XLMRobertaForSequenceClassification(tf.XLMRobertaConfig(**ROBERTA, num_labels=1)), None
    distil = tf.DistilBertConfig(vocab_size=len(WORDS), dim=16, n_layers=2, n_heads=2, hidden_dim=24,
                                 max_position_embeddings=40, num_labels=3)
    yield "distilbert_sequence", tf.DistilBertForSequenceClassification(distil), torch.float16
    yield "distilbert_token", tf.DistilBertForTokenClassification(distil), None
    mpnet = tf.MPNetConfig(**dict(ROBERTA, num_labels=2))
    yield "mpnet_sequence", tf.MPNetForSequenceClassification(mpnet), None
    yield "modernbert_embed", tf.ModernBertModel(tf.ModernBertConfig(**MODERN)), None
    yield "modernbert_sequence", tf.ModernBertForSequenceClassification(tf.ModernBertConfig(
        **MODERN, num_labels=3, classifier_pooling="cls")), None
    yield "modernbert_mean", tf.ModernBertForSequenceClassification(tf.ModernBertConfig(
        **MODERN, num_labels=3, classifier_pooling="mean")), None
    yield "modernbert_token", tf.ModernBertForTokenClassification(tf.ModernBertConfig(
        **MODERN, num_labels=4)), torch.bfloat16


def randomise(model, dtype):
    with torch.no_grad():
        for name, p in model.named_parameters():
            base = 1.0 if "orm" in name and name.endswith("weight") else 0.0
            p.copy_(base + 0.25 * torch.randn_like(p))
            if dtype is not None:
                p.copy_(p.to(dtype).to(torch.float32))


def numbers(t):
    return [float("%.7g" % v) for v in t.flatten().tolist()]


def expected(name, model):
    out = []
    for length in (3, 12, 33):
        ids = torch.randint(5, len(WORDS), (1, length))
        ids[0, 0], ids[0, -1] = 2, 3
        types = torch.zeros_like(ids)
        if name.endswith("_pair") and model.config.type_vocab_size > 1:
            types[0, length // 2:] = 1
        inputs = dict(input_ids=ids, attention_mask=torch.ones_like(ids))
        if model.config.model_type in ("bert", "roberta", "xlm-roberta"):
            inputs["token_type_ids"] = types
        with torch.no_grad():
            r = model(**inputs)
            states = model.base_model(**inputs).last_hidden_state
        case = dict(ids=ids[0].tolist(), types=types[0].tolist(), states=numbers(states))
        if hasattr(r, "logits"):
            case["logits"] = numbers(r.logits)
        out.append(case)
    return out


def main(out):
    torch.manual_seed(7)
    for name, model, dtype in cases():
        model.eval()
        randomise(model, dtype)
        at = os.path.join(out, name)
        os.makedirs(at, exist_ok=True)
        model.config.architectures = [type(model).__name__]
        model.config.to_json_file(os.path.join(at, "config.json"))
        tensors = {k: v.to(dtype or torch.float32).contiguous() for k, v in model.state_dict().items()
                   if v.dtype.is_floating_point}
        safetensors.torch.save_file(tensors, os.path.join(at, "model.safetensors"))
        with open(os.path.join(at, "vocab.txt"), "w", encoding="utf-8") as f:
            f.write("\n".join(WORDS) + "\n")
        with open(os.path.join(at, "tokenizer_config.json"), "w", encoding="utf-8") as f:
            json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True}, f)
        with open(os.path.join(at, "expected.json"), "w", encoding="utf-8") as f:
            json.dump(expected(name, model), f, separators=(",", ":"))


if __name__ == "__main__":
    main(sys.argv[1])
