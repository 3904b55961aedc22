-- quarantine.lua: a claimed task turns out not to be trusted (its signature is
-- missing or wrong): it ends, and is put where people look for such things.
--
-- ARGV[3] worker   ARGV[4] id   ARGV[5] fence   ARGV[6] why (text)
-- ARGV[7] what goes into quarantine (JSON)
--
-- Returns 'ok', 'already' or 'lost'.
local worker, id, fence = ARGV[3], ARGV[4], ARGV[5]
local task = fields_of(id, 'status', 'fence', 'attempt', 'claimed_at', 'started_at',
  unpack(FINISH_FIELDS))
local refused = claim_error(id, task[1], task[2], fence)
if refused then return refused end
call('LPUSH', TASKS .. 'quarantine', ARGV[7])
finish(id, 'failed', {task[6], task[7], task[8]}, {'error', ARGV[6]})
record(id, {task[3], fence, worker, task[4], task[5]}, 'quarantined')
unlock({id}, worker)
call('ZREM', TASKS .. 'leases', id)
event('quarantined', {id}, worker, ARGV[6])
publish('failed', {id})
return 'ok'
