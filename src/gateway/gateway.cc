#include "gateway/gateway.h"

#include "gateway/onboarding.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "gateway/record_line.h"

namespace swy::gateway {
namespace {

// A worker's heap breathes with every request; left alone, the allocator gives its top back to the
// kernel and faults it in again each time. Keeping this much costs nothing that a busy gateway does
// not need anyway.
void keep_freed_memory() {
  constexpr int kKeep = 32 * 1024 * 1024;
  constexpr int kGrowBy = 512 * 1024;
  (void)mallopt(M_TRIM_THRESHOLD, kKeep);
  (void)mallopt(M_TOP_PAD, kGrowBy);
}

FileMark mark_of(const std::string& path) {
  struct stat st{};
  if (stat(path.c_str(), &st) != 0) return {};
  return {std::int64_t{st.st_mtim.tv_sec} * 1'000'000'000 + st.st_mtim.tv_nsec, st.st_size,
          st.st_ino};
}

// The usual soft limit of 1,024 is for programs that use select(); a gateway needs two descriptors
// a request.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// Linux doubles a process's table of descriptors as they are opened, and once there are threads
// each doubling waits for an RCU grace period inside accept() or socket(): 10 to 20 ms in which a
// worker serves nobody. The table never shrinks, so it is made large while there is only one
// thread.
void reserve_descriptors() {
  constexpr rlim_t kEnough = 65536;  // half a megabyte of kernel memory
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const int any = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (any < 0) return;
  const auto highest = static_cast<int>(std::min(limit.rlim_cur, kEnough)) - 1;
  if (const int high = ::fcntl(any, F_DUPFD_CLOEXEC, highest); high >= 0) ::close(high);
  ::close(any);
}

bool is_loopback(std::string_view address) {
  return address.substr(0, 4) == "127." || address == "::1";
}

}  // namespace

// A worker and the thread that runs its loop. The loop is destroyed after the worker, both after
// the thread has ended.
struct Gateway::Thread {
  net::Loop loop;
  std::shared_ptr<Worker> worker;  // shared so that a posted function can tell that it is gone
  std::thread thread;
};

Gateway::Gateway(GatewayOptions options, const route::Registry& registry, const Clock& clock)
    : options_(std::move(options)),
      registry_(registry),
      clock_(clock),
      shared_(clock, metrics_),
      trials_(metrics_),
      drift_(metrics_),
      onboarding_(std::make_unique<Onboarding>(
          control_, clock_, metrics_,
          OnboardingHost{.record = [this](std::string line) { keep_line(std::move(line)); },
                         .publish = [this] { control_.post([this] { reload(); }); }})) {
  shared_.on_control = [this](std::function<void()> fn) { control_.post(std::move(fn)); };
}

Gateway::~Gateway() {
  for (auto& t : threads_) {
    t->loop.stop();
    if (t->thread.joinable()) t->thread.join();
  }
  shared_.understanding.reset();  // posts to the loops, so it ends before they do
}

Status Gateway::start(base::Diagnostics& diag) {
  raise_descriptor_limit();
  reserve_descriptors();
  seen_ = mark_of(options_.config_file);  // before it is read: a change in between is noticed later
  auto config = load_config(options_.config_file, registry_, diag);
  if (config == nullptr) return fail(ErrorCode::kInvalidArgument, "the configuration has errors");
  port_ = config->port;
  address_ = config->address;
  snapshot_ = make_snapshot(std::move(config), nullptr, metrics_);
  AccountFile::restore(*snapshot_);
  learner_.adopt(snapshot_->config->plan, snapshot_->configured);
  shared_.lessons = std::make_unique<Lessons>(
      static_cast<std::size_t>(snapshot_->config->learning.keep_mb) << 20U);
  shared_.learn = [this](const std::string& record, double score, const std::string& line) {
    return learn(record, score, line);
  };
  begin_learning();
  begin_experiments();
  shared_.understanding =
      std::make_unique<Understanding>(snapshot_->config->understanding, metrics_);
  const std::uint64_t salt = record::random_salt();
  for (unsigned i = 0; i < static_cast<unsigned>(snapshot_->config->workers); ++i)
    SWY_DO(start_worker(i, salt));
  handle_signals();  // before anybody is told that it serves
  return {};
}

void Gateway::handle_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a full disk or file limit is an error of write(2), not the end
  if (!options_.handle_signals) return;
  control_.on_signal(SIGINT, [this] { control_.stop(); });
  control_.on_signal(SIGTERM, [this] { control_.stop(); });
  control_.on_signal(SIGHUP, [this] { reload(); });
}

