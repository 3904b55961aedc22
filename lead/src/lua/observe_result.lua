#!lua flags=allow-oom
-- observe_result.lua: one result of a check is written down, and what is known beside
-- it is read. Saying the same result again changes nothing and gives the same.
--
-- ARGV[1] prefix, up to and with the repository   ARGV[2] key of all repositories
-- ARGV[3] repository   ARGV[4] check   ARGV[5] commit   ARGV[6] the result's name
-- ARGV[7] 'green', 'red' or 'infra' (red, and not by the code)
-- ARGV[8] when, in ms   ARGV[9] day   ARGV[10] signature or ''
-- ARGV[11] the occurrence (JSON, opaque here)   ARGV[12] the base branch to compare with
-- ARGV[13] '1' if the result is that branch's own
-- ARGV[14] ms to keep it   ARGV[15...] names of failed tests
--
-- Returns {results of this check on this commit (name, value, name, value …),
-- the base's {state, signature, since_name, since_sha}, occurrences (newest
-- first), 1 if the commit is known to be flaky only now}.
local call = redis.call
local P, job, sha, name = ARGV[1], ARGV[4], ARGV[5], ARGV[6]
local outcome, at, signature, keep = ARGV[7], ARGV[8], ARGV[10], ARGV[14]
local SEP = '\31'
local commit, base = P .. 'commit:' .. sha, P .. 'base:' .. ARGV[12] .. SEP .. job
local seen = P .. 'seen:' .. job .. SEP .. signature
local tests = P .. 'tests:' .. sha .. SEP .. job
local field = job .. SEP .. name

local function keep_for(key) call('PEXPIRE', key, keep) end

-- The base's state moves on with newer results, and not with a failing world.
local function move_base()
  local last = call('HGET', base, 'last_at')
  if last and tonumber(last) > tonumber(at) then return end
  local now = call('HMGET', base, 'state', 'signature')
  if now[1] ~= outcome or now[2] ~= signature then
    call('HSET', base, 'state', outcome, 'signature', signature, 'since_name', name,
      'since_sha', sha)
  end
  call('HSET', base, 'last_at', at)
  keep_for(base)
end

if call('HEXISTS', commit, field) == 0 then
  if outcome ~= 'green' and signature ~= '' then
    call('ZADD', seen, at, ARGV[11])
    call('ZREMRANGEBYSCORE', seen, '-inf', tonumber(at) - tonumber(keep))
    call('ZREMRANGEBYRANK', seen, 0, -201)
    keep_for(seen)
  end
  if outcome == 'red' and #ARGV > 14 then
    call('SADD', tests, unpack(ARGV, 15))
    keep_for(tests)
  end
  if ARGV[13] == '1' and outcome ~= 'infra' then move_base() end
  call('SADD', ARGV[2], ARGV[3])
  call('HINCRBY', P .. 'runs:' .. ARGV[9], job, 1)
  keep_for(P .. 'runs:' .. ARGV[9])
  -- Last: half of this, done again, is done whole.
  call('HSET', commit, field, at .. ' ' .. outcome .. ' ' .. signature)
  keep_for(commit)
end

local all, results, red, green = call('HGETALL', commit), {}, false, false
local mine = job .. SEP
for i = 1, #all, 2 do
  if string.sub(all[i], 1, #mine) == mine then
    results[#results + 1] = string.sub(all[i], #mine + 1)
    results[#results + 1] = all[i + 1]
    red = red or string.find(all[i + 1], ' red ', 1, true) ~= nil
    green = green or string.find(all[i + 1], ' green ', 1, true) ~= nil
  end
end

-- Red and green on one commit: whatever failed there is flaky, once per commit.
local fresh = 0
if red and green then
  local flakes, failed = P .. 'flakes', call('SMEMBERS', tests)
  if #failed == 0 then failed = {''} end
  for _, test in ipairs(failed) do
    fresh = fresh + call('ZADD', flakes, 'NX', at, mine .. test .. SEP .. sha)
  end
  call('ZREMRANGEBYSCORE', flakes, '-inf', tonumber(at) - tonumber(keep))
  call('ZREMRANGEBYRANK', flakes, 0, -10001)
  keep_for(flakes)
end

local occurrences = {}
if signature ~= '' then occurrences = call('ZREVRANGE', seen, 0, 99) end
return {results, call('HMGET', base, 'state', 'signature', 'since_name', 'since_sha'),
  occurrences, math.min(fresh, 1)}
