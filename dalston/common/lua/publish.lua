-- Push entries to a queue up to its window, in order, each at most once.
-- KEYS[1] queue, KEYS[1 + i] lease of entry i; ARGV[1] window, then per entry: hand_out, entry.
-- Answers per entry: "pushed", "queued" (already there), "leased" (claimed already) or "full".
local window = tonumber(ARGV[1])
local length = redis.call('LLEN', KEYS[1])
local answers = {}
for i = 2, #KEYS do
  local hand_out = tonumber(ARGV[2 * i - 2])
  local entry = ARGV[2 * i - 1]
  local leased = tonumber(redis.call('HGET', KEYS[i], 'hand_out') or '0')
  if leased >= hand_out then
    answers[#answers + 1] = 'leased'
  elseif redis.call('LPOS', KEYS[1], entry) then
    answers[#answers + 1] = 'queued'
  elseif length >= window then
    answers[#answers + 1] = 'full'
  else
    redis.call('LPUSH', KEYS[1], entry)
    length = length + 1
    answers[#answers + 1] = 'pushed'
  end
end
return answers
