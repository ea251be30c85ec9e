"""Texts for the parity test, all from one seed: words of several scripts, code, emoji, marks, controls, long words, random
code points, malformed bytes; and prompts from the shared data where they lie beside the repository."""
import gzip
import json
import pathlib
import random
import unicodedata

ENGLISH = """The quick brown fox jumps over the lazy dog. I've been told that they're coming; we'll see! "Isn't it
odd," she said -- 'twas 3:45 p.m., about $12.50 (or 1,234,567.89 EUR), e-mail: a.b+c@example.org. What's the cause of the
2008 crisis? Explain step-by-step, with at least two examples. YOU'LL SEE; HE'D SAY: don't re-do O'Neill's work.
Translate the following sentence into French, then summarise the article in one paragraph for a ten-year-old reader."""
CODE = """def f(x: int, *args, **kw) -> dict[str, float]:
\treturn {k: v ** 2 / 3.14e-10 for k, v in kw.items() if not k.startswith("__")}  # naïve
#include <vector>\r\nint main() { std::vector<int> v{1,2,3}; for (auto&& x : v) { x <<= 2; } return v[0] != 0x1F; }
SELECT a.id, COUNT(*) FROM t AS a JOIN u USING (id) WHERE a.name LIKE '%_x' GROUP BY 1 HAVING COUNT(*) > 10;
<div class="a b" style='x:1'>&nbsp;&amp;<!-- c --></div>\n\n\n    if (a&&b||!c) {\n        return;\n    }\n"""
SCRIPTS = [
    "東京都は日本の首都です。人工知能(AI)の研究が進んでいます。", "我喜欢学习机器学习，尤其是自然语言处理！", "안녕하세요, 한국어 문장입니다.",
    "مرحبا بالعالم، كيف حالك؟ ١٢٣٤٥", "שָׁלוֹם עוֹלָם", "Привет, мир! Ёлка, йод.", "नमस्ते दुनिया क्षत्रिय", "สวัสดีชาวโลก", "Xin chào thế giới, Đà Nẵng",
    "Ελληνικά: ΟΔΥΣΣΕΥΣ όχι", "İstanbul ığüşöç ẞ straße", "ﬁancé ﬀ Ⅷ ½ ① ㍿ ｆｕｌｌｗｉｄｔｈ ﾊﾟ", "e\u0301 a\u0323\u0302 q\u0307\u0323 Å Å ṩ s\u0323\u0307",
    "👩‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ❤️ ☎ ©‍® 1️⃣", "a\u200db\u200cc\u2060d\ufeffe\u00ade", "\u0000\u0001\u001f\u007f\u0080\u0085\u2028\u2029\ufffd\ue000",
    "¡Hola! ¿Qué tal? «guillemets» „Anführung“ … – — ‘x’ “y”", "한국\u1100\u1161\u11a8 \u0f40\u0f72 \u0bcb \u1b05\u1b35", "I'LL don'ſ 'S 'ſ it'S '’s", "<s>a</s> [CLS] x [MASK].[SEP] <|endoftext|> <unk>",
]


def prompts(limit):
    """Prompts from the shared data, as the other tests find it."""
    root = pathlib.Path(__file__).resolve().parents[2]
    out = []
    for base in (root / "shared/data", root.parent / "shared/data", root.parent.parent / "shared/data"):
        for path in sorted((base / "vsr_cases").glob("*.jsonl.gz")) + sorted((base / "alpaca_eval").glob("alpaca_eval1.jsonl.gz")):
            with gzip.open(path, "rt", errors="replace") as lines:
                for line in lines:
                    collect(json.loads(line), out)
        if out:
            break
    random.Random(5).shuffle(out)
    return out[:limit]


def collect(value, out):
    if isinstance(value, str):
        if 20 < len(value) < 20000:
            out.append(value)
    elif isinstance(value, dict):
        for v in value.values():
            collect(v, out)
    elif isinstance(value, list):
        for v in value:
            collect(v, out)


