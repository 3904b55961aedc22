-- parts/forget.lua: removes a task that has ended, with all it left. Needs base.

local function forget(id)
  local key = TASK .. id
  call('UNLINK', key, key .. ':attempts', key .. ':log', key .. ':children', key .. ':lock')
  call('ZREM', TASKS .. 'done', id)
  call('ZREM', TASKS .. 'dead', id)
  call('ZREM', TASKS .. 'outbox', id)
end
