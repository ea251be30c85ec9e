#!/usr/bin/env python3
"""Token for token: Switchyard's tokenizers against the reference library, on real files and on small ones trained here.
   run.py DIR SWY_TOKENIZE [--only NAME] [--speed]
DIR is filled by setup.sh. Every check compares ids, type ids, the special mask and byte offsets. Exit status 1 names each
check that failed, with the first texts that differ. --speed prints megabytes per second of both sides instead."""
import json
import os
import pathlib
import subprocess
import sys
import time

if "--speed" in sys.argv:
    os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import corpus

DIR = pathlib.Path(sys.argv[1])
OURS = sys.argv[2]
ONLY = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
failed = []
counts = {"checks": 0, "texts": 0}


def ours(path, texts, *args):
    data = b"".join(str(len(t)).encode() + b"\n" + t for t in texts)
    done = subprocess.run([OURS, str(path), *args], input=data, capture_output=True, check=False)
    if done.returncode != 0:
        return done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
    return [tuple(line.split("\t")) for line in done.stdout.decode().split("\n")[:-1]]


def decode(data):
    """The text as the reference gets it, and for each of its characters where it begins in the bytes."""
    text, places, at = [], [], 0
    while at < len(data):
        size = 1
        for n in (1, 2, 3, 4):
            try:
                text.append(data[at:at + n].decode())
                size = n
                break
            except UnicodeDecodeError as e:
                if n == 4 or at + n >= len(data) or e.reason != "unexpected end of data":
                    text.append("\ufffd")
                    size = max(1, e.end - e.start)
                    break
        places.append(at)
        at += size
    places.append(len(data))
    assert "".join(text) == data.decode(errors="replace")
    return "".join(text), places


def expected(encoding, places):
    ids = ",".join(map(str, encoding.ids))
    types = ",".join(map(str, encoding.type_ids))
    special = ",".join(map(str, encoding.special_tokens_mask))
    spans = []
    for (a, b), sequence in zip(encoding.offsets, encoding.sequence_ids):
        table = places[sequence or 0]
        spans.append(f"{table[a]}-{table[b]}")
    return ids, types, special, ",".join(spans)


def check(name, path, reference, texts, pair=False, limit=None, add_special=True, offsets=True):
    if ONLY and ONLY not in name:
        return
    counts["checks"] += 1
    reference.no_padding()
    if limit is None:
        reference.no_truncation()
    else:
        reference.enable_truncation(limit)
    data = [t if isinstance(t, bytes) else t.encode() for t in texts]
    decoded = [decode(d) for d in data]
    args = ([] if add_special else ["--no-special"]) + (["--pair"] if pair else []) + ([] if limit is None else ["--max", str(limit)])
    got = ours(path, data, *args)
    if isinstance(got, str):
        failed.append(f"{name}: {got}")
        print(failed[-1])
        return
    if pair:
        groups = list(zip(decoded[::2], decoded[1::2]))
        wanted = [expected(reference.encode(a[0], b[0], add_special_tokens=add_special), (a[1], b[1])) for a, b in groups]
        shown = [(a[0], b[0]) for a, b in groups]
    else:
        encodings = reference.encode_batch([d[0] for d in decoded], add_special_tokens=add_special)
        wanted = [expected(e, (d[1],)) for e, d in zip(encodings, decoded)]
        shown = [d[0] for d in decoded]
    counts["texts"] += len(wanted)
    wrong = [i for i in range(len(wanted)) if wanted[i][:3 + offsets] != got[i][:3 + offsets]]
    print(f"{name}: {len(wanted) - len(wrong)} of {len(wanted)} texts alike")
    if wrong:
        failed.append(f"{name}: {len(wrong)} of {len(wanted)} texts differ")
        for i in wrong[:3]:
            print(f"  {ascii(shown[i])[:300]}")
            for what, w, g in zip(("ids", "types", "special", "offsets"), wanted[i], got[i]):
                if w != g:
                    print(f"    {what}: reference {w[:300]}\n    {what}: ours      {g[:300]}")


def saved(name, tokenizer):
    path = DIR / "trained" / name / "tokenizer.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return path