def random_text(rng):
    ranges = [(0x20, 0x7F)] * 6 + [(0, 0x20), (0x80, 0x250), (0x300, 0x370), (0x370, 0x600), (0x600, 0x900), (0x900, 0x1200),
                                   (0x1100, 0x1200), (0x1E00, 0x2100), (0x2000, 0x2070), (0x3000, 0x3400), (0x4E00, 0xA000), (0xAC00, 0xD7A4), (0xE000, 0x10000),
                                   (0x10000, 0x12000), (0x1F000, 0x1FB00), (0x20000, 0x32400)]
    size = rng.choice([1, 2, 3, 5, 8, 20, 60])
    lo, hi = rng.choice(ranges)
    out = []
    for _ in range(size):
        if rng.random() < 0.4:
            lo, hi = rng.choice(ranges)
        out.append(chr(rng.randrange(lo, hi)))
    return "".join(out)


def valid_texts(count, seed=1):
    rng = random.Random(seed)
    lines = ENGLISH.split("\n") + CODE.split("\n") + SCRIPTS
    words = [w for line in lines for w in line.split(" ") if w]
    out = ["", " ", "  ", "\n", "a", "\r\n", " a", "a ", "  a  b  "] + lines + [ENGLISH, CODE, "\n".join(SCRIPTS)]
    out += ["a" * 99, "a" * 100, "a" * 101, "é" * 100, "é" * 101, "ab" * 3000, "x" * 5000, " " * 3000, "\n" * 1000, "日" * 700, "=" * 777, "👍" * 200, "a'" * 300,
            "the " * 2000, "12345678901234567890" * 20, "\t \t\n \r\n\n  x"]
    while len(out) < count:
        kind = rng.random()
        if kind < 0.4:
            sep = rng.choice([" ", " ", " ", "  ", "", "\n", "\t", "\u00a0", "\u3000"])
            out.append(sep.join(rng.choice(words) for _ in range(rng.randrange(1, 30))))
        elif kind < 0.6:
            out.append(random_text(rng))
        elif kind < 0.8:
            parts = [rng.choice(words + SCRIPTS) if rng.random() < 0.7 else random_text(rng) for _ in range(rng.randrange(1, 12))]
            out.append(rng.choice([" ", "", "\n "]).join(parts))
        else:
            text = rng.choice(lines)
            cut = rng.randrange(len(text) + 1)
            out.append(text[:cut] + rng.choice(["'", " '", "\n\n", "  ", ".", "\u0301", "\u200d", "¨", "▁", "Ġ"]) + text[cut:])
    return out


def malformed(count, seed=2):
    rng = random.Random(seed)
    out = [b"\xff", b"a\xc3", b"\xe2\x82", b"\xe2\x82a", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80\x80", b"\xc0\xaf x", b"\xf4\x90\x80\x80",
           b"\xf8\x88\x80\x80\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"caf\xe9 au lait"]
    sources = [t.encode() for t in valid_texts(400, seed)]
    while len(out) < count:
        data = bytearray(rng.choice(sources)[:400])
        for _ in range(rng.randrange(1, 6)):
            if data:
                at = rng.randrange(len(data))
                action = rng.randrange(3)
                if action == 0:
                    data[at] = rng.randrange(256)
                elif action == 1:
                    del data[at]
                else:
                    data[at:at] = bytes(rng.randrange(128, 256) for _ in range(rng.randrange(1, 4)))
        out.append(bytes(data))
    return out


def is_old(text):
    """Every character was assigned in Unicode 3.2, so that every Unicode table knows it."""
    return all(unicodedata.ucd_3_2_0.category(c) != "Cn" for c in text)


def all_code_points(step, wanted=lambda c: True):
    """Every code point of the planes in use, `step` to a text."""
    cps = [c for c in list(range(0x32400)) + list(range(0xE0000, 0xE0200)) if not 0xD800 <= c <= 0xDFFF and wanted(chr(c))]
    return ["".join("x" + chr(c) + "y " for c in cps[i:i + step]) for i in range(0, len(cps), step)]
