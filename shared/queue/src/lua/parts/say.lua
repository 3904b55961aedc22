-- parts/say.lua: tells whoever watches. Hints only: nothing here may stop a
-- transition, so a key of the wrong type or a missing right is passed over.

-- One entry of the event stream for many tasks.
local function event(what, ids, by, detail)
  if #ids == 0 then return end
  redis.pcall('XADD', TASKS .. 'events', 'MAXLEN', '~', 10000, '*',
    'event', what, 'ids', table.concat(ids, ' '), 'by', by or '', 'detail', detail or '')
end

-- One message with the bare id for each task. For a batch, asks first whether
-- anyone listens: mostly nobody does.
local function publish(channel, ids)
  local name = TASKS .. channel
  if #ids > 2 then
    local named = redis.pcall('PUBSUB', 'NUMSUB', name)
    local patterns = redis.pcall('PUBSUB', 'NUMPAT')
    if named[2] == 0 and patterns == 0 then return end
  end
  for i = 1, #ids do redis.pcall('PUBLISH', name, ids[i]) end
end
