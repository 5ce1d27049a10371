# msgpack.jq - msgpack as a list of its bytes, enough of it for the answers of
# the server: for msgpack.sh.

def bytes($n): . as $v | [range($n - 1; -1; -1) as $i
    | ($v / pow(256; $i) | floor) % 256];

def head($fix; $below; $wide):
    if . < $below then [$fix + .] else [$wide] + bytes(2) end;

def pack:
    if . == null then [192]
    elif . == false then [194]
    elif . == true then [195]
    elif type == "number" then
        if . < 128 then [.] else [207] + bytes(8) end
    elif type == "string" then explode | (length | head(160; 32; 218)) + .
    elif type == "array" then
        (length | head(144; 16; 220)) + (map(pack) | add // [])
    else
        (length | head(128; 16; 222))
        + ([to_entries[] | (.key | pack) + (.value | pack)] | add // [])
    end;

# The value that begins at a byte, and the byte behind it.
def item($b; $at):
    def number($n): reduce range($n) as $i (0; . * 256 + $b[$at + 1 + $i]);
    def text($n; $from): [($b[$from:$from + $n] | implode), $from + $n];
    def elements($n; $from):
        reduce range($n) as $i ([[], $from];
            . as [$all, $next] | item($b; $next) as [$v, $to]
            | [$all + [$v], $to]);
    def members($n; $from):
        elements($n * 2; $from) as [$all, $to]
        | [reduce range($n) as $i ({}; .[$all[$i * 2]] = $all[$i * 2 + 1]),
           $to];
    $b[$at] as $h
    | if $h < 128 then [$h, $at + 1]
      elif $h < 144 then members($h - 128; $at + 1)
      elif $h < 160 then elements($h - 144; $at + 1)
      elif $h < 192 then text($h - 160; $at + 1)
      elif $h == 192 then [null, $at + 1]
      elif $h == 194 or $h == 195 then [$h == 195, $at + 1]
      elif $h >= 204 and $h <= 207 then
          pow(2; $h - 204) as $n | [number($n), $at + 1 + $n]
      elif $h == 217 then text(number(1); $at + 2)
      elif $h == 218 then text(number(2); $at + 3)
      elif $h == 220 then elements(number(2); $at + 3)
      elif $h == 222 then members(number(2); $at + 3)
      else error("byte \($h) at \($at)") end;

def unpack: . as $b | item($b; 0) as [$v, $to]
    | if $to == ($b | length) then $v
      else error("\($to) of \($b | length) bytes") end;
