-- enqueue.lua: files new tasks, all that come in one call.
--
-- ARGV[3] number of tasks; then each as parts/file.lua describes it
--
-- Returns for each: its status, or 'exists:STATUS', 'duplicate:ID' (its
-- dedup_key is that task's), 'orphan:ID' (no such parent), 'routes' (there are
-- 256 routes), 'wrongtype' (its key holds something else).
-- Writes the task's hash and whatever lists it; the id before the hash, so that
-- a list of the wrong type leaves no task that nobody would ever run.
local count = tonumber(ARGV[3])
local results, starts, keys = {}, {}, {}
local at = 4
for i = 1, count do
  starts[i], keys[i] = at, TASK .. ARGV[at]
  at = at + DESCRIBED + tonumber(ARGV[at + 8])
end

local all_fresh = call('EXISTS', unpack(keys)) == 0
local seen, plain, order, filed = {}, {}, {}, {}

-- Parents may stand before their children in one call: they are filed first.
local function file_plain()
  for _, list in ipairs(order) do
    local group = plain[list]
    push(list, group.route, group.ids)
    for i = 1, #group.ids do write_hash(group.ids[i], group.starts[i], 'pending') end
  end
  plain, order = {}, {}
end

for i = 1, count do
  local start = starts[i]
  local id, list, route = ARGV[start], ARGV[start + 1], ARGV[start + 2]
  local rare = rare_of(start)
  local special = is_special(rare)
  if special then file_plain() end
  local fresh = all_fresh and not seen[id]
  local no = seen[id] and 'exists:pending'
  if not no and (special or not fresh or route ~= '') then
    no = refusal(id, route, rare, fresh)
  end
  if no then
    results[i] = no
  else
    if special then
      results[i] = file_special(id, start, rare)
    else
      if not plain[list] then
        plain[list] = {route = route, ids = {}, starts = {}}
        order[#order + 1] = list
        -- At once, so that the next one of this call sees how many there are.
        if route ~= '' then call('HSET', TASKS .. 'routes', route, NOW) end
      end
      local group = plain[list]
      group.ids[#group.ids + 1] = id
      group.starts[#group.starts + 1] = start
      results[i] = 'pending'
    end
    filed[#filed + 1] = id
    seen[id] = true
  end
end

file_plain()
event('new', filed)
publish('new', filed)
return results
