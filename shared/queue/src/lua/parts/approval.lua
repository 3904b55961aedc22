-- parts/approval.lua: the question whether a task may run. Needs base.

-- A worker may not write approvals: for a task that one takes in, the question
-- is written by whoever may, from the task's hash. It outlives its term by 30
-- days, for those who ask what was answered.
local function ask_before_running(id, hash, shown, expires)
  local key = P .. 'approval:' .. id
  redis.pcall('HSET', key, 'gate', 'run', 'task', id, 'content_hash', hash, 'shown', shown,
    'asked_at', NOW, 'expires_at', expires, 'state', 'open')
  redis.pcall('PEXPIREAT', key, tonumber(expires) + 2592000000)
end

-- Writes the question of a task that waits for an answer and has none.
local function ask_if_missing(id)
  local task = call('HMGET', TASK .. id, 'status', 'approval_hash', 'payload', 'approval_expires')
  if task[1] == 'awaiting_approval' and task[2] and call('EXISTS', P .. 'approval:' .. id) == 0 then
    ask_before_running(id, task[2], task[3], task[4])
  end
end