Status Gateway::start_worker(unsigned index, std::uint64_t salt) {
  const Config& c = *snapshot_->config;
  std::unique_ptr<record::LogWriter> log;
  if (!c.records.path.empty()) {
    record::LogOptions options{c.records.path, std::string(kRecordKind), index,
                               static_cast<std::uint64_t>(c.records.rotate_mb) << 20U};
    SWY_TRY(log, record::LogWriter::open(std::move(options), clock_));
  }
  auto t = std::make_unique<Thread>();
  t->loop.busy_poll(c.busy_poll_us * 1000);
  t->worker = std::make_shared<Worker>(t->loop, index, shared_, snapshot_, std::move(log), salt);
  SWY_DO(t->worker->listen({.address = c.address, .port = port_, .share_port = c.workers > 1}));
  port_ = t->worker->port();
  threads_.push_back(std::move(t));
  return {};
}

void Gateway::run() {
  keep_freed_memory();
  if (options_.watch) control_.spawn(watch());
  if (snapshot_->config->records.sync_ms > 0 && !snapshot_->config->records.path.empty())
    control_.spawn(sync_records());
  control_.spawn(beat());
  onboarding_->adopt(snapshot_);
  const auto left =
      std::make_shared<std::size_t>(threads_.size());  // touched on the control loop only
  for (auto& t : threads_) {
    t->thread = std::thread([w = t.get(), left, this] {
      w->loop.run();
      (void)w->loop.drain(options_.drain_ms * net::kMillisecond);  // what is still in flight
      control_.post([left, this] {
        if (--*left == 0) control_.stop();
      });
    });
  }
  control_.run();
  onboarding_->stop();
  shared_.draining.store(true);
  for (auto& t : threads_) {
    t->loop.post([w = t.get()] {
      w->worker->drain();
      w->loop.stop();
    });
  }
  control_
      .run();  // requests in flight may still look for records; a second signal ends this at once
  for (auto& t : threads_) {
    if (t->thread.joinable()) t->thread.join();
    if (t->worker->log() != nullptr) (void)t->worker->log()->sync();
  }
  publish_learned();
  drift_.beat(*snapshot_);
  account_file_.save(*snapshot_);
  (void)control_.run_for(
      net::kMillisecond);  // what was posted answers to loops that must still be there
}

void Gateway::stop() { control_.stop(); }

void Gateway::reload() {
  if (read_again()) onboarding_->adopt(snapshot_);
}

// False: the running configuration stays in force.
bool Gateway::read_again() {
  publish_learned();  // what has a file is read back from it
  base::Diagnostics diag(options_.config_file);
  auto config = load_config(options_.config_file, registry_, diag);
  // Without keys everybody may call, which is why such a gateway listens on loopback. The listener
  // stays where it is.
  if (config != nullptr && config->keys.empty() && !is_loopback(address_)) {
    diag.error(
        {}, fmt::format(
                "no keys are left, but the gateway listens on {}: restart it to serve without keys",
                address_));
    config = nullptr;
  }
  const std::lock_guard lock(shared_.reload_mutex);
  if (config == nullptr) {
    shared_.reload_failed.add();
    shared_.reload_error = diag.to_text();
    base::log_error(fmt::format("configuration not reloaded, the running one stays in force:\n{}",
                                diag.to_text()));
    return false;
  }
  shared_.reload_error.clear();
  shared_.reload_ok.add();
  warn_of_fixed_settings(*config);
  snapshot_ = make_snapshot(std::move(config), snapshot_.get(), metrics_);
  adopt_experiments();
  hand_out(snapshot_);
  learner_.adopt(snapshot_->config->plan, snapshot_->configured);
  shared_.lessons->clear();  // their facts are those of the configuration that is gone
  base::log_info(fmt::format("configuration reloaded: plan {}, generation {}",
                             snapshot_->plan().version, snapshot_->generation));
  return true;
}

void Gateway::hand_out(std::shared_ptr<const Snapshot> snapshot) {
  snapshot_ = std::move(snapshot);
  for (auto& t : threads_) {
    t->loop.post([weak = std::weak_ptr(t->worker), s = snapshot_] {
      if (const auto w = weak.lock()) w->adopt(s);
    });
  }
}

