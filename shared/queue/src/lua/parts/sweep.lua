-- parts/sweep.lua: finds tasks that no list or index knows. Needs base, ready,
-- finish, approval.

local function sweep_waiting(id, status)
  if status == 'awaiting_approval' then ask_if_missing(id) end
  if call('ZSCORE', TASKS .. 'waiting', id) then return 0 end
  if status == 'waiting' and all_succeeded(call('HGET', TASK .. id, 'depends_on')) then
    ready(id, call('HMGET', TASK .. id, unpack(READY)))
  else
    local expires = call('HGET', TASK .. id, 'approval_expires')
    call('ZADD', TASKS .. 'waiting', status == 'waiting' and 9999999999999 or expires or now, id)
  end
  return 1
end

local function sweep_pending(id)
  local task = call('HMGET', TASK .. id, unpack(READY))
  if call('EXISTS', TASKS .. list_of(task[2], task[3])) == 1 then return 0 end
  ready(id, task)
  return 1
end

local function sweep_blocked(id)
  local by = call('HGET', TASK .. id, 'blocked_by') or ''
  local kind = string.match(by, '^@(.+)$')
  local stays
  if kind then
    stays = call('HEXISTS', TASKS .. 'paused', kind) == 1
  else
    stays = call('SCARD', TASKS .. 'slots:' .. by) > 0
  end
  if stays and call('EXISTS', TASKS .. 'blocked:' .. by) == 1 then return 0 end
  if stays then
    block(id, by)
  else
    ready(id, call('HMGET', TASK .. id, unpack(READY)))
    call('LREM', TASKS .. 'blocked:' .. by, 0, id)
  end
  return 1
end

local function sweep_task(id, lease)
  local status = redis.pcall('HGET', TASK .. id, 'status')
  if type(status) == 'table' or not status then return 0 end
  if status == 'running' then
    return call('ZADD', TASKS .. 'leases', 'NX', now + lease, id)
  elseif status == 'pending' then
    return sweep_pending(id)
  elseif status == 'scheduled' then
    return call('ZADD', TASKS .. 'scheduled', 'NX', NOW, id)
  elseif status == 'blocked' then
    return sweep_blocked(id)
  elseif status == 'waiting' or status == 'awaiting_approval' then
    return sweep_waiting(id, status)
  elseif status == 'failed' then
    return call('ZADD', TASKS .. 'dead', 'NX', NOW, id)
  end
  return call('ZADD', TASKS .. 'done', 'NX', NOW, id)
end

-- A slot is held by a task that runs or is about to.
local function sweep_slots(slot)
  local freed = 0
  for _, id in ipairs(call('SMEMBERS', TASKS .. 'slots:' .. slot)) do
    local status = redis.pcall('HGET', TASK .. id, 'status')
    if status ~= 'running' and status ~= 'pending' and status ~= 'blocked' then
      free_slot(id, slot)
      freed = freed + 1
    end
  end
  return freed
end

local function sweep_key(key, lease)
  if string.sub(key, 1, #TASK) == TASK then
    local name = string.sub(key, #TASK + 1)
    local id, rest = string.match(name, '^([^:]+):(.+)$')
    if not id then return sweep_task(name, lease) end
    if rest ~= 'lock' and call('EXISTS', TASK .. id) == 0 then return call('UNLINK', key) end
  else
    local slot = string.match(string.sub(key, #TASKS + 1), '^slots:(.+)$')
    if slot then return sweep_slots(slot) end
    local dedup = string.match(string.sub(key, #TASKS + 1), '^dedup:(.+)$')
    if dedup and not live(call('GET', key)) then return call('DEL', key) end
  end
  return 0
end

-- One step of the walk: about `count` keys.
local function sweep(count, lease)
  local pattern = string.gsub(P, '([%*%?%[%]\\])', '\\%1') .. 'task*'
  local cursor = call('HGET', TASKS .. 'tick', 'cursor') or '0'
  local step = call('SCAN', cursor, 'MATCH', pattern, 'COUNT', count)
  local mended = 0
  for _, key in ipairs(step[2]) do
    local result = sweep_key(key, lease)
    if type(result) == 'number' then mended = mended + result end
  end
  call('HSET', TASKS .. 'tick', 'cursor', step[1])
  return mended
end
