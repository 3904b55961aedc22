-- adopt.lua: stores a task that was pushed into a list by hand, or quarantines its entry.
--
-- ARGV[3] the entry, as it was pushed
-- ARGV[4] '' to store it, or its quarantine entry (JSON with the reason)
-- ARGV[5] and on: the task, as parts/insert.lua describes a group of one
--
-- Returns its status or the reason for a refusal, as enqueue does; 'taken' if its id belongs to
-- another task; 'quarantined'; or 'gone' if another process has handled the entry.
--
-- Removes the entry from `adopting` only when it is stored elsewhere: a refused entry stays, and
-- its reader quarantines it.
local adopting = TASKS .. 'adopting'
if not call('LPOS', adopting, ARGV[3]) then return 'gone' end

local result
if ARGV[4] ~= '' then
  call('LPUSH', TASKS .. 'quarantine', ARGV[4])
  result = 'quarantined'
else
  local at = 5 + GROUP_SIZE
  local id, route, optional = ARGV[at], ARGV[6], optional_fields(5, at)
  result = refusal_reason(id, route, optional, false)
  if result and string.find(result, '^exists') then
    if fields_of(id, 'payload')[1] ~= ARGV[3] then return 'taken' end
  elseif result and not string.find(result, '^duplicate') then
    return result
  elseif not result then
    result = insert_special(id, 5, at, optional)
    event('new', {id})
    publish('new', {id})
  end
end
call('LREM', adopting, 1, ARGV[3])
return result
