-- Give up a claim that nothing was started for: the entry is the next to be popped again.
-- KEYS[1] lease, KEYS[2] queue; ARGV[1] token, ARGV[2] entry. Answers 1 or 0.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1]
  or redis.call('HGET', KEYS[1], 'state') == 'closed' then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('RPUSH', KEYS[2], ARGV[2])
return 1
