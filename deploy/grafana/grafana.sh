#!/usr/bin/env bash
# A Grafana in a container with the dashboards provisioned. Needs docker or podman, and the internet for the image.
#
#   deploy/grafana/grafana.sh                     http://127.0.0.1:3000 until Ctrl-C, everybody may look
#   deploy/grafana/grafana.sh --check             whether Grafana 10 to 13 take every dashboard unchanged, then ends
#
#   --prometheus=URL    default http://127.0.0.1:19090, which is that of deploy/demo.sh
#   --version=V         an image's tag; the default is the newest of those that --check tries
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

versions=(10.4.19 11.6.4 12.1.0 13.0.0)
prometheus=http://127.0.0.1:19090 check=0 chosen=()
for argument in "$@"; do
  case "$argument" in
    --check) check=1 ;;
    --prometheus=*) prometheus=${argument#*=} ;;
    --version=*) chosen=("${argument#*=}") ;;
    *)
      sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
done
engine=$(command -v podman || command -v docker) || {
  echo "$0: neither podman nor docker is here" >&2
  exit 1
}
url=http://127.0.0.1:3000

# The host's network, so that a Prometheus on 127.0.0.1 is reached. Viewers need no password.
run() {
  "$engine" run --rm --network=host --name=slurmdbd-grafana "${@:2}" \
    -e GF_SERVER_HTTP_ADDR=127.0.0.1 -e GF_AUTH_ANONYMOUS_ENABLED=true -e GF_ANALYTICS_REPORTING_ENABLED=false \
    -e GF_ANALYTICS_CHECK_FOR_UPDATES=false -e PROMETHEUS_URL="$prometheus" -e SLURMDBD_DASHBOARDS=/dashboards \
    -v "$PWD/dashboards:/dashboards:ro" -v "$PWD/deploy/grafana/provisioning:/etc/grafana/provisioning:ro" \
    "docker.io/grafana/grafana:$1"
}

if ((!check)); then
  echo "$url/dashboards/f/slurm  asks $prometheus; Ctrl-C ends it"
  run "${chosen[0]:-${versions[-1]}}"
  exit
fi

stop() { "$engine" stop slurmdbd-grafana >/dev/null 2>&1 || true; }
trap stop EXIT
failed=0
for version in "${chosen[@]:-${versions[@]}}"; do
  run "$version" -d >/dev/null
  for ((tries = 0; tries < 60; tries++)); do
    curl -fsS "$url/api/health" >/dev/null 2>&1 && break
    sleep 1
  done
  for file in dashboards/*.json; do
    uid=$(basename "$file" .json)
    for ((tries = 0; tries < 30; tries++)); do # dashboards are read a little after Grafana answers
      curl -fsS "$url/api/dashboards/uid/$uid" -o /tmp/slurmdbd-grafana.$$ 2>/dev/null && break
      sleep 1
    done
    python3 - "$file" /tmp/slurmdbd-grafana.$$ <<'END' || failed=1
import json, sys
ours, theirs = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))["dashboard"]
kinds = lambda board: [(panel["type"], panel.get("title")) for panel in board["panels"]]
names = lambda board: [one["name"] for one in board["templating"]["list"]]
if kinds(ours) != kinds(theirs) or names(ours) != names(theirs):
    sys.exit(f"{sys.argv[1]}: Grafana has other panels or variables")
END
    rm -f /tmp/slurmdbd-grafana.$$
  done
  "$engine" logs slurmdbd-grafana 2>&1 | grep -E 'logger=provisioning.*level=(error|warn)' && failed=1
  stop
  echo "Grafana $version: done"
done
((failed == 0)) && echo "every dashboard was taken"
exit "$failed"
