// The two loads of swy_load: arrivals on a fixed schedule, and many slow streams at once. Each runs
// its own loop until it is done and returns one JSON object.
//
// Threading: one thread. Ownership: values; the bodies are borrowed for the call.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "http/client.h"
#include "wire/headers.h"

namespace swy::bench {

struct Target {
  http::Origin origin;
  std::string path = "/v1/chat/completions";
  wire::Headers headers;
};

struct OpenLoop {
  double rate = 100;    // requests a second
  double warmup_s = 1;  // not counted
  double seconds = 5;   // counted
  std::size_t connections = 32;
};

// Request k is due at start + k / rate whatever became of those before; its latency counts from
// when it was due, so a server that stalls is charged for everything that would have arrived
// meanwhile (no coordinated omission).
std::string run_open_loop(const Target& target, const std::vector<std::string>& bodies,
                          const OpenLoop& load);

struct SlowStreams {
  std::size_t streams = 5000;
  double ramp_s = 5;               // over which they start
  double hold_s = 3;               // from all started to the line "open N" on standard output
  std::int64_t pace_ms = 1000;     // expected time between two chunks of a stream
  std::int64_t starved_ms = 2000;  // a longer gap than this starves the stream
};

// Prints "open N" when all streams have had their first chunk, then reads them to their end.
std::string run_slow_streams(const Target& target, const std::vector<std::string>& bodies,
                             const SlowStreams& load);

}  // namespace swy::bench
