# rooms.awk: reads rooms.txt, then C sources named from the top of the tree,
# and prints "file:line: what is wrong" for each rule that is broken:
#
#   includes   downhill only, through doors only (rooms.txt)
#   libraries  each in its rooms only (rooms.txt)
#   raw ids    the sealed fields are touched in engine/identity only
#   functions  none of the C library's unsafe or locale-bound ones
#   length     no file above 1,000 lines
#
# Comments and the insides of strings are not looked at. The exit code is 1
# when anything was printed.

function wrong(text) {
    print FILENAME ":" FNR ": " text
    failed = 1
}

# The line without comments and without what stands between quotes.
function code_of(s,    out, at, mark) {
    out = ""
    while (s != "") {
        if (in_comment) {
            at = index(s, "*/")
            if (!at) return out
            s = substr(s, at + 2)
            in_comment = 0
            out = out " "
        } else if (!match(s, /\/\*|\/\/|"|'/)) {
            return out s
        } else {
            mark = substr(s, RSTART, RLENGTH)
            out = out substr(s, 1, RSTART - 1)
            s = substr(s, RSTART + RLENGTH)
            if (mark == "//") return out
            if (mark == "/*") {
                in_comment = 1
            } else {
                s = behind_quote(s, mark)
                out = out mark mark
            }
        }
    }
    return out
}

function behind_quote(s, mark,    c) {
    while (s != "") {
        c = substr(s, 1, 1)
        s = substr(s, c == "\\" ? 3 : 2)
        if (c == mark) break
    }
    return s
}

# engine/x/y.c -> x, engine/y.c -> wiring, tools/y.c -> program,
# include/muster/y.h -> public; "" for tests and benches, which see everything.
function room_of(file,    part, n) {
    n = split(file, part, "/")
    if (part[1] == "engine") return n == 2 ? "wiring" : part[2]
    if (part[1] == "tools") return "program"
    if (part[1] == "include") return "public"
    return ""
}

function check_include(target,    part, n, other) {
    n = split(target, part, "/")
    if (n == 1) {
        if (room == "wiring" || room == "program") return
        wrong("include " room "'s headers as \"" room "/...\": " target)
        return
    }
    other = part[1]
    if (other == room || other == "muster") return
    if (room == "public") {
        wrong("a public header includes only <muster/...>: " target)
    } else if (!(other in number)) {
        wrong("no such room: " target)
    } else if (only[room] != "" && index(only[room], " " other " ") == 0) {
        wrong(room " sees only <muster/...> and" only[room] "not " target)
    } else if (number[other] >= number[room]) {
        wrong(room " (" number[room] ") may not include " other " (" \
              number[other] "): " target)
    } else if (other != "base" && target != other "/" other ".h") {
        wrong("go through the door " other "/" other ".h, not " target)
    }
}

function check_libraries(text, target,    name) {
    for (name in homes) {
        if (index(homes[name], " " room " ")) continue
        if (target != "" ? target ~ ("^" header[name]) : \
            text ~ ("(^|[^A-Za-z0-9_])(" symbol[name] ")"))
            wrong(name " belongs to" homes[name] "only")
    }
}

FILENAME ~ /rooms\.txt$/ {
    if ($1 == "room") {
        number[$2] = $3
        only[$2] = ""
        for (i = 4; i <= NF; i++) only[$2] = only[$2] " " $i
        if (NF > 3) only[$2] = only[$2] " "
    }
    if ($1 == "library") {
        header[$2] = $3
        symbol[$2] = $4
        homes[$2] = " "
        for (i = 5; i <= NF; i++) homes[$2] = homes[$2] $i " "
    }
    next
}

FNR == 1 {
    in_comment = 0
    room = room_of(FILENAME)
    if (room != "" && room != "public" && !(room in number))
        wrong("the room " room " does not stand in tests/tidy/rooms.txt")
}

FNR == 1001 { wrong("the file has more than 1,000 lines") }

{
    included = ""
    if (!in_comment && match($0, /^[ \t]*#[ \t]*include[ \t]*["<][^">]*/)) {
        included = substr($0, RSTART, RLENGTH)
        quoted = included ~ /"/
        sub(/^[^"<]*["<]/, "", included)
    }
    text = code_of($0)
}

room != "" && included != "" && (quoted || included ~ /^muster\//) {
    check_include(included)
}

room != "" { check_libraries(text, included) }

text ~ /(\.|->)[ \t]*sealed(_len)?([^A-Za-z0-9_]|$)/ &&
        FILENAME !~ /^(engine|tests)\/identity\// {
    wrong("a raw id does not leave engine/identity")
}

match(text, /(^|[^A-Za-z0-9_])(strcpy|strcat|v?sprintf|gets|strtok|ato[ifl]|s?rand|localtime(_r)?)[ \t]*\(/) {
    name = substr(text, RSTART, RLENGTH)
    gsub(/[^A-Za-z_]/, "", name)
    wrong(name "() is not used here")
}

END { exit failed }
