# schema.jq - does a value fit a schema of the OpenAPI document? Knows what
# engine/http/openapi.c writes, and prints what does not fit.
#
#   jq -n --slurpfile doc openapi.json --slurpfile value out
#       --argjson schema '{"$ref":"#/components/schemas/Count"}' -f schema.jq

def named: ltrimstr("#/components/schemas/") as $name
    | $doc[0].components.schemas[$name];

def findings($s; $v; $at):
    if $s["$ref"] then findings($s["$ref"] | named; $v; $at)
    elif $s.anyOf then
        [$s.anyOf[] | [findings(.; $v; $at)] | select(length == 0)]
        | select(length == 0) | "\($at): fits none of its types"
    elif $s.enum then
        select($s.enum | index([$v]) | not) | "\($at): \($v) is no such word"
    elif $s.type == "object" then
        if ($v | type) != "object" then "\($at): no object"
        else
            (($s.required // [])[] | select(. as $k | $v | has($k) | not)
                | "\($at)/\(.): missing"),
            ($v | keys[] as $k
                | if ($s.properties // {})[$k] then
                    findings($s.properties[$k]; $v[$k]; "\($at)/\($k)")
                  elif $s.additionalProperties == true then empty
                  elif $s.additionalProperties then
                    findings($s.additionalProperties; $v[$k]; "\($at)/\($k)")
                  else "\($at)/\($k): not told of" end)
        end
    elif $s.type == "array" then
        if ($v | type) != "array" then "\($at): no list"
        else $v | to_entries[]
            | findings($s.items; .value; "\($at)/\(.key)") end
    elif $s.type == "integer" then
        select(($v | type) != "number" or ($v | floor) != $v)
        | "\($at): no whole number"
    elif $s.format == "date-time" then
        select(($v | type) != "string"
            or ($v | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$") | not))
        | "\($at): no time"
    elif $s.type then
        select(($v | type) != $s.type) | "\($at): no \($s.type)"
    else empty end;

findings($schema; $value[0]; "")
