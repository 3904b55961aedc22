-- intent.lua: begins or ends an outside action. Outside actions can't be fenced: the next leader
-- checks those that were begun and not closed.
--
-- ARGV[3] 'begin' or 'end'   ARGV[4] action   ARGV[5] the leader's epoch
-- ARGV[6] the action (JSON), or its outcome (JSON)
--
-- Returns 'begun', 'open:EPOCH' (begun earlier and not closed: check first), 'done' (closed by this
-- call or earlier), 'unknown', or 'deposed' if this epoch is no longer the leader's.
local key, open = P .. 'lead:intent:' .. ARGV[4], P .. 'lead:intents'
if call('GET', P .. 'lead:epoch') ~= ARGV[5] or call('EXISTS', P .. 'lead') == 0 then
  return 'deposed'
end
local state = call('HMGET', key, 'state', 'epoch')
if ARGV[3] == 'begin' then
  if state[1] == 'open' then return 'open:' .. state[2] end
  if state[1] then return 'done' end
  call('ZADD', open, NOW, ARGV[4])
  call('HSET', key, 'state', 'open', 'epoch', ARGV[5], 'about', ARGV[6], 'begun_at', NOW)
  return 'begun'
end
if not state[1] then return 'unknown' end
if state[1] == 'open' then
  call('HSET', key, 'state', 'done', 'outcome', ARGV[6], 'ended_at', NOW, 'ended_by', ARGV[5])
end
-- Kept for a week: long enough for a late repeat to find it done.
call('PEXPIRE', key, 604800000)
call('ZREM', open, ARGV[4])
return 'done'
