-- purge.lua: deletes ended tasks and everything they left.
--
-- ARGV[3] 1 to delete also tasks that the lead has not acknowledged   then ids
--
-- Returns for each: 'purged', 'live:STATUS', 'unacknowledged', 'needed:ID' (that task waits and
-- needs the result of this one) or 'unknown'.
local results = {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local status = fields_of(id, 'status')[1]
  if not status then
    results[#results + 1] = 'unknown'
  elseif is_live(id) then
    results[#results + 1] = 'live:' .. status
  elseif ARGV[3] ~= '1' and call('ZSCORE', TASKS .. 'outbox', id) then
    results[#results + 1] = 'unacknowledged'
  elseif waiting_child(id) then
    results[#results + 1] = 'needed:' .. waiting_child(id)
  else
    delete_task(id)
    results[#results + 1] = 'purged'
  end
end
return results
