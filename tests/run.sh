#!/usr/bin/env bash
# Everything that guards a change, in one go. Installs what it needs, builds in build/, takes what is up to date.
#
#   tests/run.sh                    all steps
#   tests/run.sh --long             and the longest ones
#   tests/run.sh --only STEP,STEP   just these: see the list at the end of this file
#   tests/run.sh --list             name the steps
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
readonly python=/usr/bin/python3 # Debian's, which sees Debian's packages
logs=build/test-logs
mkdir -p "$logs"
# The demo builds what the release build has compiled, but for its warnings: it need not compile it once more.
export CCACHE_BASEDIR=$PWD CCACHE_IGNOREOPTIONS=-Werror

long=0
only=""
list=0
while (($#)); do
  case "$1" in
    --long) long=1 ;;
    --only)
      only=",${2:?--only needs a list of steps},"
      shift
      ;;
    --list) list=1 ;;
    *)
      sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
  shift
done

summary=$logs/summary
((list)) || : >"$summary"
quiet='lint|build|unit|tidy|asan|tsan|integration|analyzer|history' # of the others, what they print is worth seeing
waiting="" # process group of the steps that mostly wait

# step NAME WHAT COMMAND...: runs it, shows the end of its log when it fails.
step() {
  local name=$1 what=$2 begin=$SECONDS status
  shift 2
  if ((list)); then
    printf '%-12s %s\n' "$name" "$what"
    return 0
  fi
  [[ -z $only || $only == *",$name,"* ]] || return 0
  echo "== $name: $what"
  "$@" >"$logs/$name.log" 2>&1
  status=$?
  if ((status == 77)); then
    tail -n 1 "$logs/$name.log"
    printf '%-12s SKIPPED: %s\n' "$name" "$(tail -n 1 "$logs/$name.log")" >>"$summary"
    return 0
  elif ((status == 0)); then
    [[ $name =~ ^($quiet)$ ]] || tail -n 80 "$logs/$name.log"
    grep -hE '^SKIPPED|\[ *SKIPPED' "$logs/$name.log" | tail -n 10
    printf '%-12s passed %4d s\n' "$name" $((SECONDS - begin)) >>"$summary"
  else
    tail -n 80 "$logs/$name.log"
    echo "!! $name failed (exit $status); its log: $logs/$name.log"
    printf '%-12s FAILED %4d s\n' "$name" $((SECONDS - begin)) >>"$summary"
  fi
  return "$status"
}

# Needed steps: without them the rest says nothing.
must() { step "$@" || finish; }

finish() {
  ((list)) && exit 0
  if [[ -n $waiting ]]; then
    wait "$waiting"
    waiting=""
    cat "$logs/waiting.out"
  fi
  echo
  cat "$summary"
  local failed
  failed=$(grep -c FAILED "$summary")
  echo "$(grep -c ' passed ' "$summary") passed, $failed failed in $SECONDS s"
  exit $((failed > 0))
}
trap '[[ -z $waiting ]] || kill -- "-$waiting"' EXIT
trap 'exit 130' INT TERM

sources() { git ls-files --cached --others --exclude-standard "$@"; }

lint() {
  local status=0
  sources '*.cc' '*.h' | xargs clang-format --dry-run --Werror || status=1
  sources '*.sh' .ci/run | xargs shellcheck || status=1
  sources '*.py' | xargs "$python" -m py_compile || status=1
  tests/lint/rooms.sh || status=1
  return "$status"
}

build() {
  cmake --preset "$1" && cmake --build --preset "$1" --target "${@:2}"
}

unit() { ctest --preset "$1" -j "$(nproc)" "${@:2}"; }

sanitize_address() {
  export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1
  build asan all && unit asan
}

# ThreadSanitizer wants its shadow where newer kernels may put something at random.
sanitize_threads() {
  build tsan service_test web_test exposition_test || return 1
  local status=0 test
  for test in service_test web_test exposition_test; do
    setarch -R "$(find build/tsan -name "$test" -type f)" --gtest_brief=1 || status=1
  done
  return "$status"
}

integration() {
  SLURMDBD_EXPORTER=build/asan/exporter/slurmdbd_exporter "$python" -m pytest -q -rs -p no:cacheprovider \
    tests/unit/support tests/integration
}

# judged MODULE ARGS...: a test that runs the exporter as it is shipped.
judged() { SLURMDBD_EXPORTER=build/release/exporter/slurmdbd_exporter "$python" -m "$@"; }

# Two programs that know the same page of documentation.
cost() { "$python" -m tests.cost.judge "$@"; }

# Its table is worth seeing: -s.
rules() { "$python" -m pytest -q -s -rs -p no:cacheprovider tests/rules; }

