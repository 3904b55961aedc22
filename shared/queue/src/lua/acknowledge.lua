-- acknowledge.lua: the lead has taken note of settled tasks.
--
-- ARGV[3] id, ARGV[4] fence, and so on; the fence as the lead read it ('' if
-- there is none): a task that ran again since has news that it has not seen.
--
-- Returns how many were acknowledged.
local count = 0
for i = 3, #ARGV, 2 do
  local fence = call('HGET', TASK .. ARGV[i], 'fence') or ''
  if fence == ARGV[i + 1] then
    count = count + call('ZREM', TASKS .. 'outbox', ARGV[i])
  elseif call('EXISTS', TASK .. ARGV[i]) == 0 then
    count = count + call('ZREM', TASKS .. 'outbox', ARGV[i])
  end
end
return count
