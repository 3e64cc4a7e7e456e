#!/usr/bin/env bash
# Builds the benchmarks in build/bench, runs each against its alternative, and prints one table. Nothing but the table says
# whether a figure is as wanted: the exit status is 0 when all could be measured.
#
#   tests/bench/run.sh                   all of them, some minutes; leave the machine alone meanwhile
#   tests/bench/run.sh --quick           small sizes, to see that they work
#   tests/bench/run.sh --json FILE       and write all figures to a file
#   tests/bench/run.sh --only STEP,STEP  of polls, collectors, cold_start, reports, usage, scrapes, rendering; and years, which
#                                        no other run has: it takes the better part of an hour, root and Debian's Slurm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly build=build/bench

arguments=()
while (($#)); do
  case "$1" in
    --quick) arguments+=("$1") ;;
    --json | --only)
      arguments+=("$1" "${2:?$1 needs a value}")
      shift
      ;;
    *)
      sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
  shift
done

deploy/packages.sh bench
mkdir -p build
{
  cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DSLURMDBD_BUILD_TESTS=OFF -DSLURMDBD_BUILD_BENCHMARKS=ON &&
    cmake --build "$build"
} >"$build.log" 2>&1 || {
  tail -n 30 "$build.log" >&2
  exit 1
}
exec /usr/bin/python3 -m tests.bench --programs "$build/tests/bench" \
  --exporter "$build/exporter/slurmdbd_exporter" "${arguments[@]}"
