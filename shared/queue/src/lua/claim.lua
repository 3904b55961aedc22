-- claim.lua: gives a worker tasks to run.
--
-- ARGV[3] worker   ARGV[4] number of this claim; the same again asks for the
-- same answer   ARGV[5] how many it starts at once   ARGV[6] how many more it
-- takes of short types   ARGV[7] lease in ms   ARGV[8] how many it runs now
-- ARGV[9] where in the row of priorities it is   ARGV[10] ms its registration lives
-- ARGV[11] 1 if it checks signatures
-- ARGV[12] number of types it knows, then these; number of short types, then
-- these; number of its routes, then these
--
-- Returns {more, routes, alone, foreign entries, tasks, now in ms}: more is 1
-- when it should ask again at once; routes is how many there are; alone is 1
-- when it should come back with nothing running; a task is {id, type, words,
-- retry_count, payload, hash that a yes is bound to, signature if asked for}, its
-- words are fence, attempt, crashes and started (2: alone).
--
-- A lease and the hash are written before an id leaves its list: a script that
-- breaks leaves an id twice, and the status tells which one counts.
local worker, sequence = ARGV[3], ARGV[4]
local limit, prefetch = tonumber(ARGV[5]), tonumber(ARGV[6])
local lease, running = tonumber(ARGV[7]), tonumber(ARGV[8])
local at = 12
local function words()
  local set, row, count = {}, {}, tonumber(ARGV[at])
  for i = 1, count do
    row[i] = ARGV[at + i]
    set[row[i]] = true
  end
  at = at + count + 1
  return set, row
end
local known = words()
local short = words()
local _, routes = words()

-- The fields to read of each task.
local WANTED = {'status', 'type', 'attempt', 'retry_count', 'payload', 'approval_hash'}
if ARGV[11] == '1' then WANTED[7] = 'signature' end
local FENCE, LEASE_END = int(now_us), int(now + lease)
local FRESH = {}
for _, started in ipairs({'0', '1', '2'}) do FRESH[started] = FENCE .. ' 1 0 ' .. started end
local tasks, foreign = {}, {}
local claimed, claimed_words, taken = {}, {}, {}
local count = 0

