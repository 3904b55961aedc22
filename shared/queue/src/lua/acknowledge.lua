-- acknowledge.lua: the lead has processed settled tasks.
--
-- ARGV[3] id, ARGV[4] fence, and so on; the fence as the lead read it ('' if there is none): a task
-- that ran again since has a newer end, which stays.
--
-- Returns the number of acknowledged tasks.
local count = 0
for i = 3, #ARGV, 2 do
  local task = fields_of(ARGV[i], 'status', 'fence')
  if not task[1] or (task[2] or '') == ARGV[i + 1] then
    count = count + call('ZREM', TASKS .. 'outbox', ARGV[i])
  end
end
return count