# Takes what npm installed for the same package-lock.json.
dashboards() {
  local folder=tests/dashboards
  cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed" || {
    npm ci --prefix "$folder" --legacy-peer-deps --ignore-scripts --no-audit --no-fund &&
      cp "$folder/package-lock.json" "$folder/node_modules/.installed"
  } || return 1
  "$python" -m pytest -q -rs -p no:cacheprovider tests/dashboards &&
    judged tests.dashboards "$@"
}

installed() {
  rm -rf build/installed && cmake --install build/release --prefix build/installed &&
    build/installed/bin/slurmdbd_exporter --version && deploy/demo.sh --check
}

# Most of these wait for something to happen, so they run while others compute; what they print comes at the end.
waiting_steps() {
  step e2e "against a real Slurm, judged by sacct" judged tests.e2e.test_accounting
  step slurmdbd "all that a real slurmdbd rewrites, with the exporter killed, judged by sacct and sreport" judged tests.storm.slurmdbd_storm
  step usage "roll-ups of a real slurmdbd, judged by sreport" judged tests.e2e.test_usage America/New_York
  step quota "limits and quotas of a real Slurm, judged by slurmctld" judged tests.e2e.test_quota
  step reset "quotas when a month ends for a real slurmctld, judged by it" judged tests.e2e.test_quota_reset
  step capacity "clusters, nodes and reservations of a real Slurm, judged by sreport and sacctmgr" judged tests.e2e.test_capacity
  step audit "changes, runaway jobs and usage against jobs, judged by sacctmgr, sreport and sacct" judged tests.e2e.test_audit
  step report "reports of made-up and real jobs on a real slurmdbd, judged by sreport and sacct" judged tests.e2e.test_report
  step faults "killed, frozen and altered databases" "$python" -m tests.storm.faults
  step backfill "two years filled into a real Prometheus and VictoriaMetrics, judged by SQL" judged tests.e2e.test_backfill
  step rules "alert rules, runbooks and routes, judged by promtool and amtool" rules
  step alerts "alerts delivered by a real Prometheus and Alertmanager" "$python" -m tests.e2e.test_alerts
  step warning "from jobs of a real Slurm that use up a quota to the coordinator's mail" judged tests.e2e.test_warning
  step cost "a hundred thousand random rows priced twice, by an independent calculator too" cost
  step storm "random histories of the job ledger on a private MariaDB" "$python" -m tests.storm.ledger_storm
  step kills "the exporter killed at random moments while the database changes" "$python" -m tests.storm.kills --kills 25
  step dashboards "Grafana dashboards: by Grafana's types, on a Prometheus with days of history, and drawn" dashboards
}

if ((!list)); then deploy/packages.sh test || exit 1; fi
step lint "format, shell, python syntax, who includes whom" lint
must build "release build, warnings are errors" build release all
if ((list)); then
  waiting_steps
else
  set -m # a process group of their own
  waiting_steps >"$logs/waiting.out" 2>&1 &
  waiting=$!
  set +m
fi
step unit "unit tests" unit release
step tidy "clang-tidy over what the last 20 commits have changed; the rest passed when it was new" \
  tests/lint/tidy.sh build/release '-clang-analyzer-*' HEAD~20
step asan "unit tests under AddressSanitizer and UndefinedBehaviorSanitizer" sanitize_address
step tsan "poller, snapshot and web under ThreadSanitizer" sanitize_threads
step integration "against a private MariaDB, with the sanitized exporter" integration
step demo "install, and deploy/demo.sh --check" installed
if ((long || list)); then
  step analyzer "clang-tidy over everything, with the static analyzer" tests/lint/tidy.sh build/release
  step history "many more random histories of the job ledger" \
    env SLURMDBD_TEST_HISTORIES=20000 build/release/tests/unit/collectors/slurmdb/slurmdb_test --gtest_filter='*History*'
  step storms "10,000 histories on a private MariaDB" "$python" -m tests.storm.ledger_storm --long
  step 1000kills "1,000 kills" "$python" -m tests.storm.kills --kills 1000
  step zones "the same in other time zones" judged tests.e2e.test_usage UTC Asia/Kolkata
  step slurmdbd2 "the same for a quarter of an hour" judged tests.storm.slurmdbd_storm --long
  step costs "a million random rows priced twice" cost --rows 1000000 --seed 2
  step faults2 "the same for two minutes" "$python" -m tests.storm.faults --long
  step backfill2 "the same with ten times the jobs" judged tests.e2e.test_backfill --long
  step drawn "dashboards drawn wide and narrow, dark and light" dashboards --every-look
  step broken "rules broken one by one, each noticed" "$python" -m tests.rules.broken
  step bench "benchmarks against their alternatives" tests/bench/run.sh
fi
finish
