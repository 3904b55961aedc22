-- retry.lua: an operator retries a task that ended without success, with all its retries.
--
-- ARGV[3] who   ARGV[4] 1 to restore the children that were cancelled with it
-- then ids
--
-- Returns for each: its new status, 'final:success', 'live:STATUS', 'duplicate:ID' (that task holds
-- its dedup_key), 'orphan:ID' (this parent did not succeed and does not run) or 'unknown'.
local results, again = {}, {}
local revive = ARGV[4] == '1'

-- Requests the approval of a task again that was not approved, with the original time for an
-- answer.
local function request_again(id)
  local task = fields_of(id, 'approval_hash', 'approval_expires', 'enqueued_at', 'payload')
  if not task[1] then return false end
  if answer_to(id, task[1]) == 'yes' then return false end
  local expires = int(now + math.max(num(task[2]) - num(task[3]), 0))
  call('ZADD', TASKS .. 'waiting', expires, id)
  call('HSET', TASK .. id, 'status', 'awaiting_approval', 'approval_expires', expires,
    'enqueued_at', NOW)
  request_run_approval(id, task[1], task[4], expires)
  return true
end

-- A marked task is still in its list, where it would be found twice.
local function take_out_marked(id)
  local list = call('HGET', TASK .. id, 'marked')
  if not list then return end
  call('LREM', TASKS .. list, 0, id)
  if call('HINCRBY', TASKS .. 'marked', list, -1) < 1 then
    call('HDEL', TASKS .. 'marked', list)
  end
end

local function restart(id)
  local task = fields_of(id, 'status', 'dedup_key', 'depends_on', 'route', 'children')
  local status = task[1]
  if not status then return 'unknown' end
  if status == 'success' then return 'final:success' end
  if status ~= 'failed' and status ~= 'cancelled' then return 'live:' .. status end
  -- A failed task has run: its parents succeeded, and may be deleted by now.
  local parents = status == 'cancelled' and task[3]
  local parent = failed_parent(parents)
  if parent then return 'orphan:' .. parent end
  if task[2] then
    local other = call('GET', TASKS .. 'dedup:' .. task[2])
    if other and other ~= id and is_live(other) then return 'duplicate:' .. other end
    call('SET', TASKS .. 'dedup:' .. task[2], id)
  end
  local key = TASK .. id
  -- It may run among others again: its crashes are reset.
  if task[4] and string.sub(task[4], 1, 1) == '!' then
    local plain = string.sub(task[4], 2)
    if call('HGET', key, 'type') == plain then plain = '' end
    call('HSET', key, 'route', plain)
  end
  take_out_marked(id)
  local now_is
  if request_again(id) then
    now_is = 'awaiting_approval'
  elseif parents and not all_succeeded(parents) then
    call('ZADD', TASKS .. 'waiting', 9999999999999, id)
    call('HSET', key, 'status', 'waiting')
    now_is = 'waiting'
  else
    -- Workers refuse a signed task before its time, so a retry waits for it too.
    now_is = make_runnable(id, call('HMGET', key, unpack(RUNNABLE_FIELDS)))
  end
  call('HSET', key, 'retry_count', 0, 'failures', 0, 'crashes', 0)
  call('HDEL', key, 'error', 'finished_at', 'cancel_requested', 'cancelled_by_parent', 'result',
    'marked', 'rate_at')
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
      if fields_of(child, 'cancelled_by_parent')[1] == parent then
        restart(child)
        todo[#todo + 1] = child
      end
    end
  end
end

local function retry(at)
  local result, children = restart(ARGV[at])
  if revive and children then start_children(ARGV[at]) end
  results[at - 4] = result
end
for i = 5, #ARGV do retry(i) end
-- A parent may come after its child.
local before
repeat
  before = #again
  for i = 5, #ARGV do
    if string.find(results[i - 4], '^orphan:') then retry(i) end
  end
until #again == before
event('retried', again, ARGV[3])
publish('new', again)
return results