def real(texts, bad):
    for name in ("minilm", "claude", "llama2", "llama3", "qwen3", "gpt4o"):
        path = DIR / name / "tokenizer.json"
        if not path.exists():
            print(f"{name}: not here, left out")
            continue
        reference = Tokenizer.from_file(str(path))
        check(f"real {name}", path, reference, texts)
        check(f"real {name}, malformed", path, reference, bad)
        check(f"real {name}, pairs", path, reference, texts[:400], pair=True)
        check(f"real {name}, no special", path, reference, texts[:200], add_special=False)
        for limit in (5, 16, 33):
            check(f"real {name}, {limit} tokens", path, reference, texts[:300], limit=limit)
            check(f"real {name}, pairs of {limit} tokens", path, reference, texts[-400:], pair=True, limit=limit)
    vocab = DIR / "minilm"
    if (vocab / "vocab.txt").exists():
        folder = DIR / "minilm_vocab"
        folder.mkdir(exist_ok=True)
        for name in ("vocab.txt", "tokenizer_config.json"):
            (folder / name).write_bytes((vocab / name).read_bytes())
        check("vocab.txt", folder, Tokenizer.from_file(str(vocab / "tokenizer.json")), texts[:500])


def trained_word_piece(texts):
    for name, lower, accents, prefix, most in (("uncased", True, None, "##", 100), ("cased", False, None, "##", 20), ("accents", True, False, "@@", 100)):
        t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=most, continuing_subword_prefix=prefix))
        t.normalizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=accents)
        t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        t.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=1500, special_tokens=special, continuing_subword_prefix=prefix, show_progress=False))
        t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
        t.add_tokens([AddedToken("Fox Jumps", normalized=True), AddedToken("lazy", single_word=True, normalized=False), AddedToken("日本", lstrip=True, rstrip=True)])
        t.add_special_tokens([AddedToken("<|im|>", lstrip=True, special=True)])
        extra = ["a fox jumps over FOX JUMPS lazy lazyness  日本  x <|im|> y", "lazy", "xlazy lazyx lazy.", "  <|im|>  <|im|>lazy", "日本日本"]
        check(f"WordPiece {name}", saved(f"wordpiece_{name}", t), t, texts + extra)
        check(f"WordPiece {name}, pairs", DIR / "trained" / f"wordpiece_{name}" / "tokenizer.json", t, texts[:300] + extra[:4], pair=True)


def trained_bpe(texts):
    def train(model, **options):
        t = Tokenizer(model)
        for key, value in options.get("parts", {}).items():
            setattr(t, key, value)
        special = options.get("special", ["<unk>", "<s>", "</s>", "<pad>", "<mask>"])
        t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=options.get("size", 2500), special_tokens=special, show_progress=False, **options.get("trainer", {})))
        return t

    level = pre_tokenizers.ByteLevel
    alphabet = {"initial_alphabet": level.alphabet()}
    for name, prefix, trim in (("gpt2", False, True), ("prefix", True, True), ("untrimmed", True, False)):
        t = train(models.BPE(), parts={"pre_tokenizer": level(add_prefix_space=prefix)}, trainer=alphabet)
        t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1), trim_offsets=trim, add_prefix_space=prefix)
        t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
        check(f"BPE byte-level {name}", saved(f"bpe_{name}", t), t, texts + ["a <mask> b", "  <mask>", "x<mask>y <mask>"])
        check(f"BPE byte-level {name}, pairs", DIR / "trained" / f"bpe_{name}" / "tokenizer.json", t, texts[:300], pair=True, limit=20)
        check(f"BPE byte-level {name}, pairs, no special", DIR / "trained" / f"bpe_{name}" / "tokenizer.json", t, texts[:300], pair=True, add_special=False)
    t = train(models.BPE(), parts={"pre_tokenizer": level(add_prefix_space=False, use_regex=False)}, trainer=alphabet)
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    check("BPE byte-level, whole texts", saved("bpe_whole", t), t, texts)
    document = json.loads(t.to_str())
    document["model"]["ignore_merges"] = True
    document["model"]["merges"] = document["model"]["merges"][:200]
    path = saved("bpe_ignore", t)
    path.write_text(json.dumps(document))
    check("BPE ignore_merges", path, Tokenizer.from_file(str(path)), texts)
    document["model"]["ignore_merges"] = False
    document["model"]["merges"] = [" ".join(m) for m in document["model"]["merges"]]
    path.write_text(json.dumps(document))
    check("BPE merges as texts", path, Tokenizer.from_file(str(path)), texts)
    few = {"limit_alphabet": 60}
    white = {"pre_tokenizer": pre_tokenizers.Whitespace(), "normalizer": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])}
    for fuse in (False, True):
        t = train(models.BPE(unk_token="<unk>", fuse_unk=fuse), parts=white, trainer=few)
        check(f"BPE unknown, fuse {fuse}", saved(f"bpe_unk_{fuse}", t), t, texts)
    t = train(models.BPE(), parts=white, trainer=few)
    check("BPE without unknown", saved("bpe_no_unk", t), t, texts, offsets=False)
    t = train(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), parts={"pre_tokenizer": pre_tokenizers.WhitespaceSplit()}, trainer={"end_of_word_suffix": "</w>", **few})
    check("BPE suffix", saved("bpe_suffix", t), t, texts)
    t = train(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), parts={"pre_tokenizer": pre_tokenizers.BertPreTokenizer()},
              trainer={"continuing_subword_prefix": "##", **few})
    check("BPE prefix", saved("bpe_cont", t), t, texts)
    for fuse in (False, True):
        fall_back = train(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=fuse), parts={"pre_tokenizer": pre_tokenizers.Metaspace(prepend_scheme="first")},
                          special=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256 if fuse else 200)], trainer=few)
        document = json.loads(fall_back.to_str())
        document["added_tokens"] = document["added_tokens"][:3]
        path = saved(f"bpe_fallback_{fuse}", fall_back)
        path.write_text(json.dumps(document))
        check(f"BPE byte fallback {fuse}", path, Tokenizer.from_file(str(path)), texts)


