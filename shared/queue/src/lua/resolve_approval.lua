-- resolve_approval.lua: a person's answer; approve and reject use this script.
--
-- ARGV[3] approval   ARGV[4] hash of the content that was shown
-- ARGV[5] who   ARGV[6] 'approved' or 'rejected'   ARGV[7] why
--
-- Returns 'approved' or 'rejected'; or, with nothing changed: 'unknown', 'expired', 'mismatch' (the
-- content has changed since it was shown), or 'answered:STATE'.
--
-- An approval before running moves the task on; a rejection cancels it.
local id, state = ARGV[3], ARGV[6]
local key = P .. 'approval:' .. id
ensure_run_approval(id)
local approval = call('HMGET', key, 'state', 'content_hash', 'expires_at', 'gate', 'task')
if not approval[1] then return 'unknown' end
if approval[1] ~= 'open' then return 'answered:' .. approval[1] end
if approval[2] ~= ARGV[4] then return 'mismatch' end
if tonumber(approval[3]) <= now then return 'expired' end

local task, fields = approval[5], nil
if approval[4] == 'run' then
  fields = fields_of(task, 'status', 'depends_on', unpack(FINISH_FIELDS))
  if fields[1] ~= 'awaiting_approval' then
    -- Cancelled by a caller that may not write approvals.
    call('HSET', key, 'state', 'withdrawn', 'answered_at', NOW)
    return 'answered:withdrawn'
  end
end

-- Written first, so that a caller without the permission moves nothing. If the rest breaks off, the
-- approval is requested again.
call('HSET', key, 'state', state, 'answered_by', ARGV[5], 'answered_at', NOW, 'why', ARGV[7])
if not fields then
  event(state, {task}, ARGV[5], id)
  return state
end

if state == 'rejected' then
  finish(task, 'cancelled', {fields[3], fields[4], fields[5]},
    {'error', 'rejected by ' .. ARGV[5] .. (ARGV[7] ~= '' and (': ' .. ARGV[7]) or '')})
  call('ZREM', TASKS .. 'waiting', task)
  publish('completed', {task})
elseif all_succeeded(fields[2]) then
  make_runnable(task, call('HMGET', TASK .. task, unpack(RUNNABLE_FIELDS)))
  call('ZREM', TASKS .. 'waiting', task)
else
  call('ZADD', TASKS .. 'waiting', 9999999999999, task)
  call('HSET', TASK .. task, 'status', 'waiting')
end
event(state, {task}, ARGV[5], id)
return state
