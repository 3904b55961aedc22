-- parts/delete.lua: deletes an ended task and everything it left. Needs base.

-- Returns a task that has not ended and depends on this one, if there is one.
local function waiting_child(id)
  for _, child in ipairs(call('SMEMBERS', TASK .. id .. ':children')) do
    if is_live(child) then return child end
  end
end

local function delete_task(id)
  local key = TASK .. id
  for parent in string.gmatch(fields_of(id, 'depends_on')[1] or '', '%S+') do
    call('SREM', TASK .. parent .. ':children', id)
  end
  call('UNLINK', key, key .. ':attempts', key .. ':log', key .. ':children', key .. ':lock')
  call('ZREM', TASKS .. 'done', id)
  call('ZREM', TASKS .. 'dead', id)
  call('ZREM', TASKS .. 'outbox', id)
end
