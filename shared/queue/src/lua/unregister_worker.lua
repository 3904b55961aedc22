-- unregister_worker.lua: removes a worker's registration at its end.
--
-- ARGV[3] worker
call('ZREM', P .. 'workers', ARGV[3])
call('DEL', P .. 'worker:' .. ARGV[3])
if call('GET', TASKS .. 'alone') == ARGV[3] then call('DEL', TASKS .. 'alone') end
return 1
