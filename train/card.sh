#!/bin/sh
# Trains verdicts for some eight minutes on a machine with one card, Python 3.12, PyTorch and no network.
#
#   sh card.sh pack PROMPTS BASE FOLDER   here: pieces of at most 56 MiB in FOLDER/01, FOLDER/02, …
#   sh NN/card.sh take NN                 there, for each piece in order; the last one unpacks all
#   OUT=RESULTS sh card.sh train [ARG…]   there, in $CARD: at most eight files in RESULTS; more arguments go to `verdict`
#   sh card.sh join RESULTS FOLDER        here: the adapter, as `verdict` writes it
#
# PROMPTS is what `render` wrote, BASE the GGUF file that it was rendered for. `pack` asks the Python of $PYTHON (python3), in
# which this package is installed, which versions to carry.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export CARD="${CARD:-/tmp/lunette-card}"
PYTHON="${PYTHON:-python3}"

pack() {
    prompts=$1 base=$2 folder=$3
    mkdir -p "$folder/load/wheels"
    # PyTorch is there, in the build that fits the card.
    "$PYTHON" -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' |
        grep -v -i -E '^(torch|triton|nvidia|cuda|lunette)' > "$folder/versions.txt"
    "$PYTHON" -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux2014_x86_64 --dest "$folder/load/wheels" --requirement "$folder/versions.txt"
    cp -r "$here/lunette_train" "$here/card.sh" "$folder/load/"
    cp "$prompts" "$folder/load/prompts.npz"
    cp "$base" "$folder/load/base.gguf"
    # Numbers of two digits for the pieces; each has this script, to be taken with.
    (cd "$folder/load" && tar cf - .) | split -b 55m -d -a 2 - "$folder/part."
    last=$(find "$folder" -name 'part.*' | wc -l)
    for part in "$folder"/part.*; do
        number=$(printf '%02d' $((1${part##*.} - 99)))
        mkdir -p "$folder/$number"
        mv "$part" "$folder/$number/part"
        cp "$here/card.sh" "$folder/$number/"
        echo "$last" > "$folder/$number/last"
    done
    rm -r "$folder/load" "$folder/versions.txt"
    du -sm "$folder"/[0-9]*
}

take() {
    mkdir -p "$CARD/parts"
    number=$(basename "$1")
    cp "$here/part" "$CARD/parts/$number"
    count=$(find "$CARD/parts" -type f | wc -l)
    echo "{\"event\": \"taken\", \"piece\": \"$number\", \"pieces\": $count, \"of\": $(cat "$here/last")}"
    if [ "$count" -eq "$(cat "$here/last")" ]; then
        cat "$CARD"/parts/* | tar xf - -C "$CARD"
        rm -r "$CARD/parts"
        python3 -m pip install --quiet --no-index --no-deps --no-compile --target "$CARD/site" "$CARD"/wheels/*.whl
        echo '{"event": "unpacked"}'
    fi
}

train() {
    cd "$CARD"
    export PYTHONPATH="$CARD/site:$CARD" PYTHONUNBUFFERED=1
    # A card has room for long rows, and for many at once.
    python3 -m lunette_train verdict --prompts prompts.npz --weights base.gguf --out run --epochs 2 --budget 8192 \
        --accumulate 2 --save-every 50 --minutes 8 "$@"
    [ -n "${OUT:-}" ] || return 0
    # The largest file that comes back has 16 MiB.
    for name in adapter adapter-so-far; do
        if [ -d "run/$name" ]; then
            split -b 15m -d -a 1 "run/$name/adapter_model.safetensors" "$OUT/adapter.part"
            cp "run/$name/adapter_config.json" "$OUT/"
            break
        fi
    done
    cp run/log.jsonl "$OUT/"
}

join() {
    mkdir -p "$2"
    cat "$1"/adapter.part* > "$2/adapter_model.safetensors"
    cp "$1/adapter_config.json" "$2/"
}

command=$1
shift
"$command" "$@"
