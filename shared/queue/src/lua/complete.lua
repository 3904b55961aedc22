-- complete.lua: a worker's tasks succeeded.
--
-- ARGV[3] worker, then for each task: id, fence, result (JSON)
--
-- Returns for each: 'ok', 'already' or 'lost'.
local worker = ARGV[3]
local results, ids, listed, outcome, seen = {}, {}, {}, {}, {}
for i = 4, #ARGV, 3 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local task = fields_of(id, 'status', 'fence', 'attempt', 'claimed_at', 'started_at', 'links')
  local no = seen[id] and 'already' or not_held(id, task[1], task[2], fence)
  if not no then
    seen[id] = true
    ids[#ids + 1] = id
    outcome[#outcome + 1] = {id, task, ARGV[i + 2]}
    listed[#listed + 1] = NOW
    listed[#listed + 1] = id
  end
  results[#results + 1] = no or 'ok'
end
if #ids == 0 then return results end

call('ZADD', TASKS .. 'done', unpack(listed))
call('ZADD', TASKS .. 'outbox', unpack(listed))
for _, one in ipairs(outcome) do
  local id, task = one[1], one[2]
  call('HSET', TASK .. id, 'status', 'success', 'finished_at', NOW, 'result', one[3])
  record(id, {task[3], task[2], worker, task[4], task[5]}, 'success')
  if task[6] then
    finish(id, 'success', call('HMGET', TASK .. id, unpack(FINISH)), {'result', one[3]})
  end
end
unlock(ids, worker)
call('ZREM', TASKS .. 'leases', unpack(ids))
event('success', ids, worker)
publish('completed', ids)
return results
