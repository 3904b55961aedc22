-- parts/quarantine.lua: quarantines entries that can't run. Needs base.

-- `why` is plain text, and so is an id: both need no JSON escapes.
local function quarantine_id(id, why)
  call('LPUSH', TASKS .. 'quarantine',
    '{"at":' .. NOW .. ',"reason":"' .. why .. '","entry":"' .. id .. '"}')
end
