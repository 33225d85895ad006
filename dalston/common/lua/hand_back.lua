-- Give up a claim that nothing was started for.
-- KEYS[1] lease, KEYS[2] queue; ARGV: token, entry, RPUSH (the entry is the next to be popped
-- again) or LPUSH (behind all others).
if redis.call('HGET', KEYS[1], 'token') == ARGV[1]
  and redis.call('HGET', KEYS[1], 'state') ~= 'closed' then
  redis.call('DEL', KEYS[1])
  redis.call(ARGV[3], KEYS[2], ARGV[2])
end
