#!lua flags=allow-oom
-- record_decision.lua: a decision is written down before it is carried out: what it uses
-- up, and its decisions. Saying it again changes nothing.
--
-- ARGV[1] prefix, up to and with the repository   ARGV[2] key of the decisions
-- ARGV[3] the failure's key   ARGV[4] action
-- ARGV[5] pull request, or 'branch:NAME'   ARGV[6] cause: signature or check
-- ARGV[7] check   ARGV[8] commit   ARGV[9] task id or ''
-- ARGV[10] dollars that it may cost   ARGV[11] day
-- ARGV[12] what the decisions's entry begins with   ARGV[13] the entry (JSON, opaque)
--
-- Returns 1 if the decisions has a new entry, 0 if it had this one.
local call = redis.call
local P, decisions, failure, action = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local subject, cause, task = ARGV[5], ARGV[6], ARGV[9]
local SEP = '\31'
local DAY = 86400000

if task ~= '' then
  local tries, day = P .. 'tries:' .. subject .. SEP .. cause, P .. 'day:' .. ARGV[11]
  call('SADD', tries, failure)
  call('PEXPIRE', tries, 90 * DAY)
  call('ZADD', day, 'NX', ARGV[10], task)
  call('PEXPIRE', day, 3 * DAY)
  call('HSET', P .. 'open:' .. subject, task, ARGV[8])
  call('PEXPIRE', P .. 'open:' .. subject, 30 * DAY)
end
if action == 'rerun' then
  call('HSETNX', P .. 'reruns:' .. ARGV[8], ARGV[7], failure)
  call('PEXPIRE', P .. 'reruns:' .. ARGV[8], 30 * DAY)
end
if action == 'escalate' then
  call('SET', P .. 'notified:' .. subject .. SEP .. cause, failure, 'NX', 'PX', 7 * DAY)
end

for _, entry in ipairs(call('LRANGE', decisions, 0, -1)) do
  if string.sub(entry, 1, #ARGV[12]) == ARGV[12] then return 0 end
end
call('RPUSH', decisions, ARGV[13])
call('LTRIM', decisions, -200, -1)
call('PEXPIRE', decisions, 90 * DAY)
return 1
