-- Asks for paths, each in turn. Arguments: as how many readers, in turn too (0 or less: as the single reader -N); the paths.
local many, paths, at = 0, {}, 0

function init(args)
  many = tonumber(args[1])
  for n = 2, #args do paths[#paths + 1] = args[n] end
end

function request()
  at = at + 1
  local reader = many > 0 and at % many or -many
  return wrk.format("GET", paths[at % #paths + 1], {["Authorization"] = string.format("Bearer bench-%037d", reader)})
end

-- What wrk prints is for people; this is for the program that called it.
function done(summary, latency, requests)
  io.write(string.format('{"requests": %d, "micros": %d, "refused": %d, "broken": %d, "p50": %f, "p99": %f}\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
