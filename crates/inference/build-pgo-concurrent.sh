#!/bin/sh
# Builds the verified pair for the inference engine: baseline and candidate.
#
# A thin front of `cargo xtask pgo`'s single steps. Options such as --out DIR go to each of them.
# The last two lines on standard output are the binaries.
set -eu
cd "$(dirname "$0")/../.."

for step in train merge optimize verify; do
    echo "== cargo xtask pgo $step" >&2
    cargo xtask pgo "$step" "$@"
done
