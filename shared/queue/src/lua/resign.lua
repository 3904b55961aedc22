-- resign.lua: releases the leader lease, so that a standby need not wait.
--
-- ARGV[3] who
--
-- Returns 1, or 0 if it did not lead.
if call('GET', P .. 'lead') ~= ARGV[3] then return 0 end
return call('DEL', P .. 'lead')
