// Open loop: one coroutine per request in flight, spawned by a dispatcher that follows the
// schedule. Connections are kept alive and taken in turn, so that all of them are in use; when one
// is still busy the request opens another.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "load/load.h"
#include "load/samples.h"
#include "net/loop.h"

namespace swy::bench {
namespace {

struct Run {
  const Target& target;
  const std::vector<std::string>& bodies;
  const OpenLoop& load;
  net::Loop loop;
  std::vector<std::unique_ptr<http::ClientPool>> pools;
  Samples first, total, late;
  std::uint64_t failed = 0;
  std::uint64_t flying = 0, most_flying = 0;
  std::string why;  // of the first failure
};

base::Task<void> one(Run& run, std::size_t k, std::int64_t due_ns, bool counted) {
  run.most_flying = std::max(run.most_flying, ++run.flying);
  http::Call call(*run.pools[k % run.pools.size()]);
  const std::string& body = run.bodies[k % run.bodies.size()];
  const auto head = co_await call.start(
      run.target.origin,
      {.method = "POST", .target = run.target.path, .headers = &run.target.headers, .body = body});
  std::string why;
  if (!head) {
    why = head.error().message;
  } else if ((*head)->status != 200) {
    why = fmt::format("status {}", (*head)->status);
  }
  std::int64_t first_ns = 0;
  while (why.empty()) {
    const auto piece = co_await call.read_body();
    if (!piece) why = piece.error().message;
    if (!piece || piece->empty()) break;
    if (first_ns == 0) first_ns = run.loop.now_ns();
  }
  --run.flying;
  if (!why.empty()) {
    if (run.failed++ == 0) run.why = why;
  } else if (counted) {
    run.first.add(first_ns - due_ns);
    run.total.add(run.loop.now_ns() - due_ns);
  }
}

base::Task<void> dispatch(Run& run, net::TaskSet& tasks) {
  const double gap_ns = 1e9 / run.load.rate;
  // The warm-up rises from nothing to the rate, so that connections are opened one after the other
  // and not all at once into a queue that then never empties.
  const double ramp_ns = run.load.warmup_s * 1e9;
  const auto warm = static_cast<std::size_t>(run.load.warmup_s * run.load.rate / 2);
  const auto all = warm + static_cast<std::size_t>(run.load.seconds * run.load.rate);
  const std::int64_t start_ns = run.loop.now_ns() + net::kMillisecond;
  for (std::size_t k = 0; k < all; ++k) {
    const double at = k < warm
                          ? ramp_ns * std::sqrt(static_cast<double>(k) / static_cast<double>(warm))
                          : ramp_ns + static_cast<double>(k - warm) * gap_ns;
    const std::int64_t due_ns = start_ns + static_cast<std::int64_t>(at);
    co_await run.loop.sleep_for(due_ns - run.loop.now_ns());
    if (k >= warm) run.late.add(run.loop.now_ns() - due_ns);
    tasks.spawn(one(run, k, due_ns, k >= warm));
  }
  for (int i = 0; i < 1000 && run.flying > 0; ++i)
    co_await run.loop.sleep_for(10 * net::kMillisecond);
  run.loop.stop();
}

}  // namespace

std::string run_open_loop(const Target& target, const std::vector<std::string>& bodies,
                          const OpenLoop& load) {
  Run run{.target = target,
          .bodies = bodies,
          .load = load,
          .loop = {},
          .pools = {},
          .first = {},
          .total = {},
          .late = {},
          .why = {}};
  for (std::size_t i = 0; i < load.connections; ++i) {
    run.pools.push_back(std::make_unique<http::ClientPool>(run.loop, http::ClientOptions{}));
  }
  {
    net::TaskSet tasks(run.loop);
    net::TaskSet dispatcher(run.loop);
    dispatcher.spawn(dispatch(run, tasks));
    run.loop.run();
  }
  std::uint64_t opened = 0;
  for (const auto& pool : run.pools) opened += pool->counts().opened;
  run.pools.clear();
  std::string out;
  base::JsonWriter w(out);
  w.begin_object()
      .field("rate", load.rate)
      .field("seconds", load.seconds)
      .field("failed", run.failed)
      .field("unfinished", run.flying);
  if (!run.why.empty()) w.field("why", run.why);
  w.field("connections", opened).field("most_in_flight", run.most_flying);
  run.first.write(w, "first_us");
  run.total.write(w, "total_us");
  run.late.write(w, "sent_late_us");
  w.end_object();
  return out;
}

}  // namespace swy::bench
