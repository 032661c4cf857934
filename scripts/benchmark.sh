#!/bin/sh
# Measures the engine: a thin front of `inferno performance-benchmark`.
#
# Takes a suite and options; has `inferno` built, called and timed out. Whatever is measured, judged or
# written is so by `inferno`. Results go to standard output, everything else to standard error.
set -eu
trap 'exit 130' INT # Once the command that runs has ended in its own way.

usage() {
    cat <<'END'
Usage: scripts/benchmark.sh [SUITE] [OPTIONS] [-- OPTIONS OF INFERNO]

Suites:
  all         inference, memory, concurrent and cache [default]
  inference   loading, latency and throughput of one client
  memory      memory at rest and over requests
  concurrent  throughput over the number of clients
  cache       hit ratio over the cache's room, and what it saves
  profiling   flamegraphs alone
  baseline    all suites within a time, to compare with later

Options:
  -o, --output DIR       where results go [default: benchmark_results]
  -b, --baseline DIR     the baseline: `baseline` makes it, --compare reads it [default: performance_baseline]
  -t, --timeout SECONDS  time for each call of inferno [default: no limit]
  -p, --profile          draw flamegraphs as well, into `flamegraphs` beside the results
  -c, --compare          compare the results with the baseline, or with those of `-- --against PROGRAM`
  -r, --report           see that the reports are there, and print their paths
      --ci               for logs: no colours, no progress bars, no input; a change matters from 10 % on
      --targets FILE     what is fast enough, as JSON
  -h, --help             print this

What follows `--` goes to `inferno performance-benchmark benchmark`, or `… baseline`:
  scripts/benchmark.sh cache -- --iterations 400

Variables:
  BENCH_MODEL_PATH   the model file
  INFERNO_MODELS_DIR without it: a folder that holds exactly one
  INFERNO_BINARY     an inferno that is there: nothing is built

Exit codes:
  124  the time was over; what was measured by then is kept, marked as incomplete (137: it had to be killed)
  21   inferno could not be built
  else inferno's own, among them 0 done, 2 wrong usage, 10 something is slower, 20 something is not there,
       130 interrupted
END
}

# fail CODE MESSAGE NEXT_STEP
fail() {
    echo "error: $2" >&2
    echo "  next: $3" >&2
    exit "$1"
}

refuse() {
    fail 2 "$1" "see scripts/benchmark.sh --help"
}

# Prints the path of `inferno`, built as the README says.
build() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
    echo "== cargo build --release -p inferno-cli" >&2
    # Cargo says where it puts the binary: variables and settings may lead elsewhere than to target/.
    messages=$(cd "$root" && cargo build --release -p inferno-cli --bin inferno \
        --message-format=json-render-diagnostics) ||
        fail 21 "inferno could not be built" "cargo's own words stand above"
    printf '%s\n' "$messages" | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

# Calls inferno with these arguments, within the time; ends the script when that fails otherwise than by
# something being slower, which is left in `code`.
call() {
    echo "== inferno performance-benchmark $*" >&2
    set -- "$inferno" performance-benchmark "$@"
    if [ -n "$limit" ]; then
        # One SIGINT, to inferno alone: a second one would end it before it has written what it has.
        set -- timeout --foreground --signal=INT --kill-after=10 "$limit" "$@"
    fi
    code=0
    "$@" || code=$?
    case $code in
    0 | 10) ;;
    124) fail 124 "not done within $limit s" "give it a longer --timeout; what it has measured is kept" ;;
    *) exit "$code" ;;
    esac
}

# tell_report FILE
tell_report() {
    [ -f "$1" ] || fail 1 "there is no report at $1" "run it again; if it persists, it is a defect"
    echo "report: $1"
}

suite=
output=
baseline=
limit=
profile=
ci=
compare=
report=
targets=
while [ $# -gt 0 ]; do
    case $1 in
    --*=*)
        option=$1
        shift
        set -- "${option%%=*}" "${option#*=}" "$@"
        ;;
    esac
    case $1 in
    -o | --output | -b | --baseline | -t | --timeout | --targets)
        [ -n "${2:-}" ] || refuse "$1 needs a value"
        ;;
    esac
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    -o | --output) output=$2 && shift ;;
    -b | --baseline) baseline=$2 && shift ;;
    -t | --timeout) limit=$2 && shift ;;
    --targets) targets=$2 && shift ;;
    -p | --profile) profile=yes ;;
    -c | --compare) compare=yes ;;
    -r | --report) report=yes ;;
    --ci)
        ci=yes
        export NO_COLOR=1 CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
        exec </dev/null
        ;;
    --)
        shift
        break
        ;;
    all | inference | memory | concurrent | cache | profiling | baseline)
        [ -z "$suite" ] || refuse "two suites: $suite and $1"
        suite=$1
        ;;
    *) refuse "there is no option and no suite $1" ;;
    esac
    shift
