#!/usr/bin/env bash
# hunt.sh SECONDS [TARGET...]: libFuzzer over each target (all of them, where none is named) for so many seconds, as many
# at once as there are processors. Needs the stable compiler and one for C++: the instrumentation is LLVM's, which rustc
# brings, and there is no unsafe code whose memory a sanitizer would watch. What breaks a target is saved in crashes/.
# RUNS=N in the environment ends a target after so many inputs, should that be sooner.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for_seconds=${1:?seconds for each target}
shift
[[ $for_seconds =~ ^[1-9][0-9]*$ ]] || { echo "error: SECONDS must be a number: $for_seconds" >&2; exit 2; }
runs=${RUNS:--1}
[[ $runs =~ ^(-1|[1-9][0-9]*)$ ]] || { echo "error: RUNS must be a number: $runs" >&2; exit 2; }
command -v c++ >/dev/null || { echo 'error: libFuzzer needs a compiler for C++ (g++ or clang)' >&2; exit 1; }

work=$(realpath -m "${CARGO_TARGET_DIR:-$here/../../../target}")/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
echo "building with coverage, in $work (minutes the first time)"
# A target directory of its own, so that the flags do not throw away what is built without them. With --target the
# flags do not reach build scripts.
CARGO_TARGET_DIR=$work CARGO_INCREMENTAL=0 \
RUSTFLAGS='--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares' \
  cargo build --quiet --locked -p fuzz --features libfuzzer --bin fuzz-target --target "$host"
export here work for_seconds runs
export program=$work/$host/debug/fuzz-target

(($# > 0)) || mapfile -t targets < <("$program" 2>/dev/null)
(($# == 0)) || targets=("$@")
processors=$(getconf _NPROCESSORS_ONLN)
echo "${#targets[@]} targets, $for_seconds s each, $processors at once"

# What it has learnt is kept in the corpus and goes on from there the next time.
hunt() {
  local name=$1 status=0 log=$work/log/$1
  mkdir -p "$work/corpus/$name" "$work/log" "$here/crashes/$name"
  FUZZ_TARGET=$name FUZZ_SEEDS=$work/corpus/$name "$program" "$work/corpus/$name" \
    -max_total_time="$for_seconds" -runs="$runs" -timeout=5 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 \
    -artifact_prefix="$here/crashes/$name/" >"$log" 2>&1 || status=$?
  rmdir --ignore-fail-on-non-empty "$here/crashes/$name"
  local inputs covered
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  if ((status == 0)); then
    printf 'ok     %-40s %10s inputs, %6s places reached\n' "$name" "$inputs" "$covered"
  else
    printf 'BROKEN %-40s\n' "$name"
    grep -E 'panicked at|ERROR: libFuzzer|Test unit written' -A 1 "$log" | sed 's/^/       /' || tail -5 "$log"
    return 1
  fi
}
export -f hunt
# xargs goes on after a broken target and says at the end that there was one.
if printf '%s\n' "${targets[@]}" | xargs -P "$processors" -I '{}' bash -c 'hunt "$1"' _ '{}'; then
  echo 'nothing found'
else
  echo "error: see above; the input is in $here/crashes, the logs in $work/log" >&2
  exit 1
fi
