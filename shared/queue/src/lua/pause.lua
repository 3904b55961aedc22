-- pause.lua: pauses a scope.
--
-- ARGV[3] 'all', 'type:TYPE' or 'route:ROUTE'   ARGV[4] who and why (JSON)
--
-- Returns 1, or 0 if it was paused already (who and why are then replaced).
local added = call('HSET', TASKS .. 'paused', ARGV[3], ARGV[4])
event('paused', {ARGV[3]})
return added
