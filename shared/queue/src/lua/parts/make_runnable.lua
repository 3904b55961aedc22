-- parts/make_runnable.lua: moves a runnable task to its place. Needs base.

local RUNNABLE_FIELDS = {'status', 'priority', 'route', 'not_before', 'concurrency_key'}

-- Returns the list in which such a task waits for a worker, without the prefix. A route is a type
-- and labels; with '!' before it, of tasks that run alone.
local function list_of(priority, route)
  local list = 'pending'
  if priority and priority ~= 'normal' then list = list .. ':' .. priority end
  if route and route ~= '' then list = list .. '@' .. route end
  return list
end

-- Adds one token for each of `n` new tasks, at most 1,024 in total: each wakes one idle worker. A
-- hint: the next tick adds missing tokens.
local function wake(route, n)
  local key = TASKS .. 'wake'
  if route and route ~= '' then key = key .. '@' .. route end
  if n > 1 then n = math.min(n, 1024 - num(redis.pcall('LLEN', key))) end
  if n < 1 then return end
  local tokens = {}
  for i = 1, n do tokens[i] = '1' end
  if num(redis.pcall('LPUSH', key, unpack(tokens))) > 1024 then call('LTRIM', key, 0, 1023) end
end

-- Adds runnable ids to a list. `first` puts them where the next claim looks.
local function push(list, route, ids, first)
  if route and route ~= '' then call('HSET', TASKS .. 'routes', route, NOW) end
  call(first and 'RPUSH' or 'LPUSH', TASKS .. list, unpack(ids))
  wake(route, #ids)
end

-- Blocks a task behind a key. `blocked` names the keys with such a list.
local function block(id, by)
  call('SADD', TASKS .. 'blocked', by)
  call('RPUSH', TASKS .. 'blocked:' .. by, id)
  call('HSET', TASK .. id, 'status', 'blocked', 'blocked_by', by)
end

-- Moves a task that nothing else holds back to its place: scheduled, behind another task of its
-- concurrency key, or pending. `task` has the fields of READY. Returns its new status. The caller
-- removes it from its old place.
local function make_runnable(id, task, first)
  local _, priority, route, not_before, slot = unpack(task, 1, 5)
  local key = TASK .. id
  if not_before and tonumber(not_before) > now then
    call('ZADD', TASKS .. 'scheduled', not_before, id)
    call('HSET', key, 'status', 'scheduled')
    return 'scheduled'
  end
  if slot and slot ~= '' then
    local slots = TASKS .. 'slots:' .. slot
    if call('SISMEMBER', slots, id) == 0 then
      if call('SCARD', slots) > 0 then
        block(id, slot)
        return 'blocked'
      end
      call('SADD', slots, id)
    end
  end
  push(list_of(priority, route), route, {id}, first)
  call('HSET', key, 'status', 'pending')
  return 'pending'
end

-- Releases a task's slot, and lets the next task of its concurrency key run.
local function free_slot(id, slot)
  if not slot or slot == '' then return end
  local slots, blocked = TASKS .. 'slots:' .. slot, TASKS .. 'blocked:' .. slot
  call('SREM', slots, id)
  while call('SCARD', slots) == 0 do
    local other = call('LINDEX', blocked, 0)
    if not other then
      call('SREM', TASKS .. 'blocked', slot)
      return
    end
    local task = fields_of(other, unpack(RUNNABLE_FIELDS))
    if task[1] == 'blocked' then make_runnable(other, task) end
    call('LPOP', blocked)
  end
end
