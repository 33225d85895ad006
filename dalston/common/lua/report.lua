-- Tell what happened: first in the attempts' leases, then to the orchestrators and the listeners.
-- KEYS[1] stream and channel of events, KEYS[1 + i] lease of message i;
-- ARGV[1] milliseconds of a lease, ARGV[2] length of the stream, then per message: event, channel
-- of its job, hand_out, token, instance, state, progress, outcome. Without a hand_out it is about
-- no lease. A lease that has been closed, or is somebody else's, stays as it is.
for i = 2, #KEYS do
  local at = 8 * i - 13
  if ARGV[at + 2] ~= '' then
    local found = redis.call('HMGET', KEYS[i], 'token', 'state')
    if not found[1] or (found[1] == ARGV[at + 3] and found[2] ~= 'closed') then
      redis.call('HSET', KEYS[i], 'hand_out', ARGV[at + 2], 'token', ARGV[at + 3],
        'instance', ARGV[at + 4], 'state', ARGV[at + 5], 'progress', ARGV[at + 6],
        'outcome', ARGV[at + 7])
      redis.call('PEXPIRE', KEYS[i], ARGV[1])
    end
  end
end
for i = 2, #KEYS do
  local at = 8 * i - 13
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'data', ARGV[at])
  redis.call('PUBLISH', KEYS[1], ARGV[at])
  redis.call('PUBLISH', ARGV[at + 1], ARGV[at])
end
