-- requeue.lua: removes an entry from quarantine, and optionally pushes it again.
--
-- ARGV[3] the entry of quarantine, whole   ARGV[4] the text to push, or ''
--
-- Returns 1, or 0 if it is no longer there.
local quarantine = TASKS .. 'quarantine'
if not call('LPOS', quarantine, ARGV[3]) then return 0 end
if ARGV[4] ~= '' then
  call('LPUSH', TASKS .. 'pending', ARGV[4])
  wake('', 1)
end
return call('LREM', quarantine, 1, ARGV[3])
