#!lua flags=allow-oom
-- limit_writes.lua: may so many writes go to GitHub now? Counts them if so.
--
-- ARGV[1] key of the halt   ARGV[2] key of the count   ARGV[3] how many writes
-- ARGV[4] ms by which the clock is moved; 0 outside of tests
-- ARGV[5…] pairs: how many writes, in how many ms
--
-- Returns -1 if outside actions are halted, 0 if the writes may go, or after
-- how many ms to ask again. Each pair is a bucket that is full at first and
-- fills evenly; a take of more than a whole bucket waits for a full one.
if redis.call('EXISTS', ARGV[1]) == 1 then return -1 end
local time = redis.call('TIME')
local now = math.floor(time[1] * 1000 + time[2] / 1000) + ARGV[4]
local wait, left, wants = 0, {}, {}
for i = 5, #ARGV, 2 do
  local size, term = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local had = redis.call('HMGET', ARGV[2], term .. ':left', term .. ':at')
  local at = math.min(tonumber(had[2]) or now, now)
  local tokens = math.min(size, (tonumber(had[1]) or size) + (now - at) * size / term)
  local wanted = math.min(tonumber(ARGV[3]), size)
  if tokens < wanted then wait = math.max(wait, math.ceil((wanted - tokens) * term / size)) end
  left[term] = tokens
  wants[term] = wanted
end
-- Written down also when it has to wait: a clock that ran back counts from here on.
for term, tokens in pairs(left) do
  redis.call('HSET', ARGV[2], term .. ':left', string.format('%.3f', wait > 0 and tokens or tokens - wants[term]), term .. ':at',
    string.format('%.0f', now))
end
redis.call('PEXPIRE', ARGV[2], 7200000)
return wait
