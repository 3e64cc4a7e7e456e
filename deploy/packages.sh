#!/usr/bin/env bash
# Installs the Debian 12 packages a purpose needs, and nothing that is already there.
#
#   deploy/packages.sh build          what compiling needs
#   deploy/packages.sh demo           what deploy/demo.sh runs
#   deploy/packages.sh test           what tests/run.sh runs
#   deploy/packages.sh bench          what tests/bench/run.sh runs
#   deploy/packages.sh --list test    print the names only
#
# Services in these packages are kept from starting: the demo and the tests run their own on private ports.
set -euo pipefail

# prometheus-cpp's CMake package asks for curl, zlib and the civetweb program even when only its core is used.
build=(g++ cmake ninja-build ccache pkg-config git ca-certificates
  prometheus-cpp-dev libcivetweb-dev civetweb libcurl4-openssl-dev zlib1g-dev
  default-libmysqlclient-dev libcxxopts-dev libyaml-cpp-dev nlohmann-json3-dev libspdlog-dev libfmt-dev
  libhowardhinnant-date-dev libboost-dev libre2-dev libssl-dev tzdata)
demo=("${build[@]}" mariadb-server python3 python3-pymysql prometheus prometheus-alertmanager curl)
test=("${demo[@]}" libgtest-dev libgmock-dev clang-format clang-tidy shellcheck python3-pytest
  python3-prometheus-client python3-yaml openssl slurmdbd slurmctld slurmd slurm-client munge
  faketime nodejs npm chromium victoria-metrics)
bench=("${demo[@]}" prometheus-sql-exporter)

list_only=0
if [[ "${1:-}" == --list ]]; then
  list_only=1
  shift
fi
case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  demo) wanted=("${demo[@]}") ;;
  test) wanted=("${test[@]}") ;;
  bench) wanted=("${bench[@]}") ;;
  *)
    echo "usage: $0 [--list] build|demo|test|bench" >&2
    exit 2
    ;;
esac
if ((list_only)); then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  # Packages of newer releases of nodejs bring npm along.
  [[ $package != npm ]] || ! command -v npm >/dev/null || continue
  [[ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" == "install ok installed" ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "$0: not root and no sudo; install these first: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

# invoke-rc.d and deb-systemd-invoke ask this program before they start a service; 101 means "no".
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
echo "installing ${#missing[@]} packages: ${missing[*]}" >&2
log=$(mktemp)
{
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
} >"$log" 2>&1 || {
  tail -n 30 "$log" >&2
  echo "$0: apt-get failed; the whole log is in $log" >&2
  exit 1
}
rm -f "$log"