done
suite=${suite:-all}

# An option that would be ignored is refused.
case $suite in
baseline)
    [ -z "$output" ] || refuse "baseline takes its folder by --baseline, not by --output"
    [ -z "$profile$compare" ] || refuse "baseline can neither --profile nor --compare"
    ;;
profiling)
    [ -z "$compare$report$targets" ] || refuse "profiling has no results to --compare, --report or check by --targets"
    ;;
esac
if [ -n "$baseline" ] && [ "$suite" != baseline ] && [ -z "$compare" ]; then
    refuse "--baseline without --compare"
fi
output=${output:-benchmark_results}
in_turns=
case "$suite $*" in
baseline*) ;;
*" --against"*) in_turns=yes ;;
esac
if [ -n "$in_turns" ]; then
    [ -z "$baseline" ] || refuse "--baseline beside --against, whose results are compared with"
    older=$output/against
    [ "$suite" = all ] || older=$older/${suite}_benchmark.json
else
    baseline=${baseline:-performance_baseline}
    older=$baseline/baseline_results.json
fi

# Said before anything is built or measured.
case $limit in
*[!0-9]*) refuse "--timeout $limit: whole seconds are expected" ;;
esac
if [ -n "$limit" ]; then
    [ "$limit" -gt 0 ] || refuse "--timeout $limit: at least 1 second is expected"
    command -v timeout >/dev/null || fail 20 "--timeout needs the program timeout" "install GNU coreutils"
fi
[ -z "$compare" ] || [ -n "$in_turns" ] || [ -f "$older" ] ||
    fail 2 "there is no $older to compare with" "make one by scripts/benchmark.sh baseline, or name its folder by --baseline"
[ -z "$targets" ] || [ -f "$targets" ] || fail 2 "there is no $targets" "name a file by --targets"
if [ -n "${BENCH_MODEL_PATH:-}" ]; then
    set -- --model "$BENCH_MODEL_PATH" "$@"
elif [ -z "${INFERNO_MODELS_DIR:-}" ]; then
    case " $* " in
    *" -m "* | *" --model"*) ;;
    *)
        # For people to copy: nothing is to be expanded here.
        # shellcheck disable=SC2016
        fail 2 "no model: neither BENCH_MODEL_PATH nor INFERNO_MODELS_DIR says which" \
            'export BENCH_MODEL_PATH="$(cargo xtask model fetch smollm2-135m)"'
        ;;
    esac
fi
inferno=${INFERNO_BINARY:-}
if [ -z "$inferno" ]; then
    command -v cargo >/dev/null || fail 20 "there is no cargo to build inferno" "install Rust, or set INFERNO_BINARY"
    inferno=$(build)
fi
command -v "$inferno" >/dev/null || fail 20 "there is no program $inferno" "set INFERNO_BINARY to an inferno, or unset it"

[ -z "$targets" ] || set -- --targets "$targets" "$@"
[ -z "$profile" ] || set -- --profile "$@"
if [ "$suite" = baseline ]; then
    call baseline --output "$baseline" "$@"
    [ -z "$report" ] || tell_report "$baseline/baseline_report.md"
    exit "$code"
fi
call benchmark --bench-type "$suite" --output "$output" "$@"
[ -z "$report" ] || tell_report "$output/benchmark_report.html"
[ -n "$compare" ] || exit "$code"

if [ "$suite" = all ]; then
    newer=$output
    page=$output/comparison.html
else
    newer=$output/${suite}_benchmark.json
    page=$output/${suite}_benchmark_comparison.html
fi
set -- --current "$newer" --baseline "$older"
[ -z "$ci" ] || set -- "$@" --threshold 10
[ -z "$report" ] || set -- "$@" --report
call compare "$@"
[ -z "$report" ] || tell_report "$page"
exit "$code"
