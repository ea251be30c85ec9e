# The three commands: make demo, make test, make bench. Each installs what is missing (tools/packages.txt), configures and
# builds incrementally, then does its work. A second call installs nothing.
.DEFAULT_GOAL := build
JOBS ?= $(shell nproc)
DEV := build/dev
RELEASE := build/release

.PHONY: setup build release demo test unit e2e parity fuzz heads leaderboard asan tsan tidy format bench bench-moe soak clean

setup:
	@tools/bootstrap.sh

build: setup
	@mkdir -p build && (test -f $(DEV)/build.ninja || cmake --preset dev >/dev/null)
	@ninja -C $(DEV) -j$(JOBS) --quiet

release: setup
	@mkdir -p build && (test -f $(RELEASE)/build.ninja || cmake --preset release -DSWY_TESTS=OFF -DSWY_BENCHMARKS=OFF >/dev/null)
	@ninja -C $(RELEASE) -j$(JOBS) --quiet switchyard

# Real prompts routed between models, one line each. Stays up until Ctrl-C; ONCE=1 ends by itself.
demo: release
	@$(RELEASE)/bin/switchyard demo $(if $(ONCE),--once)

# What CI runs: unit, conformance, layering, end to end, decoders under the fuzzer for FUZZ_SECONDS each.
test: build
	@ctest --test-dir $(DEV) --output-on-failure -j$(JOBS) -LE parity
	@$(MAKE) --no-print-directory fuzz

unit: build
	@ctest --test-dir $(DEV) --output-on-failure -j$(JOBS) -L unit
e2e: build
	@ctest --test-dir $(DEV) --output-on-failure -L e2e

# Tokenizers against the reference library, token for token: 20 minutes.
parity: build
	@ctest --test-dir $(DEV) --output-on-failure -L parity

FUZZ_SECONDS ?= 60
fuzz: setup
	@tools/fuzz.sh $(FUZZ_SECONDS)

# A million random cases of every property of the assignment library, where CI runs ten thousand: some minutes.
SOAK_CASES ?= 1000000
soak: build
	@SWY_CASES=$(SOAK_CASES) $(DEV)/src/moe/moe_test

asan tsan: setup
	@cmake --preset $@ >/dev/null && ninja -C build/$@ -j$(JOBS) --quiet && ctest --preset $@ -j$(JOBS)

tidy: setup
	@tools/tidy.sh

format: setup
	@git ls-files '*.cc' '*.h' | xargs clang-format-19 -i

# The shipped heads again, from the shared labelled sets: models/README.md. ENCODER is a folder with all-MiniLM-L6-v2; without it the
# encoder stage of the domain head is left out.
DATA ?= ../shared/data
ENCODER ?=
heads: release
	@tools/heads.py $(DATA) build/heads
	@for name in domain task facts difficulty; do $(RELEASE)/bin/switchyard train signal --data build/heads/$$name.jsonl --out models/heads/$$name.head \
	  --static models/static-en --held-out 0.05 $$(case $$name in facts) echo --bits 14;; difficulty) echo --bits 14 --penalty 1;; esac) \
	  $(if $(ENCODER),$$(test $$name = domain && echo --encoder $(ENCODER) --encoder-name all-MiniLM-L6-v2)) --license "see models/README.md" || exit 1; done

# docs/guide/leaderboard.md again: every estimator on all shared outcome tables. About ten minutes; finished runs are kept in
# out/leaderboard until the program changes.
leaderboard: release
	@tools/leaderboard.py $(RELEASE)/bin/switchyard $(DATA) --jobs $(JOBS)

# Both sides in one run; raw numbers under out/bench. docs/guide/benchmarks.md explains them.
bench: release
	@tools/bench.sh
	@$(MAKE) --no-print-directory bench-moe

# The assignment of tokens to experts alone, beside PyTorch's and ggml's.
bench-moe: release
	@ninja -C $(RELEASE) -j$(JOBS) --quiet swy_moe_bench
	@bench/moe.py

clean:
	@rm -rf build out
