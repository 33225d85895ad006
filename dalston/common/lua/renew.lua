-- Keep leases alive. KEYS[i] lease i; ARGV[1] milliseconds, then per lease:
-- hand_out, token, instance, state, progress, outcome.
-- Answers per lease: "kept", "recreated" (it was gone) or "closed" (ended, or somebody else's).
local answers = {}
for i = 1, #KEYS do
  local at = 6 * i - 4
  local token = redis.call('HGET', KEYS[i], 'token')
  local answer = 'kept'
  if not token then
    answer = 'recreated'
  elseif token ~= ARGV[at + 1] or redis.call('HGET', KEYS[i], 'state') == 'closed' then
    answer = 'closed'
  end
  if answer ~= 'closed' then
    redis.call('HSET', KEYS[i], 'hand_out', ARGV[at], 'token', ARGV[at + 1],
      'instance', ARGV[at + 2], 'state', ARGV[at + 3], 'progress', ARGV[at + 4],
      'outcome', ARGV[at + 5])
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
  end
  answers[i] = answer
end
return answers
