-- start.lua: a worker marks prefetched tasks as started, before they run. If it dies, only started
-- tasks are charged a crash.
--
-- ARGV[3] id, ARGV[4] fence, and so on
--
-- Returns for each: 'ok', 'already' or 'lost'.
local results = {}
for i = 3, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local task = fields_of(id, 'status', 'fence')
  local refused = claim_error(id, task[1], task[2], fence)
  if not refused then call('HSET', TASK .. id, 'started_at', NOW) end
  results[#results + 1] = refused or 'ok'
end
return results
