-- parts/events.lua: publishes events. They are hints: nothing here may stop a transition, so a key of
-- the wrong type or a missing permission is ignored.

-- Adds one entry to the event stream for many tasks.
local function event(what, ids, by, detail)
  if #ids == 0 then return end
  redis.pcall('XADD', TASKS .. 'events', 'MAXLEN', '~', 10000, '*',
    'event', what, 'ids', table.concat(ids, ' '), 'by', by or '', 'detail', detail or '')
end

-- Publishes one message with the bare id per task. Usually the first has no receiver: then the
-- others have none either.
local function publish(channel, ids)
  for i = 1, #ids do
    if redis.pcall('PUBLISH', TASKS .. channel, ids[i]) == 0 then return end
  end
end
