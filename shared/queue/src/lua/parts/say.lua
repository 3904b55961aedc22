-- parts/say.lua: tells whoever watches. Hints only: nothing here may stop a
-- transition, so a key of the wrong type or a missing right is passed over.

-- One entry of the event stream for many tasks.
local function event(what, ids, by, detail)
  if #ids == 0 then return end
  redis.pcall('XADD', TASKS .. 'events', 'MAXLEN', '~', 10000, '*',
    'event', what, 'ids', table.concat(ids, ' '), 'by', by or '', 'detail', detail or '')
end

-- One message with the bare id for each task. Mostly nobody hears the first:
-- then nobody would hear the others.
local function publish(channel, ids)
  for i = 1, #ids do
    if redis.pcall('PUBLISH', TASKS .. channel, ids[i]) == 0 then return end
  end
end