// Experiments of an earlier process go on from the records that it left.
void Gateway::begin_experiments() {
  shared_.happened = [this](const Happened& h) {
    if (trials_.take(h)) shares_changed();
  };
  shared_.heard = [this](std::string_view record, double score) { heard(record, score); };
  shared_.tell_experiments = [this] { return tell_experiments(); };
  shared_.tell_onboarding = [this] { return onboarding_->tell(); };
  trials_.adopt(snapshot_->config->experiments);
  trials_.catch_up(snapshot_->config->records.path);
  adopt_experiments();
}

// Experiments that the reload did not touch go on; their shares are those they decided on.
void Gateway::adopt_experiments() {
  trials_.adopt(snapshot_->config->experiments);
  if (!trials_.empty()) snapshot_ = with_shares(*snapshot_, trials_.shares());
  drift_.adopt(*snapshot_);
}

void Gateway::heard(std::string_view record, double score) {
  base::JsonDoc doc;
  const auto line = doc.parse(record);
  if (!line) return;
  drift_.hear(*line, score);
  onboarding_->hear(*line, score);
  if (trials_.hear(*line, score)) shares_changed();
}

// New requests are dealt by what was decided; a line in the record log makes it last.
void Gateway::shares_changed() {
  hand_out(with_shares(*snapshot_, trials_.shares()));
  for (std::string& line : trials_.take_lines(clock_.wall_us())) keep_line(std::move(line));
}

// A line for the record log, which the first worker writes.
void Gateway::keep_line(std::string line) {
  threads_.front()->loop.post(
      [weak = std::weak_ptr(threads_.front()->worker), line = std::move(line)] {
        const auto worker = weak.lock();
        if (worker == nullptr || worker->log() == nullptr) return;
        if (const Status written = worker->log()->append(line); !written)
          base::log_warning(written.error().message);
      });
}

std::string Gateway::tell_experiments() const {
  std::string out;
  base::JsonWriter w(out);
  w.begin_object().field("object", "list");
  trials_.write(w);
  drift_.write(w);
  w.end_object();
  return out;
}

std::string_view Gateway::learn(const std::string& record, double score, const std::string& line) {
  const auto standing = shared_.lessons->standing(record);
  if (standing == Lessons::Standing::kLearned) return to_string(standing);
  const auto lesson = shared_.lessons->take(record);  // it counts as learned from here on
  bool done = lesson && learner_.learn(*lesson, score);
  if (!lesson && shared_.lessons->may_learn_again(record)) {
    base::JsonDoc doc;
    const auto parsed = doc.parse(line);
    done = parsed && learner_.learn_again(*parsed, score);
    if (done) shared_.lessons->learned(record);
  }
  if (done) shared_.learned.add();
  return to_string(done ? Lessons::Standing::kKept : Lessons::Standing::kGone);
}

void Gateway::publish_learned() {
  if (!learner_.dirty()) return;
  save_learning();  // first: what is learned twice is worse than what is not learned
  if (auto plan = learner_.publish()) hand_out(with_plan(*snapshot_, std::move(plan)));
}

base::Task<void> Gateway::beat() {
  for (;;) {
    co_await control_.sleep_for(snapshot_->config->learning.beat_ms * net::kMillisecond);
    publish_learned();
    drift_.beat(*snapshot_);
    account_file_.save(*snapshot_);
  }
}

void Gateway::warn_of_fixed_settings(const Config& next) const {
  const Config& now = *snapshot_->config;
  if (next.address != now.address || next.port != now.port || next.workers != now.workers ||
      next.busy_poll_us != now.busy_poll_us || next.records.path != now.records.path ||
      next.max_body_bytes != now.max_body_bytes || next.max_connections != now.max_connections ||
      next.understanding != now.understanding) {
    base::log_warning(
        "listen, workers, busy_poll_us, limits, understanding and records.path take effect after a "
        "restart");
  }
}

base::Task<void> Gateway::watch() {
  for (;;) {
    co_await control_.sleep_for(options_.watch_ms * net::kMillisecond);
    const FileMark now = mark_of(options_.config_file);
    if (now == seen_ || now == FileMark{})
      continue;  // unchanged, or between removal and replacement
    seen_ = now;
    reload();
  }
}

base::Task<void> Gateway::sync_records() {
  for (;;) {
    co_await control_.sleep_for(snapshot_->config->records.sync_ms * net::kMillisecond);
    for (auto& t : threads_) {
      if (t->worker->log() == nullptr) continue;
      if (const auto synced = t->worker->log()->sync(); !synced)
        base::log_warning(synced.error().message);
    }
  }
}

}  // namespace swy::gateway
