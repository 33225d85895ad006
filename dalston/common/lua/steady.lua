-- Since how many seconds Redis has been undisturbed, and keep it so for a while.
-- KEYS[1] steady; ARGV[1] milliseconds.
local now = tonumber(redis.call('TIME')[1])
local since = tonumber(redis.call('GET', KEYS[1]) or now)
-- A clock that was set back.
since = math.min(since, now)
redis.call('SET', KEYS[1], since, 'PX', ARGV[1])
return now - since
