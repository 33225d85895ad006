-- End attempts. KEYS[i] lease i; ARGV[1] milliseconds, then per lease: hand_out, token.
-- An empty token closes whoever holds that hand-out; a lower hand-out is closed always.
for i = 1, #KEYS do
  local hand_out = tonumber(ARGV[2 * i])
  local token = ARGV[2 * i + 1]
  local leased = tonumber(redis.call('HGET', KEYS[i], 'hand_out') or '-1')
  local same = leased == hand_out
    and (token == '' or redis.call('HGET', KEYS[i], 'token') == token)
  if leased >= 0 and (same or leased < hand_out) then
    redis.call('HSET', KEYS[i], 'state', 'closed')
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
  end
end
