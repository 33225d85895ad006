-- Push entries to a queue up to its window, in order, each at most once.
-- KEYS[1] queue, KEYS[2] mark of a backlog, then per entry: lease, set of its job's tasks;
-- ARGV: window, 1 if these are all ready tasks, seconds of the mark, seconds of the sets, then per
-- entry: hand_out, task id, entry.
-- Answers per entry: "pushed", "queued" (already there), "leased" (claimed already) or "full".
-- What waits in the queue in another order than that of the offer is brought into that order: what
-- comes first goes in front, and what the window has no room for then is taken out again.
local window = tonumber(ARGV[1])
local answers = {}
local order = {}
local ordered, newcomers, before = true, false, math.huge
for i = 1, (#KEYS - 2) / 2 do
  local hand_out, entry = tonumber(ARGV[3 * i + 2]), ARGV[3 * i + 4]
  local leased = tonumber(redis.call('HGET', KEYS[2 * i + 1], 'hand_out') or '0')
  if leased >= hand_out then
    answers[i] = 'leased'
  else
    order[#order + 1] = i
    local place = redis.call('LPOS', KEYS[1], entry)
    if place then
      -- Who is taken next stands at the highest place.
      ordered = ordered and not newcomers and place < before
      before = place
      answers[i] = 'queued'
    else
      newcomers = true
    end
  end
end
if not ordered then
  for _, i in ipairs(order) do
    redis.call('LREM', KEYS[1], 1, ARGV[3 * i + 4])
  end
end
local room = window - redis.call('LLEN', KEYS[1])
local full = false
for _, i in ipairs(order) do
  if not ordered or not answers[i] then
    if room > 0 then
      local tasks = KEYS[2 * i + 2]
      redis.call('LPUSH', KEYS[1], ARGV[3 * i + 4])
      redis.call('SADD', tasks, ARGV[3 * i + 3])
      redis.call('EXPIRE', tasks, ARGV[4])
      room = room - 1
      answers[i] = answers[i] or 'pushed'
    else
      answers[i] = 'full'
      full = true
    end
  end
end
if full then
  redis.call('SET', KEYS[2], '1', 'EX', ARGV[3])
elseif ARGV[2] == '1' then
  redis.call('DEL', KEYS[2])
end
return answers
