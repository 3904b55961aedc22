-- parts/finish.lua: ends a task for good. Needs base, make_runnable, events.

local FINISH_FIELDS = {'dedup_key', 'concurrency_key', 'children'}

local function all_succeeded(parents)
  for parent in string.gmatch(parents or '', '%S+') do
    if fields_of(parent, 'status')[1] ~= 'success' then return false end
  end
  return true
end

-- Returns the parent that keeps a task from ever running, if there is one.
local function failed_parent(parents)
  for parent in string.gmatch(parents or '', '%S+') do
    local status = fields_of(parent, 'status')[1]
    if not status or status == 'failed' or status == 'cancelled' then return parent end
  end
end

-- Releases the children that wait only for this task.
local function release_children(id)
  for _, child in ipairs(call('SMEMBERS', TASK .. id .. ':children')) do
    local parents = fields_of(child, 'status', 'depends_on')
    if parents[1] == 'waiting' and all_succeeded(parents[2]) then
      make_runnable(child, call('HMGET', TASK .. child, unpack(RUNNABLE_FIELDS)))
      call('ZREM', TASKS .. 'waiting', child)
    end
  end
end

-- Ends one task: first its lists, then its hash, then everything it held. Returns the children that
-- can't run any more.
local function finish_one(id, status, task, fields)
  local orphans = {}
  call('ZADD', TASKS .. (status == 'failed' and 'dead' or 'done'), NOW, id)
  call('ZADD', TASKS .. 'outbox', NOW, id)
  call('HSET', TASK .. id, 'status', status, 'finished_at', NOW, unpack(fields))
  if task[1] and call('GET', TASKS .. 'dedup:' .. task[1]) == id then
    call('DEL', TASKS .. 'dedup:' .. task[1])
  end
  free_slot(id, task[2])
  if task[3] then
    if status == 'success' then
      release_children(id)
    else
      orphans = call('SMEMBERS', TASK .. id .. ':children')
    end
  end
  return orphans
end

-- The earlier task of this id may have been deleted, and another one stored.
local function is_child(id, parent)
  local parents = fields_of(id, 'depends_on')[1] or ''
  return string.find(' ' .. parents .. ' ', ' ' .. parent .. ' ', 1, true)
end

-- Ends a task, and its dependents if it did not succeed. Uses a list instead of recursion, because
-- chains may be long.
local function finish(id, status, task, fields)
  local orphans, cancelled = finish_one(id, status, task, fields), {}
  local todo = {}
  for _, child in ipairs(orphans) do todo[#todo + 1] = {child, id, status} end
  while #todo > 0 do
    local child, parent, how = unpack(table.remove(todo))
    local state = fields_of(child, 'status', unpack(FINISH_FIELDS))
    local waits = state[1] == 'waiting' or state[1] == 'awaiting_approval'
    if waits and is_child(child, parent) then
      local why = 'its parent ' .. parent .. ' ended as ' .. how
      local more = finish_one(child, 'cancelled', {state[2], state[3], state[4]},
        {'error', why, 'cancelled_by_parent', parent})
      call('ZREM', TASKS .. 'waiting', child)
      cancelled[#cancelled + 1] = child
      for _, grandchild in ipairs(more) do
        todo[#todo + 1] = {grandchild, child, 'cancelled'}
      end
    end
  end
  if #cancelled > 0 then
    event('cancelled', cancelled, '', 'parent ' .. id)
    publish('completed', cancelled)
  end
end
