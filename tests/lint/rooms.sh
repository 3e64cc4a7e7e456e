#!/usr/bin/env bash
# Who may include whom: exporter -> collectors -> collectors/pricing -> collectors/slurmdb, and only the last of them knows
# SQL.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
status=0

# forbid WHY PATTERN PATH...
forbid() {
  local why=$1 pattern=$2 found
  shift 2
  found=$(git grep -nE --untracked "$pattern" -- "$@") || return 0
  printf '%s:\n%s\n' "$why" "$found"
  status=1
}

forbid "collectors must not know the exporter" '#include *"exporter/' collectors
forbid "slurmdb must not know the collectors" '#include *"collectors/[a-z_]*\.h"' collectors/slurmdb
forbid "slurmdb must not know money" '#include *"collectors/pricing/' collectors/slurmdb
forbid "pricing must not know the collectors" '#include *"collectors/[a-z_]*\.h"' collectors/pricing
forbid "only collectors/slurmdb talks to the database" '#include *[<"](mysql|mariadb)' \
  exporter collectors/pricing ':(glob)collectors/*.cc' ':(glob)collectors/*.h'
forbid "SQL belongs into collectors/slurmdb" '"(SELECT|SET SESSION|START TRANSACTION) ' \
  exporter collectors/pricing ':(glob)collectors/*.cc' ':(glob)collectors/*.h'
forbid "a collector reads no clock" '(system_clock|steady_clock)::now|\btime\(' \
  collectors/pricing ':(glob)collectors/*.cc' ':(glob)collectors/*.h'
forbid "columns are named" 'SELECT +\*' '*.cc' '*.h'
forbid "unfinished work has no place here" '\b(TODO|FIXME|XXX|HACK)\b' exporter collectors deploy dashboards
exit "$status"
