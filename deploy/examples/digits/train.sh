#!/bin/sh
# Runs the training with whichever language the task has. RUNTIME=python3 or RUNTIME=node decides it by hand.
set -eu
cd "$(dirname "$0")"

# A python3 on the PATH may be a launcher without a Python behind it, so it is tried, not only looked for.
works() { command -v "$1" >/dev/null 2>&1 && "$@" >/dev/null 2>&1; }

if [ -z "${RUNTIME:-}" ]; then
  if works python3 -c 'import json, argparse'; then RUNTIME=python3
  elif works node --version; then RUNTIME=node
  else
    echo "train.sh: this task has neither python3 nor node" >&2
    exit 127
  fi
fi
case "$RUNTIME" in
  python3) exec python3 train.py "$@" ;;
  node) exec node train.mjs "$@" ;;
  *) echo "train.sh: RUNTIME must be python3 or node, not $RUNTIME" >&2; exit 2 ;;
esac
