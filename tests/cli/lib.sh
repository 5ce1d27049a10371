# shellcheck shell=bash disable=SC2034
#
# lib.sh - what the tests of the program share; sourced, not run.
#
#   run CODE ARGUMENT...   runs muster; its exit code must be CODE; what it
#                          wrote is in the files out and err
#   shows TEXT...          each text stands in out
#   says TEXT...           each text stands in err
#   lacks TEXT...          no text stands in out or err
#   is TEXT                out is this text
#   json FILTER TEXT       jq FILTER of out is this text
#   silent                 err is empty
#   await COMMAND...       tries a command until it succeeds, for a minute
#   finish                 ends the test
#
# A test stands in an empty directory. Every id of its data has zqxraw in it, and
# finish looks for zqxraw in everything that was written: raw ids reach neither
# an answer nor a message nor a file of the data directory.

set -u

: "${MUSTER:?the program to be tested}" "${MUSTER_SOURCE:?}" "${TMPDIR:?}"
cd "$TMPDIR" || exit 1
unset MUSTER_SERVER NO_COLOR CLICOLOR_FORCE FORCE_COLOR XDG_CONFIG_HOME \
    XDG_STATE_HOME
export MUSTER_DATA=$TMPDIR/data HOME=$TMPDIR/home LC_ALL=C.UTF-8 TERM=xterm
mkdir -p home

NOW=2026-11-21T12:00:00Z
: >written
failures=0
commands=0
last=

fail() {
    printf 'FAILED: %s\n    after: muster %s\n' "$1" "$last"
    sed 's/^/    out: /' out | head -20
    sed 's/^/    err: /' err | head -20
    failures=$((failures + 1))
}

run() {
    local want=$1 code=0
    shift
    last="$*"
    commands=$((commands + 1))
    "$MUSTER" "$@" >out 2>err || code=$?
    cat out err >>written
    [ "$code" -eq "$want" ] || fail "exit code $code, not $want"
}

# As run, at the time the people below were seen.
ask() {
    local want=$1
    shift
    run "$want" --now "$NOW" "$@"
}

shows() {
    local text
    for text; do
        grep -qF -- "$text" out || fail "stdout does not show: $text"
    done
}

says() {
    local text
    for text; do
        grep -qF -- "$text" err || fail "stderr does not say: $text"
    done
}

lacks() {
    local text
    for text; do
        ! grep -qF -- "$text" out err || fail "it should not show: $text"
    done
}

is() {
    [ "$(cat out)" = "$1" ] || fail "stdout is not: $1"
}

json() {
    local got
    got=$(jq -c -r "$1" out 2>&1)
    [ "$got" = "$2" ] || fail "$1 is $got, not $2"
}

silent() {
    [ ! -s err ] || fail "stderr is not empty"
}

await() {
    local start=$SECONDS
    until "$@"; do
        [ $((SECONDS - start)) -lt 60 ] || return 1
        sleep 0.02
    done
}

skip() {
    printf 'skipped: %s\n' "$1"
    exit 77
}

need() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

# Six people, seen by two providers. Their facts at NOW:
#        country  age  interests      newsletter  pricing page   purchases
#   1    DE       34   autos travel   yes         2026-11-20
#   2    DE       51   travel                     2026-10-01     2026-11-20
#   3    AT       25   autos                      2026-11-19     2 on 11-21
#   4    FR       62                  yes
#   5    DE            music
#   6                                             (home only)
write_people() {
    cat >people.ndjson <<'RECORDS'
{"ids":{"cookie":"zqxraw-1","customer":"zqxraw-c1"},"ts":"2026-11-20T10:00:00Z","provider":"shop","set":{"geo.country":"DE","demo.age":34,"newsletter":true},"add":{"interest":["autos","travel"]},"events":[{"name":"page.view","value":"pricing"},{"name":"page.view","value":"home","count":3}]}
{"ids":{"cookie":"zqxraw-2"},"ts":"2026-11-20T10:00:00Z","provider":"shop","set":{"geo.country":"DE","demo.age":51},"add":{"interest":["travel"]},"events":[{"name":"page.view","value":"pricing","ts":"2026-10-01T08:00:00Z"},{"name":"purchase"}]}
{"ids":{"cookie":"zqxraw-3"},"ts":"2026-11-19T10:00:00Z","provider":"shop","set":{"geo.country":"AT","demo.age":25},"add":{"interest":["autos"]},"events":[{"name":"page.view","value":"pricing"},{"name":"purchase","count":2,"ts":"2026-11-21T08:00:00Z"}]}
{"ids":{"cookie":"zqxraw-4"},"ts":"2026-11-18T10:00:00Z","provider":"acme","set":{"geo.country":"FR","demo.age":62,"newsletter":true}}
{"ids":{"cookie":"zqxraw-5"},"ts":"2026-11-18T10:00:00Z","provider":"acme","set":{"geo.country":"DE"},"add":{"interest":["music"]}}
{"ids":{"ctv":"zqxraw-6"},"ts":"2026-11-21T09:00:00Z","provider":"shop","events":[{"name":"page.view","value":"home"}]}
RECORDS
}

load_people() {
    write_people
    ask 0 load people.ndjson
}

# Some segments of them.
save_segments() {
    ask 0 segment set germans 'geo.country = "DE"' --name 'In Germany' \
        --priority 5
    ask 0 segment set pricing 'page.view = "pricing" within 30 days'
    ask 0 segment set buyers 'purchase' --priority 10
    ask 0 segment set internal 'newsletter' --served no
}

# Runs a command on a terminal; what it shows is in the file out.
on_terminal() {
    command -v script >/dev/null || skip "script is not installed"
    last="(terminal) $*"
    commands=$((commands + 1))
    script -qec "$*" /dev/null >out 2>err
    cat out >>written
}

finish() {
    if grep -qF zqxraw written; then
        : >out
        : >err
        fail "a raw id was written: $(grep -F zqxraw written | head -1)"
    fi
    local data=${MUSTER_DATA:-data}
    if [ -d "$data" ] && grep -rqF zqxraw "$data"; then
        : >out
        fail "a raw id stands in $(grep -rlF zqxraw "$data" | head -1)"
    fi
    printf '%d commands, %d failures\n' "$commands" "$failures"
    [ "$failures" -eq 0 ] || exit 1
    exit 0
}
