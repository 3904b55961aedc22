-- release.lua: a worker returns tasks; it costs them nothing.
--
-- ARGV[3] worker   ARGV[4] why (JSON)   then id, fence, and so on
--
-- Returns for each: 'ok', 'cancelled' (a cancellation was requested), 'already', 'lost'.
--
-- The tasks go where the next claim looks.
local worker = ARGV[3]
local results, ids, back, cancelled = {}, {}, {}, {}
for i = 5, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local task = fields_of(id, 'status', 'fence', 'attempt', 'claimed_at', 'started_at',
    'priority', 'route', 'cancel_requested', unpack(FINISH_FIELDS))
  local result = claim_error(id, task[1], task[2], fence)
  if not result then
    local claim = {task[3], task[2], worker, task[4], task[5]}
    ids[#ids + 1] = id
    if task[8] then
      result = 'cancelled'
      finish(id, 'cancelled', {task[9], task[10], task[11]}, {'error', task[8]})
      cancelled[#cancelled + 1] = id
    else
      result = 'ok'
      push(list_of(task[6], task[7]), task[7], {id}, true)
      call('HSET', TASK .. id, 'status', 'pending')
      back[#back + 1] = id
    end
    record(id, claim, task[8] and 'cancelled' or 'released', ARGV[4])
  end
  results[#results + 1] = result
end
if #ids == 0 then return results end

unlock(ids, worker)
call('ZREM', TASKS .. 'leases', unpack(ids))
event('released', back, worker)
event('cancelled', cancelled, worker)
publish('completed', cancelled)
return results
