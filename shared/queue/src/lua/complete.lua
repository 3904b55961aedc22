-- complete.lua: a worker's tasks succeeded.
--
-- ARGV[3] worker, then tasks in groups whose claims share values: fence, the record of the attempt
-- up to its end, or '' if the worker does not know all of it, number of tasks; then for each of the
-- group: id, result (JSON)
--
-- Returns for each: 'ok', 'already' or 'lost'.
local worker = ARGV[3]
local results, ids, keys, places, records, links, listed, seen = {}, {}, {}, {}, {}, {}, {}, {}
local count, at, last = 0, 4, #ARGV
while at <= last do
  local fence, record_start, size = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  -- Built once per claim: a text per task costs 4 % (`make bench`).
  local whole = record_start ~= '' and record_start .. NOW .. '}'
  at = at + 3
  for i = at, at + 2 * size - 1, 2 do
    local id = ARGV[i]
    local key = TASK .. id
    local task = redis.pcall('HMGET', key, 'status', 'fence', 'links')
    local refused = seen[id] and 'already' or claim_error(id, task[1], task[2], fence)
    if not refused then
      seen[id] = true
      count = count + 1
      ids[count], keys[count], places[count], records[count] = id, key, i, whole
      links[count] = task[3]
      listed[2 * count - 1], listed[2 * count] = NOW, id
    end
    results[#results + 1] = refused or 'ok'
  end
  at = at + 2 * size
end
if count == 0 then return results end

call('ZADD', TASKS .. 'done', unpack(listed))
call('ZADD', TASKS .. 'outbox', unpack(listed))
for n = 1, count do
  local id, result = ids[n], ARGV[places[n] + 1]
  call('HSET', keys[n], 'status', 'success', 'finished_at', NOW, 'result', result)
  if records[n] then
    append_record(id, records[n])
  else
    local claim = call('HMGET', keys[n], 'attempt', 'fence', 'worker_id', 'claimed_at',
      'started_at')
    record(id, claim, 'success')
  end
  if links[n] then
    finish(id, 'success', call('HMGET', keys[n], unpack(FINISH_FIELDS)), {'result', result})
  end
end
unlock(ids, worker)
call('ZREM', TASKS .. 'leases', unpack(ids))
event('success', ids, worker)
publish('completed', ids)
return results
