-- tick.lua: handles everything that is due. Every process calls it; at most one call a second takes
-- effect, more if the last one left work.
--
-- ARGV[3] lease in ms   ARGV[4] crashes allowed per task   ARGV[5] finished tasks to keep
-- ARGV[6] ms to keep them   ARGV[7] minimum age in ms for trimming
-- ARGV[8] 1 to run at once, whatever the last tick was
--
-- Returns {1 if it took effect, ms since the last effective tick, reaped, due, expired, trimmed,
-- repaired, entries left in adopting, broken parts}.
--
-- Each part is independent: a broken key stops the parts that need it, and is named; the rest
-- continues.
local lease, crashes_allowed = tonumber(ARGV[3]), tonumber(ARGV[4])
local mark = TASKS .. 'tick'
local last, more_left = unpack(call('HMGET', mark, 'at', 'more'))
local since = last and now - num(last) or -1
if ARGV[8] ~= '1' and last and since >= 0 and since < 1000 and more_left ~= '1' then
  return {0, since, 0, 0, 0, 0, 0, {}, {}}
end
local more = false

local broken = {}
local function part(what, work)
  local whole, problem = pcall(work)
  if not whole and #broken < 10 then
    broken[#broken + 1] = what .. ': ' .. (type(problem) == 'table' and problem.err or problem)
  end
end

-- No tick ran for a while (Redis or all processes were away), or the clock jumped: every living
-- worker gets time to renew. The limit is shorter than the rest of a lease that is renewed three
-- times.
local longest_gap = math.min(5000, lease * 2 / 3)
local function extend_all()
  local leases, ids = TASKS .. 'leases', {}
  local all = call('ZRANGE', leases, 0, -1)
  for i = 1, #all, 500 do
    local scored = {}
    for j = i, math.min(i + 499, #all) do
      scored[#scored + 1] = now + lease
      scored[#scored + 1] = all[j]
    end
    call('ZADD', leases, unpack(scored))
  end
end

-- The clock was set back: short waits must not become hours. A time that the producer named stays.
local function set_back(ms)
  local all = call('ZRANGE', TASKS .. 'scheduled', 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    local named = num(fields_of(all[i], 'not_before')[1])
    call('ZADD', TASKS .. 'scheduled', int(math.max(named, num(all[i + 1]) - ms)), all[i])
  end
end

local CLAIM = {'status', 'fence', 'worker_id', 'attempt', 'claimed_at', 'started_at', 'crashes',
  'priority', 'route', 'type', 'cancel_requested'}

-- Takes a task from a worker that has not renewed its lease.
local function reap(id)
  local task = fields_of(id, unpack(CLAIM))
  if not task[1] then quarantine_id(id, 'its hash was gone when its lease ended') end
  if task[1] ~= 'running' then return nil end
  local fence, worker, started = task[2], task[3], task[6] and task[6] ~= ''
  local crashes = num(task[7]) + (started and 1 or 0)
  local route = task[9] or ''
  local was_alone = string.sub(route, 1, 1) == '!'
  local links = call('HMGET', TASK .. id, unpack(FINISH_FIELDS))
  local claim = {task[4], fence, worker, task[5], task[6]}
  -- The fence grows: every later call of this worker is refused.
  local fields = {'fence', int(num(fence) + 1), 'crashes', crashes}
  local outcome
  if task[11] then
    outcome = 'cancelled'
    fields[5], fields[6] = 'error', task[11]
    finish(id, 'cancelled', links, fields)
  elseif started and crashes >= crashes_allowed and was_alone then
    outcome = 'failed'
    fields[5] = 'error'
    fields[6] = 'its worker died ' .. crashes .. ' times while it ran, the last time alone with it'
    finish(id, 'failed', links, fields)
  else
    if started and crashes >= crashes_allowed - 1 and not was_alone then
      route = '!' .. (route ~= '' and route or task[10])
      fields[5], fields[6] = 'route', route
    end
    outcome = 'pending'
    push(list_of(task[8], route), route, {id}, true)
    call('HSET', TASK .. id, 'status', 'pending', unpack(fields))
  end
  record(id, claim, started and 'lost' or 'lost unstarted',
    started and '"its worker stopped renewing the lease"' or nil)
  unlock({id}, worker or '')
  return outcome, started
end

local reaped, requeued, failed, cancelled, crashed = 0, {}, {}, {}, {}
local function reap_expired()
  local expired = call('ZRANGEBYSCORE', TASKS .. 'leases', '-inf', now, 'LIMIT', 0, 500)
  for _, id in ipairs(expired) do
    part('lease of ' .. id, function()
      local outcome, started = reap(id)
      call('ZREM', TASKS .. 'leases', id)
      if outcome then
        reaped = reaped + 1
        local where = outcome == 'pending' and requeued or outcome == 'failed' and failed or cancelled
        where[#where + 1] = id
        if started and outcome ~= 'cancelled' then crashed[#crashed + 1] = id end
      end
    end)
  end
  more = more or #expired == 500
end
part('leases', function()
  if not last or since < 0 or since > longest_gap then extend_all() else reap_expired() end
end)
if since < 0 and last then part('scheduled', function() set_back(-since) end) end
call('HSET', mark, 'at', NOW)
event('lost', requeued)
event('failed', failed)
event('cancelled', cancelled)
publish('failed', crashed)
publish('completed', cancelled)

-- Tasks that are due.
local due = {}
part('scheduled', function()
  due = call('ZRANGEBYSCORE', TASKS .. 'scheduled', '-inf', now, 'LIMIT', 0, 1000)
  for _, id in ipairs(due) do
    part('scheduled ' .. id, function()
      local task = fields_of(id, unpack(RUNNABLE_FIELDS))
      if task[1] == 'scheduled' then
        task[4] = false
        make_runnable(id, task)
      elseif not task[1] then
        quarantine_id(id, 'its hash was gone when it was due')
      end
      call('ZREM', TASKS .. 'scheduled', id)
    end)
  end
  more = more or #due == 1000
end)

-- Approvals without an answer in time.
local expired = {}
local function expire(id)
  local task = fields_of(id, 'status', unpack(FINISH_FIELDS))
  if task[1] == 'awaiting_approval' then
    finish(id, 'cancelled', {task[2], task[3], task[4]}, {'error', 'nobody approved it in time'})
    redis.pcall('HSET', P .. 'approval:' .. id, 'state', 'expired', 'answered_at', NOW)
    expired[#expired + 1] = id
  end
  call('ZREM', TASKS .. 'waiting', id)
end
part('waiting', function()
  local late = call('ZRANGEBYSCORE', TASKS .. 'waiting', '-inf', now, 'LIMIT', 0, 500)
  for _, id in ipairs(late) do part('waiting ' .. id, function() expire(id) end) end
  -- A waiting task whose hash was deleted, or that a broken-off script left here, never becomes
  -- due: a sample is checked.
  for _, id in ipairs(call('ZRANDMEMBER', TASKS .. 'waiting', 10)) do
    local status = fields_of(id, 'status')[1]
    if not status then quarantine_id(id, 'its hash was gone while it waited') end
    if status ~= 'waiting' and status ~= 'awaiting_approval' then
      call('ZREM', TASKS .. 'waiting', id)
    end
  end
end)
event('cancelled', expired, '', 'approval expired')
publish('completed', expired)

-- Dead workers, counters, and names of empty lists.
part('workers', function()
  call('ZREMRANGEBYSCORE', P .. 'workers', '-inf', now - 4 * lease)
end)
part('marked', function()
  for _, list in ipairs(call('HKEYS', TASKS .. 'marked')) do
    if call('LLEN', TASKS .. list) == 0 then call('HDEL', TASKS .. 'marked', list) end
  end
end)
part('blocked', function()
  for _, by in ipairs(call('SMEMBERS', TASKS .. 'blocked')) do
    if call('LLEN', TASKS .. 'blocked:' .. by) == 0 then call('SREM', TASKS .. 'blocked', by) end
  end
end)

-- Adds tokens for tasks that were pushed by hand and for tokens whose worker died.
local function set_tokens(route, lists)
  local key = TASKS .. 'wake' .. (route ~= '' and '@' .. route or '')
  local runnable = 0
  for _, list in ipairs(lists) do
    local length = redis.pcall('LLEN', TASKS .. list)
    if type(length) == 'number' then runnable = runnable + length end
  end
  local missing = math.min(runnable, 1024) - num(redis.pcall('LLEN', key))
  if missing > 0 then wake(route, missing) end
  return runnable
end
part('routes', function()
  if call('HEXISTS', TASKS .. 'paused', 'all') == 1 then return end
  set_tokens('', {'pending', 'pending:critical', 'pending:high', 'pending:low'})
  local routes = call('HGETALL', TASKS .. 'routes')
  for i = 1, #routes, 2 do
    local route, used = routes[i], tonumber(routes[i + 1]) or 0
    local lists = {}
    for j, priority in ipairs({'normal', 'critical', 'high', 'low'}) do
      lists[j] = list_of(priority, route)
    end
    if set_tokens(route, lists) == 0 and used < now - 3600000 then
      call('HDEL', TASKS .. 'routes', route)
      call('DEL', TASKS .. 'wake@' .. route)
    end
  end
end)

-- Trims finished tasks beyond the limits: never unacknowledged, young, or needed ones.
local trimmed = 0
local function may_delete(id)
  return not call('ZSCORE', TASKS .. 'outbox', id) and not waiting_child(id)
end
-- Continues after the tasks that had to be kept last time, in rotation: otherwise only they would
-- be checked.
local function trim(index)
  local surplus = call('ZCARD', index) - tonumber(ARGV[5])
  local kept = num(call('HGET', mark, index))
  local young = now - tonumber(ARGV[7])
  local old = math.min(now - tonumber(ARGV[6]), young)
  local some = call('ZRANGEBYSCORE', index, '-inf', surplus > 0 and young or old,
    'LIMIT', kept, 500)
  local here = 0
  for i, id in ipairs(some) do
    local score = num(call('ZSCORE', index, id))
    if is_live(id) then
      -- Left here by a broken-off script, or by hand.
      call('ZREM', index, id)
    elseif (kept + i <= surplus or score <= old) and may_delete(id) then
      delete_task(id)
      here = here + 1
    end
  end
  call('HSET', mark, index, #some == 500 and kept + 500 - here or 0)
  trimmed = trimmed + here
  if here == 500 then more = true end
end
part('done', function() trim(TASKS .. 'done') end)
part('dead', function() trim(TASKS .. 'dead') end)

-- A slow scan over all keys restores tasks that fell out of their list: because a key was deleted
-- by hand, or a script met a key of the wrong type.
local repaired = 0
part('walk', function() repaired = repair_step(250, lease, part) end)

call('HSET', mark, 'more', more and 1 or 0)
local left = {}
part('adopting', function() left = call('LRANGE', TASKS .. 'adopting', -16, -1) end)
return {1, since, reaped, #due, #expired, trimmed, repaired, left, broken}
