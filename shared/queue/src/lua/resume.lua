-- resume.lua: takes a pause back. Tasks that it parked go to the workers, up
-- to 1,000 a call, before all that came later.
--
-- ARGV[3] as for pause
--
-- Returns {1 if it was paused, how many are still parked}.
local was = call('HDEL', TASKS .. 'paused', ARGV[3])
local parked = TASKS .. 'blocked:@' .. ARGV[3]
local ids = call('LRANGE', parked, -1000, -1)
-- From the youngest to the oldest, each to the very front: the oldest is first.
for i = #ids, 1, -1 do
  local task = fields_of(ids[i], unpack(READY))
  if task[1] == 'blocked' then ready(ids[i], task, true) end
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
