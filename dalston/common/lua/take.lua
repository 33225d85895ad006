-- Pop entries from a queue and take the lease of each task; stale entries are dropped.
-- KEYS[1] queue; ARGV: beginning of a lease's key, schema version, instance, state, milliseconds,
-- an entry that has been popped already or '', then a token for each task to take.
-- Answers entry and token by turns. An entry that can't be read has no token (''), ends the taking
-- and belongs to the caller.
local version = tonumber(ARGV[2])
local entry = ARGV[6]
local token = 7
local taken = {}
if entry == '' then
  entry = redis.call('RPOP', KEYS[1])
end
while entry do
  local known, decoded = pcall(cjson.decode, entry)
  if not known or type(decoded) ~= 'table' or decoded['v'] ~= version
    or type(decoded['task_id']) ~= 'string' or type(decoded['hand_out']) ~= 'number' then
    taken[#taken + 1] = entry
    taken[#taken + 1] = ''
    break
  end
  local lease = ARGV[1] .. decoded['task_id']
  local leased = tonumber(redis.call('HGET', lease, 'hand_out') or '0')
  if leased < decoded['hand_out'] then
    redis.call('DEL', lease)
    redis.call('HSET', lease, 'hand_out', string.format('%d', decoded['hand_out']),
      'token', ARGV[token], 'instance', ARGV[3], 'state', ARGV[4])
    redis.call('PEXPIRE', lease, ARGV[5])
    taken[#taken + 1] = entry
    taken[#taken + 1] = ARGV[token]
    token = token + 1
    if token > #ARGV then
      break
    end
  end
  entry = redis.call('RPOP', KEYS[1])
end
return taken
