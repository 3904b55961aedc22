-- enqueue.lua: stores new tasks, all tasks of one call.
--
-- ARGV[3] and on: the tasks, in groups as parts/insert.lua describes them
--
-- Returns for each: its status, or 'exists:STATUS', 'duplicate:ID' (that task holds its dedup_key),
-- 'orphan:ID' (no such parent), 'routes' (there are 256 routes), 'wrongtype' (its key holds
-- something else).
--
-- Writes the task's hash and its lists; the id before the hash, so that a list of the wrong type
-- leaves no task that never runs.
local results, groups, starts, keys = {}, {}, {}, {}
local count, at, last = 0, 3, #ARGV
while at <= last do
  local group = at
  local each = TASK_SIZE + optional_count(group)
  at = at + GROUP_SIZE
  for _ = 1, tonumber(ARGV[group + 7]) do
    count = count + 1
    groups[count], starts[count], keys[count] = group, at, TASK .. ARGV[at]
    at = at + each
  end
end

local all_fresh = call('EXISTS', unpack(keys)) == 0
local seen, plain, order, inserted, accepted = {}, {}, {}, {}, 0

-- Parents may come before their children in one call: they are stored first.
local function insert_plain()
  for _, list in ipairs(order) do
    local some = plain[list]
    push(list, some.route, some.ids)
    for _, i in ipairs(some.places) do write_hash(keys[i], groups[i], starts[i], 'pending') end
  end
  plain, order = {}, {}
end

local function add_plain(id, i, list, route)
  local some = plain[list]
  if not some then
    some = {route = route, ids = {}, places = {}, count = 0}
    plain[list] = some
    order[#order + 1] = list
    -- Written at once, so that the next task of this call sees the number of routes.
    if route ~= '' then call('HSET', TASKS .. 'routes', route, NOW) end
  end
  local n = some.count + 1
  some.count, some.ids[n], some.places[n] = n, id, i
  return 'pending'
end

local COMMON = {}
for i = 1, count do
  local group, start = groups[i], starts[i]
  local id, route = ARGV[start], ARGV[group + 1]
  local optional, special = COMMON, false
  if ARGV[group + 6] ~= '0' then
    optional = optional_fields(group, start)
    special = is_special(optional)
  end
  if special then insert_plain() end
  local fresh = all_fresh and not seen[id]
  local refused = seen[id] and 'exists:pending'
  if not refused and (special or not fresh or route ~= '') then
    refused = refusal_reason(id, route, optional, fresh)
  end
  if not refused then
    accepted = accepted + 1
    inserted[accepted], seen[id] = id, true
  end
  results[i] = refused or special and insert_special(id, group, start, optional)
    or add_plain(id, i, ARGV[group], route)
end

insert_plain()
event('new', inserted)
publish('new', inserted)
return results
