#!/usr/bin/env bash
# Shows the exporter at work on one machine, with nothing set up before: a private MariaDB with four months of made-up
# history of two clusters, a simulator that goes on from there, the exporter, a Prometheus that scrapes it and evaluates the
# alert rules, and an Alertmanager that groups what fires, but reaches neither mail server nor pager.
#
#   deploy/demo.sh              runs until Ctrl-C; everything it started is stopped and its folder removed
#   deploy/demo.sh --check      runs, verifies through Prometheus that the metrics are there and advance, and ends
#
# Needs Debian 12. Installs missing packages (as root or with sudo); starts no system service, changes nothing outside
# build/demo, the compiler's cache and a temporary folder.
set -euo pipefail

usage() {
  cat <<'END'
usage: deploy/demo.sh [options]
  --check                 verify, print what was seen, and end: 0 if all is well, else 1
  --release=R             Slurm release whose tables to use, 20.11 to 26.05 (default 22.05)
  --timezone=ZONE         slurmdbd's time zone (default UTC)
  --exporter-port=N       default 19341, or a free one if that is taken
  --prometheus-port=N     default 19090, or a free one if that is taken
  --alertmanager-port=N   default 19093, or a free one if that is taken
  --exporter=FILE         a built slurmdbd_exporter; without it one is built in build/demo
  --scale=X               part of the usual 55,000 jobs of history (default 1)
  --skip-packages         do not look for missing packages
END
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=/usr/bin/python3
check=0 release=22.05 timezone=UTC exporter='' scale=1 packages=1
exporter_port='' prometheus_port='' alertmanager_port=''
for argument in "$@"; do
  case "$argument" in
    --check) check=1 ;;
    --release=*) release=${argument#*=} ;;
    --timezone=*) timezone=${argument#*=} ;;
    --exporter-port=*) exporter_port=${argument#*=} ;;
    --prometheus-port=*) prometheus_port=${argument#*=} ;;
    --alertmanager-port=*) alertmanager_port=${argument#*=} ;;
    --exporter=*) exporter=$(realpath "${argument#*=}") ;;
    --scale=*) scale=${argument#*=} ;;
    --skip-packages) packages=0 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "$0: unknown argument $argument" >&2
      usage >&2
      exit 2
      ;;
  esac
done
cd "$root"

folder=''
names=() pids=()

say() { printf '\n== %s\n' "$*"; }

# fail MESSAGE [LOG]: says what went wrong, shows the end of a log, ends the demo.
fail() {
  echo "demo: $1" >&2
  if [[ -n ${2:-} && -s $2 ]]; then
    echo "-- the end of ${2##*/}:" >&2
    tail -n 25 "$2" >&2
  fi
  exit 1
}

