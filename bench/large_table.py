#!/usr/bin/env python3
"""A made outcome table of any size, for measuring memory: large_table.py ROWS OUT.jsonl [MODELS]

Prompts of about 60 bytes: ten words of 20,000 (the more frequent the lower their number, Zipf) of which one in three belongs to
the row's domain, of eight. A model's chance to be right depends on the domain and on one word. What was measured with it:
docs/reference/outcome-tables.md, "Large tables".
"""
import random
import sys

DOMAINS = ["algebra", "biology", "code", "drama", "economy", "french", "geometry", "history"]


def main():
    rows, path = int(sys.argv[1]), sys.argv[2]
    models = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    rng = random.Random(1)
    common = [f"w{int(20_000 ** rng.random())}" for _ in range(1 << 16)]
    own = {d: [f"{d[:3]}{int(500 ** rng.random())}" for _ in range(1 << 12)] for d in DOMAINS}
    with open(path, "w", buffering=1 << 22) as out:
        for i in range(rows):
            at = rng.randrange(len(DOMAINS))
            domain = DOMAINS[at]
            bits = rng.getrandbits(250)
            words = [common[bits >> (16 * k) & 0xFFFF] for k in range(7)] + [own[domain][bits >> (120 + 12 * k) & 0xFFF] for k in range(3)]
            hard = "w1" in words
            cells = []
            for m in range(models):
                chance = 0.2 + 0.6 * m / models + (0.2 if (at + m) % 3 == 0 else 0) - (0.15 if hard else 0)
                cells.append(f'"m{m}":{{"correct":{int((bits >> (160 + 16 * (m % 5)) & 0xFFFF) < 65536 * chance)},"tokens_in":16,'
                             f'"tokens_out":{40 + 10 * m},"cost":{(1 + 4 * m) * 1e-6:.6f}}}')
            out.write(f'{{"id":"r{i}","dataset":"made","domain":"{domain}","prompt":"{" ".join(words)}","models":{{{",".join(cells)}}}}}\n')


if __name__ == "__main__":
    main()
