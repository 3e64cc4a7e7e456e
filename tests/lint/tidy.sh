#!/usr/bin/env bash
# clang-tidy over our sources. A file that passed is not looked at again until it, a header or the rules change.
#   tests/lint/tidy.sh BUILD_FOLDER [CHECKS [COMMIT]]    # CHECKS: added to those of .clang-tidy, such as '-clang-analyzer-*'
# With a COMMIT only what has changed since it, all of it when the history does not go back so far.
set -uo pipefail
build=${1:?usage: $0 BUILD_FOLDER [CHECKS]}
checks=${2:-}
since=${3:-}
passed=build/tidy
mkdir -p "$passed"

rules=$({ echo "$checks" && cat .clang-tidy && git ls-files --cached --others --exclude-standard '*.h' | sort | xargs cat; } | sha256sum)
export build passed rules checks

check() {
  local stamp
  stamp=$passed/$({ echo "$rules $1" && cat "$1"; } | sha256sum | cut -c 1-32)
  [[ -e $stamp ]] && return 0
  # GCC's own flags are not clang's, nor are its warnings.
  clang-tidy -p "$build" --quiet --checks="$checks" --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-error "$1" 2>/dev/null && touch "$stamp"
}
export -f check

sources() {
  git ls-files --others --exclude-standard "$@"
  if [[ -n $since ]] && git rev-parse -q --verify "$since^{commit}" >/dev/null; then
    git diff --name-only --diff-filter=d "$since" -- "$@"
  else
    git ls-files "$@"
  fi
}

sources 'exporter/*.cc' 'collectors/*.cc' |
  xargs -P "$(nproc)" -I {} bash -c 'check {} || { echo "clang-tidy: {}"; exit 1; }'
