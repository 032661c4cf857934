#!/bin/sh
# Builds baseline and candidate of the example concurrent_inference and proves that the candidate
# was built with the profile: a thin front of `cargo xtask pgo verify`, which says what it builds,
# trains and checks. Options are passed on: `./crates/inference/build-pgo-concurrent.sh --help`.
set -eu
cd "$(dirname "$0")/../.."
exec cargo xtask pgo verify "$@"
