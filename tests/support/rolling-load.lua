-- Load for wrk: sends the requests of the command line (METHOD PATH) in turn, with one person's token.
local requests = {}
local turn = 0
local failed = {}
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  local headers = { ["Authorization"] = "Bearer " .. arguments[1], ["Content-Type"] = "application/json" }
  for index = 2, #arguments do
    local method, path = arguments[index]:match("^(%u+) (.+)$")
    local body = method == "POST" and '{"text":"posted during a rolling restart"}' or nil
    table.insert(requests, wrk.format(method, path, headers, body))
  end
  answered = 0
  refused = 0
  reasons = ""
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function response(status, headers, body)
  answered = answered + 1
  if status < 200 or status > 299 then
    refused = refused + 1
    if refused <= 5 then reasons = reasons .. status .. " " .. body .. "\n" end
  end
end

function done(summary, latency)
  local answered, refused, reasons = 0, 0, ""
  for _, thread in ipairs(threads) do
    answered = answered + thread:get("answered")
    refused = refused + thread:get("refused")
    reasons = reasons .. thread:get("reasons")
  end
  local errors = summary.errors
  io.write(string.format(
    "answered=%d refused=%d connect=%d read=%d write=%d timeout=%d p99=%.1fms\n%s",
    answered, refused, errors.connect, errors.read, errors.write, errors.timeout, latency:percentile(99) / 1000, reasons))
end
