#!/usr/bin/env bash
# Undoes what was mended, one hole at a time, and expects the readers to see it: see docs/readers.md.
#
#   tests/readers/planted/run.sh [NAME…]      all: b1 … b9, b11
#
# Each build is one of a copy of the working tree, with a target folder of its own beside the usual one.
set -euo pipefail
cd "$(dirname "$0")/../../.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}
holes=$root/tests/readers/planted

# The server that has to see the hole, and the kind of its finding.
declare -A seen=(
    [b1]="hypercorn Tunnelled" [b2]="gunicorn Moved" [b3]="http.server-stray Smuggled" [b4]="werkzeug Method"
    [b5]="express Method" [b6]="wsgidav Destination" [b7]="waitress Path" [b8]="gunicorn Path" [b9]="node Client"
    [b11]="http.server-stray Answer" [b11-head]="http.server-stray Answer"
)

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failed=0
wanted=("$@")
[ $# -gt 0 ] || mapfile -t wanted < <(printf '%s\n' "${!seen[@]}" | sort)

# The rig of this tree, which knows the policies as they are.
rig=$(cargo test --locked --test readers --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"name":"readers".*"executable":"\([^"]*\)".*/\1/p' | tail -1)

for hole in "${wanted[@]}"; do
    read -r server kind <<<"${seen[$hole]}"
    rm -rf "$copy/tree"
    mkdir "$copy/tree"
    cp -R Cargo.toml Cargo.lock src policies benches tests "$copy/tree"
    if ! (cd "$copy/tree" && git apply -p1 "$holes/$hole.patch"); then
        echo "$hole: the patch does not apply any more"
        failed=1
        continue
    fi
    if ! (cd "$copy/tree" && CARGO_TARGET_DIR=$target/planted cargo build --locked --quiet); then
        echo "$hole: it does not build"
        failed=1
        continue
    fi
    told=$(READERS_GATE=$target/planted/debug/portcullis READERS_TOOLS=${READERS_TOOLS:-$target/tools/readers} \
        READERS_SERVERS=$server PORTCULLIS_NO_SKIP=1 "$rig" servers:: --nocapture --test-threads=1 2>&1 || true)
    if grep -q "^$kind x" <<<"$told"; then
        echo "$hole: $server sees it ($(grep -o 'findings {.*}' <<<"$told" | head -1))"
    else
        echo "$hole: $server sees no $kind"
        printf '%s\n' "$told" | tail -20
        failed=1
    fi
done
exit $failed
