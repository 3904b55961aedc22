-- parts/approval.lua: requests the approval of a task before it runs. Needs base.

-- A worker may not write approvals: for a task that a worker adopts, a process with the permission
-- writes the request later, from the task's hash. The record outlives its expiry by 30 days.
local function request_run_approval(id, hash, shown, expires)
  local key = P .. 'approval:' .. id
  redis.pcall('DEL', key)
  redis.pcall('HSET', key, 'gate', 'run', 'task', id, 'content_hash', hash, 'shown', shown,
    'asked_at', NOW, 'expires_at', expires, 'state', 'open')
  redis.pcall('PEXPIREAT', key, tonumber(expires) + 2592000000)
end

-- Writes the request of a task that awaits approval, unless it exists. A request for an earlier
-- task of this id does not count.
local function ensure_run_approval(id)
  local task = fields_of(id, 'status', 'approval_hash', 'payload', 'approval_expires')
  if task[1] ~= 'awaiting_approval' or not task[2] then return end
  local approval = redis.pcall('HMGET', P .. 'approval:' .. id, 'state', 'content_hash', 'gate')
  if approval[1] ~= 'open' or approval[2] ~= task[2] or approval[3] ~= 'run' then
    request_run_approval(id, task[2], task[3], task[4])
  end
end

-- What the approval of a task says of running this content: 'yes', 'open' if a
-- person can still be asked, or 'no'.
local function answer_to(id, hash)
  local approval = redis.pcall('HMGET', P .. 'approval:' .. id, 'gate', 'state', 'content_hash',
    'expires_at')
  local state = approval[2]
  if not state or approval[1] ~= 'run' or state == 'open' then return 'open' end
  if state ~= 'approved' or approval[3] ~= hash then return 'no' end
  return num(approval[4]) > now and 'yes' or 'open'
end

-- Lets a task wait for a person, with as much time as at first if that is over.
local function await_answer(id)
  local task = fields_of(id, 'approval_expires', 'enqueued_at')
  local expires, approval = num(task[1]), num(task[2])
  if expires <= now then
    expires = now + math.max(expires - approval, 3600000)
    approval = now
  end
  expires = int(expires)
  call('ZADD', TASKS .. 'waiting', expires, id)
  call('HSET', TASK .. id, 'status', 'awaiting_approval', 'approval_expires', expires,
    'enqueued_at', int(approval))
  ensure_run_approval(id)
end