# The newest process first, each by its own id; whoever does not end within ten seconds is killed.
cleanup() {
  local status=$? i pid tries
  trap - EXIT
  trap '' INT TERM
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    pid=${pids[i]}
    kill -TERM "$pid" 2>/dev/null || continue
    for ((tries = 0; tries < 100; tries++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  [[ -z $folder ]] || rm -rf "$folder"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# launch NAME COMMAND...: in the background, in a session of its own (Ctrl-C is for this script only), ending with it.
launch() {
  local name=$1
  shift
  setsid setpriv --pdeathsig TERM "$@" >"$folder/$name.out" 2>"$folder/$name.log" &
  names+=("$name")
  pids+=($!)
}

alive() { kill -0 "${pids[$1]}" 2>/dev/null; }

watch_all() {
  local i
  for i in "${!pids[@]}"; do
    alive "$i" || fail "${names[i]} ended unexpectedly" "$folder/${names[i]}.log"
  done
}

# wait_for SECONDS NAME COMMAND...: until the command succeeds; NAME, the newest process, must stay alive.
wait_for() {
  local tries=$(($1 * 5)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    alive $((${#pids[@]} - 1)) || fail "$name did not start" "$folder/$name.log"
    ((tries-- > 0)) || fail "$name is not ready" "$folder/$name.log"
    sleep 0.2
  done
}

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# port WISH DEFAULT NAME: the wished port or an error, else the default one or a free one.
port() {
  if [[ -n $1 ]]; then
    [[ $1 =~ ^[0-9]+$ ]] || fail "--$3-port: $1 is no port"
    ! taken "$1" || fail "port $1 is taken; choose another with --$3-port=N"
    echo "$1"
  elif taken "$2"; then
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
  else
    echo "$2"
  fi
}

build() {
  local log=$folder/build.log
  echo "building the exporter in build/demo (some minutes the first time)"
  cmake --preset release -B build/demo -DSLURMDBD_BUILD_TESTS=OFF -DSLURMDBD_WARNINGS_AS_ERRORS=OFF >"$log" 2>&1 || fail "cmake failed" "$log"
  cmake --build build/demo --target slurmdbd_exporter >"$log" 2>&1 || fail "the build failed" "$log"
  exporter=$root/build/demo/exporter/slurmdbd_exporter
}

start_database() {
  launch mariadb env XDG_CACHE_HOME="$folder" "$python" -m tests.support.mariadb run --dir "$folder/db" --shell
  wait_for 60 mariadb test -s "$folder/mariadb.out"
  # shellcheck source=/dev/null
  source "$folder/mariadb.out"
  access=(--socket "$MARIADB_SOCKET" --password "$MARIADB_PASSWORD_SLURM" --release "$release" --timezone "$timezone")
  "$python" -m deploy.demo.history "${access[@]}" --scale "$scale" 2>"$folder/history.log" || fail "no history" "$folder/history.log"
  launch simulator "$python" -m deploy.demo.simulator "${access[@]}"
  wait_for 30 simulator test -s "$folder/simulator.out"
}

start_exporter() {
  (
    umask 077
    printf '%s\n' "$MARIADB_PASSWORD_SLURMDBD_EXPORTER" >"$folder/password"
    mkdir "$folder/state"
    cat >"$folder/exporter.yml" <<END
database:
  socket: $MARIADB_SOCKET
  name: $MARIADB_DATABASE
  user: slurmdbd_exporter
  password-file: $folder/password
web:
  listen-address: 127.0.0.1:$exporter_port
timezone: $timezone
poll:
  interval: 5s
counter:
  epoch: month
  settle: 5s
state:
  directory: $folder/state
quota:
  decay-half-life: ["0"]
  reset-period: [monthly]
cost:
  price-book: deploy/price_book.yml
END
  )
  launch exporter "$exporter" --config.file="$folder/exporter.yml"
  wait_for 60 exporter curl -fsS "$exporter_url/-/ready"
}

# Port 9 of this machine stands for the mail server and the pager: nobody should get anything.
start_alertmanager() {
  cp -r deploy/alertmanager "$folder/alertmanager"
  sed -i -e 's/localhost:\(25\|9095\)/127.0.0.1:9/' "$folder/alertmanager/alertmanager.yml"
  launch alertmanager prometheus-alertmanager --config.file="$folder/alertmanager/alertmanager.yml" --cluster.listen-address= \
    --storage.path="$folder/alertmanager/data" --web.listen-address="127.0.0.1:$alertmanager_port" --log.level=error
  wait_for 60 alertmanager curl -fsS "$alertmanager_url/-/ready"
}

start_prometheus() {
  mkdir "$folder/prometheus"
  cp -r deploy/prometheus/. "$folder/prometheus"
  sed -i -e "s/localhost:19341/127.0.0.1:$exporter_port/" -e "s/localhost:9093/127.0.0.1:$alertmanager_port/" -e 's/\(_interval\): 60s/\1: 5s/' -e 's/scrape_timeout: 10s/scrape_timeout: 5s/' \
    "$folder/prometheus/prometheus.yml"
  launch prometheus prometheus --config.file="$folder/prometheus/prometheus.yml" --storage.tsdb.path="$folder/prometheus/data" \
    --web.listen-address="127.0.0.1:$prometheus_port" --log.level=warn
  wait_for 60 prometheus curl -fsS "$prometheus_url/-/ready"
  "$python" -m deploy.demo.check wait --prometheus "$prometheus_url" || fail "no metrics arrived" "$folder/exporter.log"
}

((packages == 0)) || deploy/packages.sh demo
folder=$(mktemp -d "${TMPDIR:-/tmp}/slurmdbd-demo.XXXXXX")
exporter_port=$(port "$exporter_port" 19341 exporter)
prometheus_port=$(port "$prometheus_port" 19090 prometheus)
alertmanager_port=$(port "$alertmanager_port" 19093 alertmanager)
exporter_url=http://127.0.0.1:$exporter_port
prometheus_url=http://127.0.0.1:$prometheus_port
alertmanager_url=http://127.0.0.1:$alertmanager_port

[[ -n $exporter ]] || build
[[ -x $exporter ]] || fail "$exporter is not a program"
say "MariaDB with Slurm $release tables"
start_database
say "the exporter"
start_exporter
echo "reads the database every 5 s"
say "Alertmanager and Prometheus"
start_alertmanager
start_prometheus
echo "has the exporter's metrics"

say "ready"
echo "metrics     $exporter_url/metrics"
echo "Prometheus  $prometheus_url, its rules on /alerts"
echo "Grafana     deploy/grafana/grafana.sh --prometheus=$prometheus_url, or your own: docs/dashboards.md"
echo "Alerts      $alertmanager_url"
echo
"$python" -m deploy.demo.check example --prometheus "$prometheus_url"

if ((check)); then
  say "check"
  "$python" -m deploy.demo.check verify --prometheus "$prometheus_url" || fail "the check failed" "$folder/exporter.log"
  watch_all
  echo "all is well"
  exit 0
fi
echo
echo "Ctrl-C ends the demo."
while sleep 1; do
  watch_all
done
