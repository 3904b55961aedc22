-- parts/file.lua: files new tasks. Needs base, ready, say, finish.
--
-- A task is described by 11 arguments and then its hash:
--   id, list, route, not_before (ms), dedup_key, concurrency_key, parents
--   (with spaces between), approval ('' or the ms it expires at), content hash,
--   what is shown for approval, number of the hash's fields and values; then these.

local DESCRIBED = 11

-- Why a task can't be filed, or nil.
local function refusal(id, route, dedup, parents, fresh)
  if not fresh then
    local status = redis.pcall('HGET', TASK .. id, 'status')
    if type(status) == 'table' then return 'wrongtype' end
    if status then return 'exists:' .. status end
  end
  if dedup ~= '' then
    local other = call('GET', TASKS .. 'dedup:' .. dedup)
    if other and live(other) then return 'duplicate:' .. other end
  end
  for parent in string.gmatch(parents, '%S+') do
    if parent == id or call('EXISTS', TASK .. parent) == 0 then return 'orphan:' .. parent end
  end
  if route ~= '' and call('HEXISTS', TASKS .. 'routes', route) == 0
    and call('HLEN', TASKS .. 'routes') >= 256 then
    return 'routes'
  end
end

-- The parent that has failed for good, if one has; and whether all succeeded.
local function parents_of(parents)
  local outstanding = false
  for parent in string.gmatch(parents, '%S+') do
    local status = call('HGET', TASK .. parent, 'status')
    if status == 'failed' or status == 'cancelled' then return parent, status end
    outstanding = outstanding or status ~= 'success'
  end
  return nil, outstanding
end

-- Files a task that is not simply runnable.
local function file_special(id, at, fields)
  local route, not_before = ARGV[at + 2], ARGV[at + 3]
  local dedup, slot, parents = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
  local expires = ARGV[at + 7]
  local key = TASK .. id
  if parents ~= '' then
    for parent in string.gmatch(parents, '%S+') do
      call('SADD', TASK .. parent .. ':children', id)
      call('HSET', TASK .. parent, 'children', 1)
    end
  end
  call('HSET', key, 'status', 'waiting', 'enqueued_at', NOW, unpack(fields))
  if dedup ~= '' then call('SET', TASKS .. 'dedup:' .. dedup, id) end
  local failed, state = parents_of(parents)
  if failed then
    local why = 'its parent ' .. failed .. ' ended as ' .. state
    finish(id, 'cancelled', {dedup ~= '' and dedup, false, false},
      {'error', why, 'cancelled_by_parent', failed})
    return 'cancelled'
  end
  if expires ~= '' then
    call('ZADD', TASKS .. 'waiting', expires, id)
    call('HSET', key, 'status', 'awaiting_approval', 'approval_hash', ARGV[at + 8],
      'approval_expires', expires)
    ask_before_running(id, ARGV[at + 8], ARGV[at + 9], expires)
    return 'awaiting_approval'
  end
  if state then
    call('ZADD', TASKS .. 'waiting', 9999999999999, id)
    return 'waiting'
  end
  return ready(id, call('HMGET', key, unpack(READY)))
end
