-- For wrk. BENCH_KEY: the bearer key. BENCH_CASE: hit (twenty tasks again and again), miss (each task is new), accept (new, in the
-- background) or poll (BENCH_PATH, read). Each answer is looked at: its status, and what has to stand in it.
local case = os.getenv("BENCH_CASE")
local said = "Summarise the plan of the quarter in three points, each with an owner, a date and a figure to be reached."
local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY") }
local started, number = os.time(), 0
local expected = { hit = '"result":"Reduce', miss = '"result":"Reduce', accept = '"status":"queued"', poll = '"task_id"' }

function request()
  if case == "poll" then return wrk.format("GET", os.getenv("BENCH_PATH"), headers) end
  number = number + 1
  local reference = case == "hit" and tostring(number % 20) or started .. "-" .. number
  local more = case == "accept" and ',"async_execution":true' or ""
  return wrk.format("POST", wrk.path, headers, '{"task":"' .. said .. " (" .. reference .. ')","agent_type":"general"' .. more .. "}")
end

wrong = 0
function response(status, _, body)
  if status >= 300 or not string.find(body, expected[case], 1, true) then
    wrong = wrong + 1
    if wrong == 1 then io.stderr:write(status .. " " .. string.sub(body, 1, 300) .. "\n") end
  end
end

local threads = {}
function setup(thread) table.insert(threads, thread) end

function done(summary, latency)
  local all = 0
  for _, thread in ipairs(threads) do all = all + (thread:get("wrong") or 0) end
  io.write(string.format('{"rps": %.1f, "p50_ms": %.2f, "p95_ms": %.2f, "requests": %d, "wrong": %d, "timeouts": %d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(95) / 1000,
    summary.requests, all, summary.errors.timeout + summary.errors.connect + summary.errors.read))
end
