-- parts/claim_check.lua: checks whether a worker still holds a claim. Needs base.

-- Returns nil if it holds; 'already' if this very claim was settled before (its reply was lost);
-- 'lost' if another worker or none holds it.
local function claim_error(id, status, fence, mine)
  if fence == mine then
    if status == 'running' then return nil end
    return 'already'
  end
  if status then
    local wanted = '"fence":' .. mine .. ',"outcome":"'
    for _, record in ipairs(call('LRANGE', TASK .. id .. ':attempts', 0, -1)) do
      local at = string.find(record, wanted, 1, true)
      if at and not string.find(record, '^lost', at + #wanted) then return 'already' end
    end
  end
  return 'lost'
end

-- Keeps the records of the last 50 attempts. A record is JSON; its fields stand in the order of
-- `record`, and of settle.rs.
local function append_record(id, text)
  local key = TASK .. id .. ':attempts'
  if call('RPUSH', key, text) > 50 then call('LTRIM', key, -50, -1) end
end

-- `claim` is attempt, fence, worker, claimed_at, started_at as the hash has them; `why` is already
-- JSON.
local function record(id, claim, outcome, why)
  local text = '{"attempt":' .. (claim[1] or '0') .. ',"fence":' .. (claim[2] or '0')
    .. ',"outcome":"' .. outcome .. '","worker":"' .. (claim[3] or '')
    .. '","claimed_at":' .. (claim[4] or 'null')
    .. ',"started_at":' .. (claim[5] and claim[5] ~= '' and claim[5] or 'null')
    .. ',"ended_at":' .. NOW
  if why and why ~= '' then text = text .. ',"error":' .. why end
  append_record(id, text .. '}')
end

-- Removes this worker's locks, and no others.
local function unlock(ids, worker)
  if #ids == 0 then return end
  local keys, ours = {}, {}
  for i = 1, #ids do keys[i] = TASK .. ids[i] .. ':lock' end
  local holders = call('MGET', unpack(keys))
  for i = 1, #ids do
    if holders[i] == worker then ours[#ours + 1] = keys[i] end
  end
  if #ours > 0 then call('DEL', unpack(ours)) end
end
