-- parts/repair.lua: finds tasks that no list or index holds. Needs base, make_runnable, finish, approval.

-- A long list is searched for one task per step only, because Redis waits meanwhile.
local SHORT = 500
local long_search_left = true

local function list_contains(list, id)
  local length = call('LLEN', list)
  if length > SHORT then
    if not long_search_left then return true end
    long_search_left = false
  end
  return length > 0 and call('LPOS', list, id) ~= false
end

-- Also completes the work of a script that broke off while it ended a parent.
local function repair_waiting(id, status)
  local task = fields_of(id, 'depends_on', 'approval_expires', unpack(FINISH_FIELDS))
  local parent = failed_parent(task[1])
  if parent then
    finish(id, 'cancelled', {task[3], task[4], task[5]},
      {'error', 'its parent ' .. parent .. ' did not succeed', 'cancelled_by_parent', parent})
    call('ZREM', TASKS .. 'waiting', id)
    event('cancelled', {id}, '', 'parent ' .. parent)
    publish('completed', {id})
    return 1
  end
  if status == 'waiting' and all_succeeded(task[1]) then
    make_runnable(id, fields_of(id, unpack(RUNNABLE_FIELDS)))
    call('ZREM', TASKS .. 'waiting', id)
    return 1
  end
  if status == 'awaiting_approval' then ensure_run_approval(id) end
  local due = status == 'waiting' and 9999999999999 or task[2] or now
  return call('ZADD', TASKS .. 'waiting', 'NX', due, id)
end

-- Lists are served from their end: in a long one only a task before the next one can be missing.
local function repair_pending(id)
  local task = fields_of(id, unpack(RUNNABLE_FIELDS))
  local list = TASKS .. list_of(task[2], task[3])
  if call('LLEN', list) > SHORT then
    local next_one = fields_of(call('LINDEX', list, -1), 'enqueued_at')[1]
    if num(fields_of(id, 'enqueued_at')[1]) >= num(next_one) then return 0 end
  end
  if list_contains(list, id) then return 0 end
  make_runnable(id, task)
  return 1
end

local function repair_blocked(id)
  local by = fields_of(id, 'blocked_by')[1] or ''
  local kind = string.match(by, '^@(.+)$')
  local stays
  if kind then
    stays = call('HEXISTS', TASKS .. 'paused', kind) == 1
  else
    stays = call('SCARD', TASKS .. 'slots:' .. by) > 0
      and call('SISMEMBER', TASKS .. 'slots:' .. by, id) == 0
  end
  if stays and list_contains(TASKS .. 'blocked:' .. by, id) then return 0 end
  if stays then
    block(id, by)
  else
    make_runnable(id, fields_of(id, unpack(RUNNABLE_FIELDS)))
    call('LREM', TASKS .. 'blocked:' .. by, 0, id)
  end
  return 1
end

-- Not before the time that its producer named.
local function repair_scheduled(id)
  local due = math.max(now, num(fields_of(id, 'not_before')[1]))
  return call('ZADD', TASKS .. 'scheduled', 'NX', due, id)
end

local function repair_task(id, lease)
  local status = fields_of(id, 'status')[1]
  if not status then return 0 end
  if status == 'running' then
    return call('ZADD', TASKS .. 'leases', 'NX', now + lease, id)
  elseif status == 'pending' then
    return repair_pending(id)
  elseif status == 'scheduled' then
    return repair_scheduled(id)
  elseif status == 'blocked' then
    return repair_blocked(id)
  elseif status == 'waiting' or status == 'awaiting_approval' then
    return repair_waiting(id, status)
  elseif status == 'failed' then
    return call('ZADD', TASKS .. 'dead', 'NX', now, id)
  end
  return call('ZADD', TASKS .. 'done', 'NX', now, id)
end

-- A slot is held by a task that runs or is about to; a blocked task keeps it.
local function repair_slots(slot)
  local freed = 0
  for _, id in ipairs(call('SMEMBERS', TASKS .. 'slots:' .. slot)) do
    local status = fields_of(id, 'status')[1]
    if status ~= 'running' and status ~= 'pending' and status ~= 'blocked' then
      free_slot(id, slot)
      freed = freed + 1
    end
  end
  return freed
end

local function repair_key(key, lease)
  if string.sub(key, 1, #TASK) == TASK then
    local name = string.sub(key, #TASK + 1)
    local id, rest = string.match(name, '^([^:]+):(.+)$')
    if not id then return repair_task(name, lease) end
    if rest ~= 'lock' and call('EXISTS', TASK .. id) == 0 then return call('UNLINK', key) end
  else
    local slot = string.match(string.sub(key, #TASKS + 1), '^slots:(.+)$')
    if slot then return repair_slots(slot) end
    local dedup = string.match(string.sub(key, #TASKS + 1), '^dedup:(.+)$')
    if dedup and not is_live(call('GET', key)) then return call('DEL', key) end
  end
  return 0
end

-- Runs one step of the scan: about `count` keys, each on its own.
local function repair_step(count, lease, each)
  local pattern = string.gsub(P, '([%*%?%[%]\\])', '\\%1') .. 'task*'
  local cursor = call('HGET', TASKS .. 'tick', 'cursor') or '0'
  local step = call('SCAN', cursor, 'MATCH', pattern, 'COUNT', count)
  call('HSET', TASKS .. 'tick', 'cursor', step[1])
  local repaired = 0
  for _, key in ipairs(step[2]) do
    each(key, function()
      local result = repair_key(key, lease)
      if type(result) == 'number' then repaired = repaired + result end
    end)
  end
  return repaired
end
