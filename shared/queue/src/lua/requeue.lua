-- requeue.lua: takes an entry out of quarantine; to have it read once more, or
-- to be rid of it.
--
-- ARGV[3] the entry of quarantine, whole   ARGV[4] what to push back, or ''
--
-- Returns 1, or 0 if it is not there any more.
local quarantine = TASKS .. 'quarantine'
if not call('LPOS', quarantine, ARGV[3]) then return 0 end
if ARGV[4] ~= '' then
  call('LPUSH', TASKS .. 'pending', ARGV[4])
  wake('', 1)
end
return call('LREM', quarantine, 1, ARGV[3])
