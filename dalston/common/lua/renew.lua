-- Keep leases alive. KEYS[i] lease i; ARGV[1] milliseconds, then per lease:
-- hand_out, token, instance, state, progress, outcome.
-- Answers per lease: "kept", "recreated" (it was gone) or "closed" (ended, or somebody else's).
local answers = {}
for i = 1, #KEYS do
  local at = 6 * i - 4
  local found = redis.call('HMGET', KEYS[i], 'token', 'state')
  local answer = 'kept'
  if not found[1] then
    answer = 'recreated'
  elseif found[1] ~= ARGV[at + 1] or found[2] == 'closed' then
    answer = 'closed'
  end
  if answer ~= 'closed' then
    -- An outcome that was told while this renewal was under way stays.
    if found[2] ~= 'done' or ARGV[at + 3] == 'done' then
      redis.call('HSET', KEYS[i], 'hand_out', ARGV[at], 'token', ARGV[at + 1],
        'instance', ARGV[at + 2], 'state', ARGV[at + 3], 'progress', ARGV[at + 4],
        'outcome', ARGV[at + 5])
    end
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
  end
  answers[i] = answer
end
return answers
