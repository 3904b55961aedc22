-- parts/base.lua: what every script begins with.
--
-- ARGV[1] what goes before every key: 'agent:', with the namespace before it
-- ARGV[2] ms by which the clock is moved; 0 outside of tests
local call = redis.call
local P = ARGV[1]
local TASKS, TASK = P .. 'tasks:', P .. 'task:'
local time = call('TIME')
local now_us = time[1] * 1000000 + time[2] + ARGV[2] * 1000
local now = math.floor(now_us / 1000)

-- Lua would write a large number as 1.7e+15, and Redis writes one as a float:
-- slow enough to matter, so what is used often is made a text once.
local function int(number) return string.format('%.0f', number) end
local NOW = int(now)

-- A number that somebody may have written by hand.
local function num(text) return tonumber(text) or 0 end

-- Fields of a task; none if its key is gone or holds something else, so that
-- one broken key stops nobody but its task.
local function fields_of(id, ...)
  local fields = redis.pcall('HMGET', TASK .. id, ...)
  return fields.err and {} or fields
end

-- Whether a task is there and has not ended.
local function live(id)
  local status = fields_of(id, 'status')[1]
  return status and status ~= 'success' and status ~= 'failed' and status ~= 'cancelled'
end
