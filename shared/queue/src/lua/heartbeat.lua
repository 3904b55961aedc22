-- heartbeat.lua: a worker is alive, and so are its claims.
--
-- ARGV[3] worker   ARGV[4] lease in ms   ARGV[5] ms its registration lives
-- ARGV[6] number of words of its registration, then these: field, value, …
-- then id, fence, and so on
--
-- Returns for each claim: 'ok', 'lost', or 'cancel:WHY' if it is to stop.
-- Puts back a lease or a lock that is missing: while the fence is right, the
-- claim is.
local worker, lease = ARGV[3], tonumber(ARGV[4])
local me = P .. 'worker:' .. worker
local words = tonumber(ARGV[6])
-- Its registration is for people; its claims do not hang on it.
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
