#!/bin/sh
# Usage: compare-revisions.sh [REVISION [OPTION...]]
# Is the engine of this working tree slower than that of the commit where it left REVISION (default:
# main)? Builds both and measures them here and now, in pairs beside an A/A control, on one scenario for
# each use: start, one request, a long prompt, many requests. Each OPTION is one of `cargo xtask compare`,
# as in `--budget 30m --format markdown`; without any the budget is 10m. Prints the comparison; the report
# is in target/compare-revisions. Exit codes are those of `cargo xtask compare`: 10 for slower.
#
# The other revision is checked out to ../inferno-base and stays there, so that the next build is quick:
# `git worktree remove --force ../inferno-base` removes it. Outside of this tree, so that cargo does not
# find this tree's configuration for it.
set -eu
cd "$(dirname "$0")/.."

base=../inferno-base
engine=target/release/examples/concurrent_inference

# Where functions lie in memory moves times by some per cent between any two builds (docs/measuring.md),
# and nothing here can average that out: what is smaller is not called slower.
threshold=0.05

revision=${1:-main}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- --budget 10m

build() {
    # Its own target directory, whatever the environment says: in a shared one cargo takes the other
    # revision's files for up to date where this one's sources are older.
    (cd "$1" && cargo build --release --locked --target-dir target -p inferno-inference \
        --example concurrent_inference --no-default-features --features candle)
}

commit=$(git merge-base "$revision" HEAD)
git worktree prune
if [ -e "$base/.git" ]; then
    git -C "$base" checkout --quiet --detach "$commit"
else
    git worktree add --quiet --detach "$base" "$commit"
fi
echo "baseline: $commit, in $base" >&2
build "$base"
build .
if cmp -s "$base/$engine" "$engine"; then
    echo "Both revisions build the same engine, byte for byte: there is nothing to compare."
    exit 0
fi
cargo xtask compare "$base/$engine" "$engine" \
    --spec profiles/concurrent_inference.toml \
    --only single_request/short --only warm/short --only cpu_intensive/reasoning --only medium/10 \
    --threshold "$threshold" --name compare-revisions --out target/compare-revisions "$@"
