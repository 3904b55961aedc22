-- fail.lua: a worker's tasks did not succeed.
--
-- ARGV[3] worker   ARGV[4] the number of retries of a task
-- then for each task: id, fence, error (text), error (JSON), 1 if it may be retried, ms until the
-- retry, result (JSON or '')
--
-- Returns for each: 'scheduled', 'failed', 'cancelled' (a cancellation was requested), 'already' or
-- 'lost'.
local worker, retries = ARGV[3], tonumber(ARGV[4])
local results, ids, ended = {}, {}, {}
for i = 5, #ARGV, 7 do
  local id, fence, why = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local task = fields_of(id, 'status', 'fence', 'attempt', 'claimed_at', 'started_at',
    'retry_count', 'failures', 'cancel_requested', unpack(FINISH_FIELDS))
  local result = claim_error(id, task[1], task[2], fence)
  if not result then
    local links = {task[9], task[10], task[11]}
    local claim = {task[3], task[2], worker, task[4], task[5]}
    local used, failures = num(task[6]), num(task[7])
    local fields = {'error', why}
    if ARGV[i + 6] ~= '' then
      fields[3], fields[4] = 'result', ARGV[i + 6]
    end
    if task[8] then
      result = 'cancelled'
      fields[2] = task[8]
      finish(id, 'cancelled', links, fields)
      record(id, claim, 'cancelled', ARGV[i + 3])
    elseif ARGV[i + 4] == '1' and used < retries then
      result = 'scheduled'
      call('ZADD', TASKS .. 'scheduled', now + tonumber(ARGV[i + 5]), id)
      call('HSET', TASK .. id, 'status', 'scheduled', 'retry_count', used + 1,
        'failures', failures + 1, unpack(fields))
      free_slot(id, task[10])
      record(id, claim, 'failed', ARGV[i + 3])
    else
      result = 'failed'
      fields[#fields + 1] = 'failures'
      fields[#fields + 1] = failures + 1
      finish(id, 'failed', links, fields)
      record(id, claim, 'failed', ARGV[i + 3])
    end
    ids[#ids + 1] = id
    ended[result] = ended[result] or {}
    table.insert(ended[result], id)
  end
  results[#results + 1] = result
end
if #ids == 0 then return results end

unlock(ids, worker)
call('ZREM', TASKS .. 'leases', unpack(ids))
local failed = {}
for result, some in pairs(ended) do
  event(result == 'scheduled' and 'retry' or result, some, worker)
  if result ~= 'cancelled' then
    for _, id in ipairs(some) do failed[#failed + 1] = id end
  end
end
publish('failed', failed)
if ended['cancelled'] then publish('completed', ended['cancelled']) end
return results
