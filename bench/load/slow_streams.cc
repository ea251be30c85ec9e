// Slow streams: every stream is a coroutine that reads SSE pieces as they come and remembers the
// longest time between two.
#include <fmt/core.h>
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "load/load.h"
#include "load/samples.h"
#include "net/loop.h"

namespace swy::bench {
namespace {

struct Run {
  const Target& target;
  const std::vector<std::string>& bodies;
  const SlowStreams& load;
  net::Loop loop;
  std::unique_ptr<http::ClientPool> pool;
  Samples first, gap, longest;
  std::size_t begun = 0, ended = 0, failed = 0, starved = 0;
  std::string why;
};

base::Task<void> one(Run& run, std::size_t k) {
  http::Call call(*run.pool);
  const std::string& body = run.bodies[k % run.bodies.size()];
  const std::int64_t start_ns = run.loop.now_ns();
  const auto head = co_await call.start(
      run.target.origin,
      {.method = "POST", .target = run.target.path, .headers = &run.target.headers, .body = body});
  std::string why;
  if (!head) {
    why = head.error().message;
  } else if ((*head)->status != 200) {
    why = fmt::format("status {}", (*head)->status);
  }
  std::int64_t last_ns = 0;
  std::int64_t longest_ns = 0;
  std::string tail;
  while (why.empty()) {
    const auto piece = co_await call.read_body();
    if (!piece) why = piece.error().message;
    if (!piece || piece->empty()) break;
    const std::int64_t now = run.loop.now_ns();
    if (last_ns == 0) {
      ++run.begun;
      run.first.add(now - start_ns);
    } else {
      run.gap.add(now - last_ns);
      longest_ns = std::max(longest_ns, now - last_ns);
    }
    last_ns = now;
    tail.append(*piece);
    if (tail.size() > 64) tail.erase(0, tail.size() - 64);
  }
  if (why.empty() && tail.find("data: [DONE]") == std::string::npos) why = "ended without [DONE]";
  ++run.ended;
  if (!why.empty() && run.failed++ == 0) run.why = why;
  if (longest_ns > run.load.starved_ms * net::kMillisecond) ++run.starved;
  run.longest.add(longest_ns);
}

base::Task<void> conduct(Run& run, net::TaskSet& tasks) {
  const std::int64_t start_ns = run.loop.now_ns();
  const double gap_ns = run.load.ramp_s * 1e9 / static_cast<double>(run.load.streams);
  for (std::size_t k = 0; k < run.load.streams; ++k) {
    co_await run.loop.sleep_for(
        start_ns + static_cast<std::int64_t>(static_cast<double>(k) * gap_ns) - run.loop.now_ns());
    tasks.spawn(one(run, k));
  }
  for (int i = 0; i < 200 && run.begun + run.failed < run.load.streams; ++i)
    co_await run.loop.sleep_for(50 * net::kMillisecond);
  co_await run.loop.sleep_for(static_cast<std::int64_t>(run.load.hold_s * 1e9));
  fmt::print("open {}\n", run.begun - run.ended + run.failed);
  std::fflush(stdout);
  for (int i = 0; i < 3000 && run.ended < run.load.streams; ++i)
    co_await run.loop.sleep_for(100 * net::kMillisecond);
  run.loop.stop();
}

}  // namespace

std::string run_slow_streams(const Target& target, const std::vector<std::string>& bodies,
                             const SlowStreams& load) {
  Run run{.target = target,
          .bodies = bodies,
          .load = load,
          .loop = {},
          .pool = {},
          .first = {},
          .gap = {},
          .longest = {},
          .why = {}};
  run.pool = std::make_unique<http::ClientPool>(run.loop, http::ClientOptions{});
  {
    net::TaskSet tasks(run.loop);
    net::TaskSet conductor(run.loop);
    conductor.spawn(conduct(run, tasks));
    run.loop.run();
  }
  run.pool.reset();
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("streams", std::uint64_t{load.streams})
      .field("begun", std::uint64_t{run.begun});
  w.field("failed", std::uint64_t{run.failed})
      .field("unfinished", std::uint64_t{load.streams - run.ended});
  w.field("starved", std::uint64_t{run.starved})
      .field("pace_ms", load.pace_ms)
      .field("starved_ms", load.starved_ms);
  if (!run.why.empty()) w.field("why", run.why);
  run.first.write(w, "first_us");
  run.gap.write(w, "gap_us");
  run.longest.write(w, "longest_gap_us");
  w.end_object();
  return out;
}

}  // namespace swy::bench
