-- parts/approval.lua: the question whether a task may run. Needs base.

-- A worker may not write approvals: for a task that one takes in, the question
-- is written by whoever may, from the task's hash. It outlives its term by 30
-- days, for those who ask what was answered.
local function ask_before_running(id, hash, shown, expires)
  local key = P .. 'approval:' .. id
  redis.pcall('DEL', key)
  redis.pcall('HSET', key, 'gate', 'run', 'task', id, 'content_hash', hash, 'shown', shown,
    'asked_at', NOW, 'expires_at', expires, 'state', 'open')
  redis.pcall('PEXPIREAT', key, tonumber(expires) + 2592000000)
end

-- Writes the question of a task that waits for an answer, unless it is there:
-- one that was asked for another task of this id does not count.
local function ask_if_missing(id)
  local task = fields_of(id, 'status', 'approval_hash', 'payload', 'approval_expires')
  if task[1] ~= 'awaiting_approval' or not task[2] then return end
  local asked = redis.pcall('HMGET', P .. 'approval:' .. id, 'state', 'content_hash', 'gate')
  if asked[1] ~= 'open' or asked[2] ~= task[2] or asked[3] ~= 'run' then
    ask_before_running(id, task[2], task[3], task[4])
  end
end
