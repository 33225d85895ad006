-- Take a task out of its queue and end whoever holds it.
-- KEYS[1] queue, KEYS[2] lease; ARGV[1] task id, ARGV[2] milliseconds.
for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local known, decoded = pcall(cjson.decode, entry)
  if known and type(decoded) == 'table' and decoded['task_id'] == ARGV[1] then
    redis.call('LREM', KEYS[1], 0, entry)
  end
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'state', 'closed')
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
