-- set_aside.lua: takes an intent that no lead has signed out of the open ones.
--
-- ARGV[1] the lead's key, with the namespace before it   ARGV[2] the leader's epoch
-- ARGV[3] the intent's name   ARGV[4] what it held when it was read
-- ARGV[5] what is kept of it, as JSON   ARGV[6] how many are kept
--
-- Returns 'aside', 'changed' if it is another one by now, or 'deposed' if this epoch does not lead
-- any more.
local call, P = redis.call, ARGV[1]
local key = P .. ':intent:' .. ARGV[3]
if call('GET', P .. ':epoch') ~= ARGV[2] or call('EXISTS', P) == 0 then return 'deposed' end
if (call('HGET', key, 'about') or '') ~= ARGV[4] then return 'changed' end
local list = P .. ':set_aside'
call('LPUSH', list, ARGV[5])
call('LTRIM', list, 0, ARGV[6] - 1)
call('PEXPIRE', list, 2592000000)
call('DEL', key)
call('ZREM', P .. ':intents', ARGV[3])
return 'aside'
