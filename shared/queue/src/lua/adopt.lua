-- adopt.lua: files a task that somebody pushed into a list by hand, or puts
-- its entry into quarantine.
--
-- ARGV[3] the entry, as it was pushed
-- ARGV[4] '' to file it, or what goes into quarantine for it (JSON with why)
-- ARGV[5] the task, as parts/file.lua describes it
--
-- Returns its status or why it was not filed, as enqueue does; 'quarantined';
-- or 'gone' if somebody else has dealt with the entry.
-- Takes the entry off `adopting` only when it stands elsewhere.
local adopting = TASKS .. 'adopting'
if not call('LPOS', adopting, ARGV[3]) then return 'gone' end

local result
if ARGV[4] ~= '' then
  call('LPUSH', TASKS .. 'quarantine', ARGV[4])
  result = 'quarantined'
else
  local id = ARGV[5]
  result = refusal(id, ARGV[7], ARGV[9], ARGV[11], false)
  if not result then
    local last = 5 + DESCRIBED - 1 + tonumber(ARGV[15])
    result = file_special(id, 5, {unpack(ARGV, 5 + DESCRIBED, last)})
    event('new', {id})
    publish('new', {id})
  end
end
call('LREM', adopting, 1, ARGV[3])
return result
