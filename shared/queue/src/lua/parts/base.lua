-- parts/base.lua: the beginning of every script. The scripts name no KEYS: they build all keys from
-- ARGV[1], which standalone Redis and Sentinel allow and Cluster does not.
--
-- ARGV[1] prefix of every key: 'agent:', with the namespace before it
-- ARGV[2] offset of the clock in ms; 0 outside of tests
local call = redis.call
local P = ARGV[1]
local TASKS, TASK = P .. 'tasks:', P .. 'task:'
local time = call('TIME')
local now_us = time[1] * 1000000 + time[2] + ARGV[2] * 1000
local now = math.floor(now_us / 1000)

-- Lua writes a large number as 1.7e+15, and Redis writes one as a float, which is slow: frequently
-- used numbers are formatted once.
local function int(number) return string.format('%.0f', number) end
local NOW = int(now)

-- Reads a number that a person may have written by hand.
local function num(text) return tonumber(text) or 0 end

-- Returns fields of a task; none if its key is gone or holds something else, so that one broken key
-- affects only its task.
local function fields_of(id, ...)
  local fields = redis.pcall('HMGET', TASK .. id, ...)
  return fields.err and {} or fields
end

-- Returns true if a task exists and has not ended.
local function is_live(id)
  local status = fields_of(id, 'status')[1]
  return status and status ~= 'success' and status ~= 'failed' and status ~= 'cancelled'
end