def charsmap(texts):
    """The real character map of SentencePiece (nmt_nfkc), out of a model trained here."""
    import io

    import sentencepiece
    model = io.BytesIO()
    lines = [t.replace("\n", " ")[:2000] for t in texts if "\0" not in t and t.strip()]
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, vocab_size=4000, normalization_rule_name="nmt_nfkc", hard_vocab_limit=False,
                                             minloglevel=2, character_coverage=0.98)
    loaded = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    # ModelProto.normalizer_spec (3) . precompiled_charsmap (2)
    spec = protobuf_field(model.getvalue(), 3)
    return protobuf_field(spec, 2), [(loaded.id_to_piece(i), loaded.get_score(i)) for i in range(len(loaded))]


def protobuf_field(data, wanted):
    """The last length-delimited field of this number in a protocol buffer message."""
    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 128:
                return value, at
    at, found = 0, None
    while at < len(data):
        key, at = varint(at)
        if key & 7 == 2:
            size, at = varint(at)
            if key >> 3 == wanted:
                found = data[at:at + size]
            at += size
        elif key & 7 == 0:
            _, at = varint(at)
        else:
            at += 4 if key & 7 == 5 else 8
    return found


def trained_unigram(texts, charmap, pieces):
    training = [x[:500] for x in texts if max(map(ord, x), default=0) < 0x250] + corpus.SCRIPTS[:5]
    meta = pre_tokenizers.Metaspace
    for name, parts, size in (
            ("metaspace", {"pre_tokenizer": meta(prepend_scheme="always"), "normalizer": normalizers.NFKC()}, 1200),
            ("first", {"pre_tokenizer": meta(prepend_scheme="first")}, 900),
            ("never, unsplit", {"pre_tokenizer": meta(prepend_scheme="never", split=False), "normalizer": normalizers.Nmt()}, 900),
            ("bytes", {"pre_tokenizer": pre_tokenizers.ByteLevel()}, 900),
            ("xlm", {"pre_tokenizer": pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), meta()]), "normalizer": normalizers.NFC()}, 1500)):
        t = Tokenizer(models.Unigram())
        for key, value in parts.items():
            setattr(t, key, value)
        t.train_from_iterator(training, trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>"], show_progress=False))
        t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 1), ("</s>", 2)])
        check(f"Unigram {name}", saved(f"unigram_{name}", t), t, texts)
        check(f"Unigram {name}, pairs", DIR / "trained" / f"unigram_{name}" / "tokenizer.json", t, texts[:300], pair=True, limit=17)
    for fallback in (False, True):
        vocab = [(f"<0x{b:02X}>", 0.0) for b in range(256)] if fallback else []
        t = Tokenizer(models.Unigram([("<unk>", 0.0)] + [p for p in pieces if p[0] not in ("<unk>",)] + vocab, 0, fallback))
        t.normalizer = normalizers.Sequence([normalizers.Precompiled(charmap), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
        t.pre_tokenizer = meta(prepend_scheme="always")
        check(f"Unigram charsmap, fallback {fallback}", saved(f"unigram_spm_{fallback}", t), t, texts)


def bytes_model():
    """Writes a text as its bytes, so that the normalizer in front is seen as it is."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    t = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return t


def all_normalizers(texts, charmap):
    steps = {
        "NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD(), "Lowercase": normalizers.Lowercase(),
        "StripAccents": normalizers.StripAccents(), "Nmt": normalizers.Nmt(), "Strip": normalizers.Strip(), "Strip left": normalizers.Strip(right=False),
        "Prepend": normalizers.Prepend("▁x"), "Replace": normalizers.Replace(" ", "▁▁"), "Replace pattern": normalizers.Replace(Regex(r"\s+|x(?=y)|[0-9]{2,}"), "-"),
        "Replace long": normalizers.Replace("th", ""), "Bert": normalizers.BertNormalizer(), "Bert bare": normalizers.BertNormalizer(False, False, False, False),
        "Bert accents": normalizers.BertNormalizer(True, True, True, False), "Charsmap": normalizers.Precompiled(charmap),
        "Sequence": normalizers.Sequence([normalizers.Prepend(" "), normalizers.Replace(" ", "▁"), normalizers.NFKD(), normalizers.Lowercase(), normalizers.Replace("a", "bb")]),
    }
    for name, step in steps.items():
        t = bytes_model()
        t.normalizer = step
        path = saved("normalizer_" + name.replace(" ", "_"), t)
        check(f"normalizer {name}", path, t, texts)
        check(f"normalizer {name}, all code points", path, t, corpus.all_code_points(16))


def all_pre_tokenizers(texts):
    p = pre_tokenizers
    gpt4 = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    llama = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    steps = {
        "Bert": p.BertPreTokenizer(), "Whitespace": p.Whitespace(), "WhitespaceSplit": p.WhitespaceSplit(), "ByteLevel": p.ByteLevel(add_prefix_space=False),
        "ByteLevel prefix": p.ByteLevel(), "Metaspace": p.Metaspace(), "Metaspace never": p.Metaspace(prepend_scheme="never"), "Digits": p.Digits(), "Digits each": p.Digits(True),
        "Delimiter": p.CharDelimiterSplit("e"), "Split gpt4": p.Split(Regex(gpt4), "isolated"), "Split gpt2": p.Split(Regex(gpt2), "removed", invert=True),
        "Split llama": p.Split(Regex(llama), "isolated"), "Split qwen": p.Split(Regex(llama.replace("{1,3}", "")), "isolated"), "Split empty": p.Split(Regex("x*"), "isolated"),
        "Sequence": p.Sequence([p.WhitespaceSplit(), p.Punctuation("merged_with_previous"), p.Digits(True), p.Metaspace(prepend_scheme="first")]),
    }
    for behavior in ("removed", "isolated", "contiguous", "merged_with_previous", "merged_with_next"):
        steps[f"Punctuation {behavior}"] = p.Punctuation(behavior)
        steps[f"Split text {behavior}"] = p.Split("th", behavior)
        steps[f"Split pattern {behavior}"] = p.Split(Regex(r"[aeiou]|\s"), behavior, invert=behavior[0] == "c")
    for name, step in steps.items():
        t = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]", max_input_chars_per_word=1))
        t.pre_tokenizer = step
        path = saved("pre_" + name.replace(" ", "_"), t)
        # Not matched by hand: Oniguruma here may know an older Unicode than the one in the reference.
        wanted = corpus.is_old if name == "Split gpt4" else lambda text: True
        check(f"pre-tokenizer {name}", path, t, [x for x in texts if wanted(x)])
        if "Split t" not in name and "Split p" not in name:
            check(f"pre-tokenizer {name}, all code points", path, t, corpus.all_code_points(16, wanted))


def speed(texts):
    texts = [t for t in texts if t]
    data = [t.encode() for t in texts]
    total = sum(map(len, data))
    print(f"{len(texts)} texts, {total / 1e6:.1f} MB, one thread, processor time, best of 5 rounds; tokenizers {tokenizers.__version__}")
    for name in ("minilm", "claude", "llama2", "llama3", "qwen3", "gpt4o", "trained/unigram_spm_False", "trained/unigram_xlm"):
        path = DIR / name / "tokenizer.json"
        if not path.exists():
            continue
        reference = Tokenizer.from_file(str(path))
        reference.no_padding()
        reference.no_truncation()
        best = 0
        for _ in range(5):
            begin = time.process_time()
            reference.encode_batch_fast(texts)
            best = max(best, total / (time.process_time() - begin))
        mine = int(ours(path, data, "--time", "5")[0][0])
        print(f"{name:28} ours {mine / 1e6:7.1f} MB/s   reference {best / 1e6:6.1f} MB/s   x {mine / best:.1f}")


def main():
    texts = corpus.valid_texts(2500) + corpus.prompts(500)
    if "--speed" in sys.argv:
        prompts = corpus.prompts(3000)
        speed(prompts if len(prompts) > 100 else corpus.valid_texts(4000))
        return
    training = corpus.valid_texts(900, seed=3)
    real(texts, corpus.malformed(1000))
    trained_word_piece(texts)
    trained_bpe(texts)
    charmap, pieces = charsmap(training)
    trained_unigram(texts, charmap, pieces)
    all_normalizers(texts, charmap)
    all_pre_tokenizers(texts)
    print(f"{counts['checks']} checks, {counts['texts']} texts, tokenizers {tokenizers.__version__}")
    print("\n".join(failed) if failed else "all alike")
    sys.exit(1 if failed else 0)


main()
