# shellcheck shell=bash disable=SC2034
#
# lib.sh - what the tests of the server share, on top of tests/cli/lib.sh;
# sourced, not run.
#
#   serve OPTION...            starts `muster serve` on a free port, with the
#                              clock of the people; $URL is where it answers
#   stop_server                ends it by SIGTERM; its exit code must be 0
#   run_server CODE OPTION...  one that must not start: exits with CODE
#   get CODE PATH [CURL...]    a request by curl; its status must be CODE; the
#   post CODE PATH BODY [CURL...]  body is in the file out, the headers are in
#                              the file headers. BODY is JSON, or @file, sent
#                              as application/json unless told otherwise
#   echoing COMMAND...         one of these whose answer gives back what it got
#   header NAME TEXT           the answer's header is TEXT, or begins with it
#                              before a semicolon
#   value_of NAME              prints the answer's header
#
# No request takes longer than CURL_SECONDS. What the server writes is looked
# through for raw ids as all else is (finish).

. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

CURL_SECONDS=60
URL=
server_pid=
may_echo=

end_server() {
    [ -n "$server_pid" ] || return 0
    kill -KILL "$server_pid" 2>/dev/null
    wait "$server_pid" 2>/dev/null
    server_pid=
}
trap end_server EXIT

has_url() {
    URL=$(grep -ohE 'https?://(127\.0\.0\.1|\[::1\]):[0-9]+' server.out server.err |
        head -1)
    [ -n "$URL" ] || ! kill -0 "$server_pid" 2>/dev/null
}

serve() {
    last="serve $*"
    commands=$((commands + 1))
    : >server.out # nothing of one before stands there for a moment
    : >server.err
    "$MUSTER" --now "$NOW" serve --listen 127.0.0.1:0 "$@" \
        >server.out 2>server.err </dev/null &
    server_pid=$!
    await has_url
    if [ -z "$URL" ]; then
        cp server.out out
        cp server.err err
        fail "the server did not start"
        finish
    fi
}

stop_server() {
    local code=0
    last="serve, ended"
    kill -TERM "$server_pid" && wait "$server_pid" || code=$?
    server_pid=
    cat server.out server.err >>written
    cp server.out out
    cp server.err err
    [ "$code" -eq 0 ] || fail "the server's exit code is $code"
}

# The server ends before its writing is looked through.
eval "finish_program() $(declare -f finish | tail -n +2)"
finish() {
    [ -z "$server_pid" ] || stop_server
    finish_program
}

run_server() {
    local want=$1
    shift
    run "$want" serve --listen 127.0.0.1:0 "$@"
}

# request CODE PATH CURL-ARGUMENT...
request() {
    local want=$1 path=$2 got
    shift 2
    last="$path $*"
    commands=$((commands + 1))
    : >out
    got=$(curl -sS -o out -D headers -w '%{http_code}' -m "$CURL_SECONDS" \
        --path-as-is "$@" "$URL$path" 2>err)
    [ -n "$may_echo" ] || cat out >>written
    cat err headers >>written
    [ "$got" = "$want" ] || fail "status $got, not $want"
}

echoing() {
    may_echo=yes
    "$@"
    may_echo=
}

get() {
    local want=$1 path=$2
    shift 2
    request "$want" "$path" "$@"
}

post() {
    local want=$1 path=$2 body=$3 word
    local -a type=(-H 'Content-Type: application/json')
    shift 3
    for word; do
        case $word in Content-Type:*) type=() ;; esac
    done
    request "$want" "$path" "${type[@]}" "$@" --data-binary "$body"
}

value_of() {
    sed -n "s/^$1: *\\(.*\\)\r\$/\\1/ip" headers | tail -1
}

header() {
    local value
    value=$(value_of "$1")
    [ "${value%%;*}" = "$2" ] || [ "$value" = "$2" ] ||
        fail "$1 is $value, not $2"
}
