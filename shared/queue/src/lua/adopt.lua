-- adopt.lua: files a task that somebody pushed into a list by hand, or puts
-- its entry into quarantine.
--
-- ARGV[3] the entry, as it was pushed
-- ARGV[4] '' to file it, or what goes into quarantine for it (JSON with why)
-- ARGV[5] and on: the task, as parts/file.lua describes a group of one
--
-- Returns its status or why it was not filed, as enqueue does; 'taken' if its
-- id is another task's; 'quarantined'; or 'gone' if somebody else has dealt with
-- the entry.
-- Takes the entry off `adopting` only when it stands elsewhere: one that is
-- refused stays for its reader to put it into quarantine.
local adopting = TASKS .. 'adopting'
if not call('LPOS', adopting, ARGV[3]) then return 'gone' end

local result
if ARGV[4] ~= '' then
  call('LPUSH', TASKS .. 'quarantine', ARGV[4])
  result = 'quarantined'
else
  local at = 5 + ALIKE
  local id, route, rare = ARGV[at], ARGV[6], rare_of(5, at)
  result = refusal(id, route, rare, false)
  if result and string.find(result, '^exists') then
    if fields_of(id, 'payload')[1] ~= ARGV[3] then return 'taken' end
  elseif result and not string.find(result, '^duplicate') then
    return result
  elseif not result then
    result = file_special(id, 5, at, rare)
    event('new', {id})
    publish('new', {id})
  end
end
call('LREM', adopting, 1, ARGV[3])
return result
