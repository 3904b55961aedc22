-- retry.lua: a task that ended without success runs once more, with all its
-- tries; by hand.
--
-- ARGV[3] who   ARGV[4] 1 to bring back the children that were cancelled with it
-- then ids
--
-- Returns for each: its new status, 'final:success', 'live:STATUS',
-- 'duplicate:ID' (its dedup_key is another's by now) or 'unknown'.
local results, again = {}, {}
local revive = ARGV[4] == '1'

local function start_over(id)
  local task = call('HMGET', TASK .. id, 'status', 'dedup_key', 'depends_on', 'route', 'children')
  local status = task[1]
  if not status then return 'unknown' end
  if status == 'success' then return 'final:success' end
  if status ~= 'failed' and status ~= 'cancelled' then return 'live:' .. status end
  if task[2] then
    local other = call('GET', TASKS .. 'dedup:' .. task[2])
    if other and other ~= id and live(other) then return 'duplicate:' .. other end
    call('SET', TASKS .. 'dedup:' .. task[2], id)
  end
  local key = TASK .. id
  -- It may run among others again: what it did to its workers is forgiven.
  if task[4] and string.sub(task[4], 1, 1) == '!' then
    local plain = string.sub(task[4], 2)
    if call('HGET', key, 'type') == plain then plain = '' end
    call('HSET', key, 'route', plain)
  end
  local now_is
  if task[3] and not all_succeeded(task[3]) then
    call('ZADD', TASKS .. 'waiting', 9999999999999, id)
    call('HSET', key, 'status', 'waiting')
    now_is = 'waiting'
  else
    local fields = call('HMGET', key, unpack(READY))
    fields[4] = false
    now_is = ready(id, fields)
  end
  call('HSET', key, 'retry_count', 0, 'failures', 0, 'crashes', 0)
  call('HDEL', key, 'error', 'finished_at', 'cancel_requested', 'cancelled_by_parent', 'result',
    'not_before')
  call('ZREM', TASKS .. 'dead', id)
  call('ZREM', TASKS .. 'done', id)
  call('ZREM', TASKS .. 'outbox', id)
  again[#again + 1] = id
  return now_is, task[5]
end

local function start_children(id)
  local todo = {id}
  while #todo > 0 do
    local parent = table.remove(todo)
    for _, child in ipairs(call('SMEMBERS', TASK .. parent .. ':children')) do
      if call('HGET', TASK .. child, 'cancelled_by_parent') == parent then
        start_over(child)
        todo[#todo + 1] = child
      end
    end
  end
end

for i = 5, #ARGV do
  local result, children = start_over(ARGV[i])
  if revive and children then start_children(ARGV[i]) end
  results[#results + 1] = result
end
event('retried', again, ARGV[3])
publish('new', again)
return results
