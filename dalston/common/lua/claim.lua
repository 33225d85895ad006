-- Take the lease of a task if nobody has it for this or a later hand-out.
-- KEYS[1] lease; ARGV: hand_out, token, instance, state, milliseconds. Answers 1 or 0.
local leased = tonumber(redis.call('HGET', KEYS[1], 'hand_out') or '0')
if leased >= tonumber(ARGV[1]) then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'hand_out', ARGV[1], 'token', ARGV[2], 'instance', ARGV[3],
  'state', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
