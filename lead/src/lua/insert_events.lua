#!lua
-- insert_events.lua: takes in what was seen, once, whoever saw it first.
--
-- ARGV[1] what goes before every key: 'agent:lead:', with the namespace before it
-- ARGV[2] the webhook's delivery id, '' if it has none
-- ARGV[3] the webhook's signature, '' if this is none: a copy of it may carry another id, which is
--         not signed
-- ARGV[4] the repository whose checks the webhook is about, or ''
-- ARGV[5] how many events may wait
-- ARGV[6…] in rows of six: what, repository, key, event (JSON, may be ''), and two more
--   'event'              tells the event unless the key was seen before; with no key it always tells
--   'pull_open'          a pull request (key: its number) is open; more: 'SHA', 'UPDATED_MS'; the event is
--                        kept as well as told if the head is another than before
--   'pull_closed'        it is closed; more: the seen key
--   'on_default_branch'  a commit (key) is on the default branch
--
-- Returns 'known' for a webhook that came before, 'full', or a text with a 1 for each row that
-- told something and a 0 for each other. What is told is written before what remembers it: half
-- run, this tells twice and never not at all.
local call = redis.call
local P = ARGV[1]
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local DAY = 86400000
local EVENTS, DELIVERIES = P .. 'events', P .. 'deliveries'

local delivery = ARGV[3] ~= '' and { 'body:' .. ARGV[3] }
if delivery and ARGV[2] ~= '' then delivery[2] = 'id:' .. ARGV[2] end
if delivery then
  for _, name in ipairs(delivery) do
    if call('ZSCORE', DELIVERIES, name) then return 'known' end
  end
end
local rows = (#ARGV - 5) / 6
if call('XLEN', EVENTS) + rows > tonumber(ARGV[5]) then return 'full' end

local function add_event(event) call('XADD', EVENTS, '*', 'event', event) end

-- Keeps a sorted set to those that were seen lately.
local function trim(key, days, most)
  call('ZREMRANGEBYSCORE', key, '-inf', '(' .. string.format('%.0f', now - days * DAY))
  call('ZREMRANGEBYRANK', key, 0, -1 - most)
  call('PEXPIRE', key, days * DAY)
end

local function insert_event(repo, key, event)
  if key == '' then add_event(event) return true end
  local seen = P .. 'seen:' .. repo
  local known = call('ZSCORE', seen, key)
  if not known then add_event(event) end
  -- What is still to be seen stays known, however old it is.
  if not known or now - tonumber(known) > DAY then call('ZADD', seen, now, key) end
  if not known then trim(seen, 30, 50000) end
  return not known
end

local function open_pull(repo, number, event, sha, updated)
  local pulls = P .. 'pulls:' .. repo
  local before = call('HGET', pulls, number)
  local at, head = '0', ''
  if before then at, head = string.match(before, '^(%d+) (%x*)') end
  if before and tonumber(at or '0') > tonumber(updated) then return false end
  local moved = head ~= sha
  if moved then add_event(event) end
  call('HSET', pulls, number, updated .. ' ' .. sha .. ' ' .. event)
  call('PEXPIRE', pulls, 30 * DAY)
  return moved
end

local function close_pull(repo, number, event, key)
  local pulls, seen = P .. 'pulls:' .. repo, P .. 'seen:' .. repo
  local open = call('HEXISTS', pulls, number) == 1
  if not open and call('ZSCORE', seen, key) then return false end
  add_event(event)
  call('HDEL', pulls, number)
  call('ZADD', seen, now, key)
  return true
end

local inserted = {}
for row = 0, rows - 1 do
  local what, repo, key, event, one, two = unpack(ARGV, 6 + row * 6, 11 + row * 6)
  local is_new = false
  if what == 'event' then is_new = insert_event(repo, key, event)
  elseif what == 'pull_open' then is_new = open_pull(repo, key, event, one, two)
  elseif what == 'pull_closed' then is_new = close_pull(repo, key, event, one)
  elseif what == 'on_default_branch' then
    local main = P .. 'default_branch:' .. repo
    call('ZADD', main, now, key)
    trim(main, 30, 1000)
  end
  inserted[#inserted + 1] = is_new and '1' or '0'
end
if delivery then
  for _, name in ipairs(delivery) do call('ZADD', DELIVERIES, now, name) end
  trim(DELIVERIES, 3, 200000)
  if ARGV[4] ~= '' then
    call('HSET', P .. 'last_webhook', ARGV[4], now)
    call('PEXPIRE', P .. 'last_webhook', 30 * DAY)
  end
end
return table.concat(inserted)
