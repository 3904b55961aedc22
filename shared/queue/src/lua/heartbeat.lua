-- heartbeat.lua: renews a worker's registration and claims.
--
-- ARGV[3] worker   ARGV[4] lease in ms   ARGV[5] lifetime of its registration in ms
-- ARGV[6] number of words of its registration, then these: field, value, …
-- then id, fence, and so on
--
-- Returns for each claim: 'ok', 'lost', or 'cancel:WHY' if it is to stop.
--
-- Restores a missing lease or lock: as long as the fence is current, the claim holds.
local worker, lease = ARGV[3], tonumber(ARGV[4])
local me = P .. 'worker:' .. worker
local words = tonumber(ARGV[6])
-- The registration is for people; claims don't depend on it.
if words > 0 then redis.pcall('HSET', me, unpack(ARGV, 7, 6 + words)) end
redis.pcall('HSET', me, 'seen_at', NOW)
redis.pcall('PEXPIRE', me, ARGV[5])
redis.pcall('ZADD', P .. 'workers', NOW, worker)

local results, leases = {}, {}
for i = 7 + words, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local task = fields_of(id, 'status', 'fence', 'cancel_requested')
  if task[1] ~= 'running' or task[2] ~= fence then
    results[#results + 1] = 'lost'
  else
    leases[#leases + 1] = now + lease
    leases[#leases + 1] = id
    local lock = TASK .. id .. ':lock'
    if redis.pcall('GET', lock) == worker then
      call('PEXPIRE', lock, ARGV[4])
    else
      call('SET', lock, worker, 'NX', 'PX', ARGV[4])
    end
    results[#results + 1] = task[3] and ('cancel:' .. task[3]) or 'ok'
  end
end
for i = 1, #leases, 1000 do
  call('ZADD', TASKS .. 'leases', unpack(leases, i, math.min(i + 999, #leases)))
end
return results
