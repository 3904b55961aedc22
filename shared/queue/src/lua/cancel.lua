-- cancel.lua: cancels tasks, or asks running ones to stop.
--
-- ARGV[3] why, with who   ARGV[4] 'remove' takes a pending one out of its list, 'mark' leaves that
-- to claim, for many   then ids
--
-- Returns for each: 'cancelled', 'requested' (it runs: its worker learns of it at its next
-- heartbeat), 'final:STATUS' or 'unknown'.
local why, remove = ARGV[3], ARGV[4] == 'remove'
local results, ended, requested = {}, {}, {}

local function take_out(id, task)
  local status, priority, route = task[1], task[2], task[3]
  if status == 'pending' then
    local list = list_of(priority, route)
    if remove then
      call('LREM', TASKS .. list, 0, id)
    else
      call('HINCRBY', TASKS .. 'marked', list, 1)
      call('HSET', TASK .. id, 'marked', list)
    end
  elseif status == 'blocked' then
    call('LREM', TASKS .. 'blocked:' .. (task[4] or ''), 0, id)
  elseif status == 'scheduled' then
    call('ZREM', TASKS .. 'scheduled', id)
  else
    call('ZREM', TASKS .. 'waiting', id)
  end
end

for i = 5, #ARGV do
  local id = ARGV[i]
  local task = fields_of(id, 'status', 'priority', 'route', 'blocked_by',
    unpack(FINISH_FIELDS))
  local status = task[1]
  if not status then
    results[#results + 1] = 'unknown'
  elseif status == 'running' then
    call('HSET', TASK .. id, 'cancel_requested', why)
    requested[#requested + 1] = id
    results[#results + 1] = 'requested'
  elseif status == 'success' or status == 'failed' or status == 'cancelled' then
    results[#results + 1] = 'final:' .. status
  else
    finish(id, 'cancelled', {task[5], task[6], task[7]}, {'error', why})
    take_out(id, task)
    if status == 'awaiting_approval' then
      redis.pcall('HSET', P .. 'approval:' .. id, 'state', 'withdrawn', 'answered_at', NOW)
    end
    ended[#ended + 1] = id
    results[#results + 1] = 'cancelled'
  end
end
event('cancelled', ended, '', why)
event('cancel_requested', requested, '', why)
publish('completed', ended)
return results
