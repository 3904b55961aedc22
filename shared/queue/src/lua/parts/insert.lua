-- parts/insert.lua: stores new tasks. Needs base, make_runnable, events, finish, approval.
--
-- Tasks are grouped by their shared fields; each group header holds those fields once:
--
--     list, route, type, priority, timeout_minutes, retry_count, number of words of rarer fields per task, number of tasks;
--
-- then for each task of the group its own fields, and its rarer fields:
--
--     id, payload; then field, value, and so on.

local GROUP_SIZE, TASK_SIZE = 8, 2

-- Returns the number of words of rarer fields per task of the group described from `group` on.
local function optional_count(group) return tonumber(ARGV[group + 6]) end

-- Returns the rarer fields of the task described from `at` on.
local function optional_fields(group, at)
  local optional = {}
  for i = at + TASK_SIZE, at + TASK_SIZE + optional_count(group) - 1, 2 do optional[ARGV[i]] = ARGV[i + 1] end
  return optional
end

-- Returns true if the task needs more than a push into its list.
local function is_special(optional)
  return optional.depends_on or optional.dedup_key or optional.concurrency_key or optional.not_before
    or optional.approval_expires
end

-- Writes the hash of the task described from `at` on, in the group described from `group` on. The
-- status comes last: without it there is no task yet.
local function write_hash(key, group, at, status)
  if ARGV[group + 6] ~= '0' then
    call('HSET', key, unpack(ARGV, at + TASK_SIZE, at + TASK_SIZE + optional_count(group) - 1))
  end
  call('HSET', key, 'status', status, 'enqueued_at', NOW, 'type', ARGV[group + 2],
    'priority', ARGV[group + 3], 'timeout_minutes', ARGV[group + 4],
    'retry_count', ARGV[group + 5], 'payload', ARGV[at + 1])
end

-- Returns the reason why a task can't be stored, or nil.
local function refusal_reason(id, route, optional, fresh)
  if not fresh then
    local status = redis.pcall('HGET', TASK .. id, 'status')
    if type(status) == 'table' then return 'wrongtype' end
    if status then return 'exists:' .. status end
  end
  if optional.dedup_key then
    local other = call('GET', TASKS .. 'dedup:' .. optional.dedup_key)
    if other and is_live(other) then return 'duplicate:' .. other end
  end
  for parent in string.gmatch(optional.depends_on or '', '%S+') do
    if parent == id or not fields_of(parent, 'status')[1] then return 'orphan:' .. parent end
  end
  if route ~= '' and call('HEXISTS', TASKS .. 'routes', route) == 0
    and call('HLEN', TASKS .. 'routes') >= 256 then
    return 'routes'
  end
end

-- Returns the parent that has failed for good, if there is one, and whether all succeeded.
local function parent_state(parents)
  local outstanding = false
  for parent in string.gmatch(parents, '%S+') do
    local status = fields_of(parent, 'status')[1]
    if status == 'failed' or status == 'cancelled' then return parent, status end
    outstanding = outstanding or status ~= 'success'
  end
  return nil, outstanding
end

-- Stores a task that is not simply runnable.
local function insert_special(id, group, at, optional)
  local key, parents = TASK .. id, optional.depends_on or ''
  for parent in string.gmatch(parents, '%S+') do
    call('SADD', TASK .. parent .. ':children', id)
    call('HSET', TASK .. parent, 'children', 1, 'links', 1)
  end
  -- If this breaks off, the repair scan continues from here, never past a gate.
  write_hash(key, group, at, optional.approval_expires and 'awaiting_approval' or 'waiting')
  if optional.dedup_key then call('SET', TASKS .. 'dedup:' .. optional.dedup_key, id) end
  local failed, state = parent_state(parents)
  if failed then
    local why = 'its parent ' .. failed .. ' ended as ' .. state
    finish(id, 'cancelled', {optional.dedup_key, false, false},
      {'error', why, 'cancelled_by_parent', failed})
    return 'cancelled'
  end
  if optional.approval_expires then
    call('ZADD', TASKS .. 'waiting', optional.approval_expires, id)
    request_run_approval(id, optional.approval_hash, ARGV[at + 1], optional.approval_expires)
    return 'awaiting_approval'
  end
  if state then
    call('ZADD', TASKS .. 'waiting', 9999999999999, id)
    return 'waiting'
  end
  return make_runnable(id, call('HMGET', key, unpack(RUNNABLE_FIELDS)))
end
