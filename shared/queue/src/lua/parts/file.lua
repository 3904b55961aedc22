-- parts/file.lua: stores new tasks. Needs base, ready, say, finish, approval.
--
-- Tasks are grouped by their shared fields; each group header holds those fields once:
--
--     list, route, type, priority, timeout_minutes, retry_count, number of words of rarer fields per task, number of tasks;
--
-- then for each task of the group its own fields, and its rarer fields:
--
--     id, payload; then field, value, and so on.

local ALIKE, OWN = 8, 2

-- Returns the number of words of rarer fields per task of the group described from `group` on.
local function words_of(group) return tonumber(ARGV[group + 6]) end

-- Returns the rarer fields of the task described from `at` on.
local function rare_of(group, at)
  local rare = {}
  for i = at + OWN, at + OWN + words_of(group) - 1, 2 do rare[ARGV[i]] = ARGV[i + 1] end
  return rare
end

-- Returns true if the task needs more than a push into its list.
local function is_special(rare)
  return rare.depends_on or rare.dedup_key or rare.concurrency_key or rare.not_before
    or rare.approval_expires
end

-- Writes the hash of the task described from `at` on, in the group described from `group` on. The
-- status comes last: without it there is no task yet.
local function write_hash(key, group, at, status)
  if ARGV[group + 6] ~= '0' then
    call('HSET', key, unpack(ARGV, at + OWN, at + OWN + words_of(group) - 1))
  end
  call('HSET', key, 'status', status, 'enqueued_at', NOW, 'type', ARGV[group + 2],
    'priority', ARGV[group + 3], 'timeout_minutes', ARGV[group + 4],
    'retry_count', ARGV[group + 5], 'payload', ARGV[at + 1])
end

-- Returns the reason why a task can't be stored, or nil.
local function refusal(id, route, rare, fresh)
  if not fresh then
    local status = redis.pcall('HGET', TASK .. id, 'status')
    if type(status) == 'table' then return 'wrongtype' end
    if status then return 'exists:' .. status end
  end
  if rare.dedup_key then
    local other = call('GET', TASKS .. 'dedup:' .. rare.dedup_key)
    if other and live(other) then return 'duplicate:' .. other end
  end
  for parent in string.gmatch(rare.depends_on or '', '%S+') do
    if parent == id or not fields_of(parent, 'status')[1] then return 'orphan:' .. parent end
  end
  if route ~= '' and call('HEXISTS', TASKS .. 'routes', route) == 0
    and call('HLEN', TASKS .. 'routes') >= 256 then
    return 'routes'
  end
end

-- Returns the parent that has failed for good, if there is one, and whether all succeeded.
local function parents_of(parents)
  local outstanding = false
  for parent in string.gmatch(parents, '%S+') do
    local status = fields_of(parent, 'status')[1]
    if status == 'failed' or status == 'cancelled' then return parent, status end
    outstanding = outstanding or status ~= 'success'
  end
  return nil, outstanding
end

-- Stores a task that is not simply runnable.
local function file_special(id, group, at, rare)
  local key, parents = TASK .. id, rare.depends_on or ''
  for parent in string.gmatch(parents, '%S+') do
    call('SADD', TASK .. parent .. ':children', id)
    call('HSET', TASK .. parent, 'children', 1, 'links', 1)
  end
  -- If this breaks off, the repair scan continues from here, never past a gate.
  write_hash(key, group, at, rare.approval_expires and 'awaiting_approval' or 'waiting')
  if rare.dedup_key then call('SET', TASKS .. 'dedup:' .. rare.dedup_key, id) end
  local failed, state = parents_of(parents)
  if failed then
    local why = 'its parent ' .. failed .. ' ended as ' .. state
    finish(id, 'cancelled', {rare.dedup_key, false, false},
      {'error', why, 'cancelled_by_parent', failed})
    return 'cancelled'
  end
  if rare.approval_expires then
    call('ZADD', TASKS .. 'waiting', rare.approval_expires, id)
    ask_before_running(id, rare.approval_hash, ARGV[at + 1], rare.approval_expires)
    return 'awaiting_approval'
  end
  if state then
    call('ZADD', TASKS .. 'waiting', 9999999999999, id)
    return 'waiting'
  end
  return ready(id, call('HMGET', key, unpack(READY)))
end
