-- resume.lua: ends a pause. Tasks that it blocked become pending, up to 1,000 per call, before all
-- later ones.
--
-- ARGV[3] as for pause
--
-- Returns {1 if it was paused, number of tasks still blocked}.
local was = call('HDEL', TASKS .. 'paused', ARGV[3])
local parked = TASKS .. 'blocked:@' .. ARGV[3]
local ids = call('LRANGE', parked, -1000, -1)
-- From the newest to the oldest, each to the very front, so that the oldest is first.
for i = #ids, 1, -1 do
  local task = fields_of(ids[i], unpack(RUNNABLE_FIELDS))
  if task[1] == 'blocked' then make_runnable(ids[i], task, true) end
end
if #ids > 0 then call('RPOP', parked, #ids) end
if was == 1 then event('resumed', {ARGV[3]}) end
if ARGV[3] == 'all' then
  local lists = {'pending', 'pending:critical', 'pending:high', 'pending:low'}
  local runnable = 0
  for _, list in ipairs(lists) do runnable = runnable + call('LLEN', TASKS .. list) end
  wake('', runnable)
end
local left = call('LLEN', parked)
if left == 0 then call('SREM', TASKS .. 'blocked', '@' .. ARGV[3]) end
return {was, left}
