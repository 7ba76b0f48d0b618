#!/bin/sh
# sh heads.sh math|preference DATA: trains the head of a reward model for Qwen2.5-Coder-0.5B, writes run/NAME.gguf and measures it.
# DATA is the folder of the labelled sets. It takes the venv of the README, the program and the model as the README builds them.
# Called again it goes on where it was interrupted.
set -eu
name=${1:-} data=${2:-}
stage() { venv/bin/python -m lunette_train "$@"; }
base=../models/Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf
engine="--lunette ../target/release/lunette --base $base"

case $name in
math)
  # Every right solution beside every wrong one; the looks of the four models that wrote them are left in.
  curated="--sources outcomes --unbalanced"
  trained="--across --epochs 2 --validate 0.08 --validate-every 15 --patience 4"
  measured="--sets solutions chains"
  ;;
preference)
  # Without LLMBar's adversarial pairs, in which the shorter response wins. Balancing would take away what is learned first.
  curated="--sources hh-rlhf pandalm llmbar truthfulqa --unbalanced"
  trained="--sources hh-rlhf pandalm llmbar-mt-bench llmbar-llmeval llmbar-faireval truthfulqa
    --validate 0.04 --validate-every 20 --patience 6 --most-tokens 448"
  measured="--sets pairs"
  ;;
*)
  sed -n 2,4p "$0" >&2
  exit 2
  ;;
esac

[ -e "run/$name.jsonl" ] || stage curate --data "$data" --out "run/$name.jsonl" $curated
[ -e run/base/config.json ] || stage unpack --base $base --out run/base
stage reward --rows "run/$name.jsonl" --out "run/$name" $engine --weights run/base \
  --upper 0.5 --rank 8 --alpha 16 --rate 2e-4 --accumulate 2 $trained
stage export --adapter "run/$name/adapter" --base $base --out "run/$name.gguf" --type q8_0 --name "Lunette reward: $name"
stage reward-dev --data "$data" --head "run/$name.gguf" --out "run/$name-dev" $engine --weights run/base $measured
