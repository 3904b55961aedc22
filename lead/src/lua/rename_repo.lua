#!lua flags=allow-oom
-- rename_repo.lua: what is known of a repository goes with it to its new name.
--
-- ARGV[1] what goes before every key   ARGV[2] the old name   ARGV[3] the new one
--
-- What is known under the new name already stays.
for _, name in ipairs({ 'seen:', 'pulls:', 'default_branch:', 'cursor:' }) do
  local old = ARGV[1] .. name .. ARGV[2]
  if redis.call('EXISTS', old) == 1 then redis.call('RENAMENX', old, ARGV[1] .. name .. ARGV[3]) end
end
return 1
