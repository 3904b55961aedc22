-- request_approval.lua: requests an approval before something is published.
--
-- ARGV[3] approval   ARGV[4] task   ARGV[5] content hash   ARGV[6] the shown text
-- ARGV[7] who asks   ARGV[8] expiry in ms
--
-- Returns 'open', or the state of an earlier request. A request with other content is new: an old
-- answer does not count.
local key = P .. 'approval:' .. ARGV[3]
local old = call('HMGET', key, 'state', 'content_hash')
if old[1] and old[2] == ARGV[5] then return old[1] end
call('DEL', key)
call('HSET', key, 'gate', 'publish', 'task', ARGV[4], 'content_hash', ARGV[5], 'shown', ARGV[6],
  'asked_by', ARGV[7], 'asked_at', NOW, 'expires_at', ARGV[8], 'state', 'open')
call('PEXPIREAT', key, tonumber(ARGV[8]) + 2592000000)
event('approval_requested', {ARGV[4]}, ARGV[7], ARGV[3])
return 'open'
