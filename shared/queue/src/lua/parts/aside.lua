-- parts/aside.lua: puts aside what can't be run, for people to see. Needs base.

-- `why` is plain text, and so is an id: both are JSON as they stand.
local function put_aside(id, why)
  call('LPUSH', TASKS .. 'quarantine',
    '{"at":' .. NOW .. ',"reason":"' .. why .. '","entry":"' .. id .. '"}')
end
