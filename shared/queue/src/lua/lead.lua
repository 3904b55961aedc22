-- lead.lua: acquires or renews the leader lease.
--
-- ARGV[3] who   ARGV[4] lease in ms
--
-- Returns {epoch, holder}: the epoch grows with each new leader; 0 if another process holds the
-- lease.
local lease, epoch = P .. 'lead', P .. 'lead:epoch'
local holder = call('GET', lease)
if holder == ARGV[3] then
  call('PEXPIRE', lease, ARGV[4])
  return {tonumber(call('GET', epoch) or 0), holder}
end
if holder then return {0, holder} end
local before = tonumber(call('GET', epoch) or 0)
-- The epoch grows even over a failover to a stale replica.
local next_epoch = math.max(before + 1, math.floor(now / 1000))
call('SET', epoch, int(next_epoch))
call('SET', lease, ARGV[3], 'PX', ARGV[4])
event('leader', {ARGV[3]}, ARGV[3], int(next_epoch))
return {next_epoch, ARGV[3]}
