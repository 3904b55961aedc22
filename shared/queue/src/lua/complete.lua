-- complete.lua: a worker's tasks succeeded.
--
-- ARGV[3] worker, then for each task: id, fence, result (JSON), and the record
-- of the attempt up to its end, or '' where the worker does not know it all
--
-- Returns for each: 'ok', 'already' or 'lost'.
local worker = ARGV[3]
local results, ids, listed, links, at, seen = {}, {}, {}, {}, {}, {}
local count = 0
for i = 4, #ARGV, 4 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local task = fields_of(id, 'status', 'fence', 'links')
  local no = seen[id] and 'already' or not_held(id, task[1], task[2], fence)
  if not no then
    seen[id] = true
    count = count + 1
    ids[count], links[count], at[count] = id, task[3], i
    listed[2 * count - 1], listed[2 * count] = NOW, id
  end
  results[#results + 1] = no or 'ok'
end
if count == 0 then return results end

call('ZADD', TASKS .. 'done', unpack(listed))
call('ZADD', TASKS .. 'outbox', unpack(listed))
for n = 1, count do
  local id, i = ids[n], at[n]
  local result, told = ARGV[i + 2], ARGV[i + 3]
  call('HSET', TASK .. id, 'status', 'success', 'finished_at', NOW, 'result', result)
  if told ~= '' then
    keep_record(id, told .. NOW .. '}')
  else
    local claim = call('HMGET', TASK .. id, 'attempt', 'fence', 'worker_id', 'claimed_at',
      'started_at')
    record(id, claim, 'success')
  end
  if links[n] then
    finish(id, 'success', call('HMGET', TASK .. id, unpack(FINISH)), {'result', result})
  end
end
unlock(ids, worker)
call('ZREM', TASKS .. 'leases', unpack(ids))
event('success', ids, worker)
publish('completed', ids)
return results
