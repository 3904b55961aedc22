-- purge.lua: forgets tasks that have ended, with all they left.
--
-- ARGV[3] 1 to forget also what the lead has not acknowledged   then ids
--
-- Returns for each: 'purged', 'live:STATUS', 'unacknowledged' or 'unknown'.
local results = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local status = call('HGET', TASK .. id, 'status')
  if not status then
    results[#results + 1] = 'unknown'
  elseif live(id) then
    results[#results + 1] = 'live:' .. status
  elseif ARGV[3] ~= '1' and call('ZSCORE', TASKS .. 'outbox', id) then
    results[#results + 1] = 'unacknowledged'
  else
    forget(id)
    results[#results + 1] = 'purged'
  end
end
return results