-- Reuses the table of the read fields for the reply, with known values in place of status and
-- attempt: one table less per task.
local function add_task(id, task, words)
  task[1], task[3] = id, words
  tasks[#tasks + 1] = task
end
local function reply(more, alone)
  return {more, call('HLEN', TASKS .. 'routes'), alone, foreign, tasks, NOW}
end

-- The reply to this claim was lost: return it again, as far as its claims still hold.
local me = P .. 'worker:' .. worker
local last = call('HMGET', me, 'claim_seq', 'claimed')
if last[1] == sequence then
  for id, fence, rest in string.gmatch(last[2], '(%S+) (%S+) (%S+ %S+ %S+)') do
    local task = fields_of(id, unpack(WANTED))
    if task[1] == 'running' and fields_of(id, 'fence')[1] == fence then
      add_task(id, task, fence .. ' ' .. rest)
    end
  end
  return reply(0, 0)
end
-- A delayed call: its worker has asked again since, and would never receive this reply.
if num(sequence) < num(last[1]) then
  return reply(0, 0)
end

local paused, paused_types = {}, {}
for _, what in ipairs(call('HKEYS', TASKS .. 'paused')) do
  paused[what] = true
  local kind = string.match(what, '^type:(.+)$')
  if kind then paused_types[kind] = true end
end
if paused['all'] then return reply(0, 0) end

local per_minute, limits = {}, call('HGETALL', TASKS .. 'limits')
for i = 1, #limits, 2 do per_minute[limits[i]] = tonumber(limits[i + 1]) end

-- Prepends a time to the last `n` of its kind.
local function note_time(key, n, ms)
  call('LPUSH', key, int(ms))
  call('LTRIM', key, 0, n - 1)
  call('PEXPIRE', key, int(ms - now + 60000))
end

-- Returns the earliest time that is a minute after the `n`th last one of `key`.
local function minute_after(key, n)
  local nth = num(call('LINDEX', key, n - 1))
  return nth > 0 and nth + 60000 or 0
end

-- Returns the time at which a task of a limited type may start. An early task reserves a place in a
-- queue, so that waiting tasks return one after the other. When it returns, only actual starts
-- count, so that no minute has more than `n`.
local function start_time(kind, n, has_place)
  local row, starts = TASKS .. 'rate:' .. kind, TASKS .. 'rate:' .. kind .. ':starts'
  -- The clock was set back: recorded times are invalid.
  if num(call('LINDEX', starts, 0)) > now then call('DEL', row, starts) end
  local start = math.max(now, minute_after(starts, n))
  if not has_place then
    start = math.max(start, minute_after(row, n))
    note_time(row, n, start)
  end
  return start
end

-- Meanwhile another task of its concurrency key may run: perhaps from a list that was empty when
-- this call looked.
local freed = false
local function defer(id, ms, fields)
  freed = true
  call('ZADD', TASKS .. 'scheduled', ms, id)
  call('HSET', TASK .. id, 'status', 'scheduled', unpack(fields))
  free_slot(id, call('HGET', TASK .. id, 'concurrency_key'))
end

-- Records that a marked entry has left its list.
local function unmark(list)
  if call('HINCRBY', TASKS .. 'marked', list, -1) < 1 then
    call('HDEL', TASKS .. 'marked', list)
  end
end

-- Handles one entry of a list, whose task is at `key`. Returns true if it is to be claimed;
-- otherwise the task has been moved to where it belongs.
local function check_entry(id, key, list, route, task)
  local kind = task[2]
  if taken[id] then return false end
  if task[1] ~= 'pending' then
    if task[1] then
      if call('HDEL', key, 'marked') == 1 then unmark(list) end
    elseif call('HEXISTS', TASKS .. 'marked', list) == 1 then
      -- Marked as cancelled, and deleted since.
      unmark(list)
    else
      quarantine_id(id, 'there is no hash ' .. key)
    end
    return false
  end
  if not kind then
    quarantine_id(id, 'the hash ' .. key .. ' has no type')
    return false
  end
  if not known[kind] and route == '' then
    call('HSET', key, 'route', kind)
    push(list .. '@' .. kind, kind, {id})
    return false
  end
  -- Pushed by who may not approve, or its yes has expired. What was refused, or
  -- is another content, goes on: its worker looks at the payload itself.
  if task[6] and answer_to(id, task[6]) == 'open' then
    freed = true
    await_answer(id)
    free_slot(id, call('HGET', key, 'concurrency_key'))
    event('approval_missing', {id}, worker)
    return false
  end
  if paused_types[kind] then
    block(id, '@type:' .. kind)
    return false
  end
  if per_minute[kind] then
    local start = start_time(kind, per_minute[kind], call('HGET', key, 'rate_at'))
    if start > now then
      defer(id, start, {'rate_at', start})
      return false
    end
  end
  local lock = key .. ':lock'
  local locked = call('SET', lock, worker, 'NX', 'PX', ARGV[7])
  if not locked and redis.pcall('GET', lock) ~= worker then
    defer(id, now + 5000, {'deferred', 'its lock is held by another'})
    return false
  end
  if per_minute[kind] then
    note_time(TASKS .. 'rate:' .. kind .. ':starts', per_minute[kind], now)
    call('HDEL', key, 'rate_at')
  end
  taken[id] = true
  return true
end

-- Rust, not Lua, parses a foreign entry: it waits in `adopting`.
local function is_foreign(entry)
  return #entry > 128 or not string.find(entry, '^[%w._-]+$')
end

local examined = 0

-- Claims up to `n` tasks of one list. Returns their number, and whether the list may hold more.
local function serve(list, route, n)
  local got, alone = 0, string.sub(route, 1, 1) == '!'
  while got < n and examined < 1000 do
    local entries = redis.pcall('LRANGE', TASKS .. list, -(n - got), -1)
    if entries.err or #entries == 0 then return got, false end
    local consumed, found, full = 0, 0, false
    local ids, keys, chosen, scored = {}, {}, {}, {}
    for i = #entries, 1, -1 do
      local entry = entries[i]
      if is_foreign(entry) then
        call('LPUSH', TASKS .. 'adopting', entry)
        foreign[#foreign + 1] = entry
      else
        local key = TASK .. entry
        local task = redis.pcall('HMGET', key, unpack(WANTED))
        if task.err then
          quarantine_id(entry, key .. ' is not a hash')
        else
          if count + found >= limit and not short[task[2]] then
            full = true
            break
          end
          if check_entry(entry, key, list, route, task) then
            found = found + 1
            ids[found], keys[found], chosen[found] = entry, key, task
            scored[2 * found - 1], scored[2 * found] = LEASE_END, entry
          end
        end
      end
      consumed = consumed + 1
      examined = examined + 1
    end
    if found > 0 then call('ZADD', TASKS .. 'leases', unpack(scored)) end
    for i = 1, found do
      local id, key, task = ids[i], keys[i], chosen[i]
      local started = count < limit and (alone and '2' or '1') or '0'
      local fence, attempt, words = FENCE, '1', FRESH[started]
      if task[3] then
        local before = call('HMGET', key, 'fence', 'crashes')
        fence = int(math.max(num(before[1]) + 1, now_us))
        attempt = int(num(task[3]) + 1)
        words = table.concat({fence, attempt, before[2] or '0', started}, ' ')
      end
      call('HSET', key, 'status', 'running', 'attempt', attempt, 'fence', fence,
        'worker_id', worker, 'claimed_at', NOW, 'started_at', started == '0' and '' or NOW)
      add_task(id, task, words)
      count = count + 1
      claimed[count] = id
      claimed_words[2 * count - 1], claimed_words[2 * count] = id, words
    end
    if consumed > 0 then call('RPOP', TASKS .. list, consumed) end
    got = got + found
    if full then return got, false end
  end
  return got, got >= n or examined >= 1000
end

-- A task that may have killed its workers runs alone: only an idle worker takes it. One busy worker
-- at a time is asked to return when idle.
local come_alone = 0
local function serve_alone(route)
  for _, priority in ipairs({'critical', 'high', 'normal', 'low'}) do
    local list = list_of(priority, route)
    if call('LLEN', TASKS .. list) > 0 then
      if running > 0 then
        local asked = call('SET', TASKS .. 'alone', worker, 'NX', 'PX', 60000)
        if asked or call('GET', TASKS .. 'alone') == worker then come_alone = 1 end
      elseif serve(list, route, 1) > 0 then
        return true
      end
    end
  end
  return false
end
local alone = false
for _, route in ipairs(routes) do
  if string.sub(route, 1, 1) == '!' and not paused['route:' .. route] then
    alone = serve_alone(route)
    if alone then break end
  end
end

-- The other tasks: 8 critical for 4 high, 2 normal and 1 low; then any that are left. Routes
-- alternate with the shared lists.
local ROW = 'chcnchcchcnchcl'
local NAMES = {c = 'critical', h = 'high', n = 'normal', l = 'low'}
local wanted = limit + prefetch
local more = false
local lists = {''}
for _, route in ipairs(routes) do
  if string.sub(route, 1, 1) ~= '!' and not paused['route:' .. route] then
    lists[#lists + 1] = route
  end
end

-- The routes with tasks of a priority, in an order that rotates with each call.
local turn = tonumber(sequence) % #lists
local function routes_with_tasks(letter)
  local some = {}
  for i = 1, #lists do
    local route = lists[(turn + i) % #lists + 1]
    local length = redis.pcall('LLEN', TASKS .. list_of(NAMES[letter], route))
    if length ~= 0 then some[#some + 1] = route end
  end
  return some
end
local function serve_priority(letter, some, n)
  local got = 0
  for _, route in ipairs(some) do
    if got < n then
      local served, left = serve(list_of(NAMES[letter], route), route, n - got)
      got = got + served
      more = more or left
    end
  end
end
local function serve_all()
  local there, order = {}, {}
  for _, letter in ipairs({'c', 'h', 'n', 'l'}) do
    local some = routes_with_tasks(letter)
    if #some > 0 then
      there[letter] = some
      order[#order + 1] = letter
    end
  end
  -- Usually only one priority has tasks: then skip the 8:4:2:1 split.
  if #order > 1 then
    local share = {c = 0, h = 0, n = 0, l = 0}
    local place = tonumber(ARGV[9])
    for i = 0, wanted - 1 do
      local spot = (place + i) % 15 + 1
      local letter = string.sub(ROW, spot, spot)
      share[letter] = share[letter] + 1
    end
    for _, letter in ipairs(order) do
      if share[letter] > 0 then serve_priority(letter, there[letter], share[letter]) end
    end
  end
  more = false
  for _, letter in ipairs(order) do
    if count < wanted then serve_priority(letter, there[letter], wanted - count) end
  end
end
if not alone then
  -- A broken key ends this call, but keeps its claims so far.
  local whole, problem = pcall(serve_all)
  if not whole and count == 0 and #foreign == 0 then error(problem) end
end

redis.pcall('HSET', me, 'claim_seq', sequence, 'claimed', table.concat(claimed_words, ' '))
redis.pcall('PEXPIRE', me, ARGV[10])
if count > 0 then
  event('claimed', claimed, worker)
elseif not more and not freed and #foreign == 0 then
  -- There is nothing for this worker: leftover tokens would only wake others in vain.
  call('DEL', TASKS .. 'wake')
  for _, route in ipairs(routes) do call('DEL', TASKS .. 'wake@' .. route) end
end
return reply(more and 1 or 0, come_alone)
