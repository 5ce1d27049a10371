-- wrk.lua - what bench/http/run makes wrk send: requests that are made before
-- the clock starts, in random order, and one JSON object at the end.
--
--   REQUEST_PATH    @ in it becomes a random number below USERS
--   REQUEST_ITEM    POST {"ids":[...]} of REQUEST_ITEMS times this; @ likewise
--   REQUEST_ACCEPT  an Accept header, REQUEST_KEY a key
--
-- SPDX-License-Identifier: Apache-2.0

local requests = {}
local next_one = 0
local COUNT = 4096

local function setting(name)
    local value = os.getenv(name)
    if value == "" then return nil end
    return value
end

local function drawn(text, users)
    return (text:gsub("@", function() return math.random(0, users - 1) end))
end

function init(_)
    local users = tonumber(setting("USERS") or "1")
    local path = setting("REQUEST_PATH") or "/"
    local item = setting("REQUEST_ITEM")
    local headers = {}
    headers["Accept"] = setting("REQUEST_ACCEPT")
    local key = setting("REQUEST_KEY")
    if key then headers["Authorization"] = "Bearer " .. key end
    if item then headers["Content-Type"] = "application/json" end
    math.randomseed(1)
    for i = 1, COUNT do
        local body
        if item then
            local items = {}
            for j = 1, tonumber(setting("REQUEST_ITEMS")) do
                items[j] = drawn(item, users)
            end
            body = '{"ids":[' .. table.concat(items, ",") .. "]}"
        end
        requests[i] = wrk.format(item and "POST" or "GET",
            drawn(path, users), headers, body)
    end
end

function request()
    next_one = next_one % COUNT + 1
    return requests[next_one]
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format(
        '{"done":%d,"per_s":%.0f,"p50_us":%d,"p99_us":%d,"p999_us":%d,' ..
        '"max_us":%d,"other":%d,"broken":%d}\n',
        summary.requests, summary.requests / summary.duration * 1e6,
        latency:percentile(50), latency:percentile(99),
        latency:percentile(99.9), latency.max, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
