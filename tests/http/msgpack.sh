# shellcheck shell=bash
#
# msgpack.sh - between JSON and msgpack, in tests; sourced before lib.sh,
# which leaves the folder.
#
#   pack      JSON on stdin to msgpack on stdout
#   unpack    the answer in out from msgpack to JSON

msgpack_jq=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

pack() {
    # shellcheck disable=SC2046,SC2059
    printf "$(printf '\\x%02x' $(
        jq -r -L "$msgpack_jq" 'include "msgpack"; pack[]'
    ))"
}

unpack() {
    od -An -v -tu1 out | tr -s ' \n' '\n' | grep . |
        jq -c -s -L "$msgpack_jq" 'include "msgpack"; unpack' >out.json ||
        fail "what came is no msgpack"
    mv out.json out
}
