// Gateway: the serving process. Workers on their own threads, one control loop (the caller's
// thread) for signals, reloads, record syncing and file searches. start(), then run() until a
// signal or stop().
//
// Threading: construct, start() and run() on one thread; stop() from any. Ownership: owns
// everything it starts.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gateway/account_file.h"
#include "gateway/drift.h"
#include "gateway/worker.h"

namespace swy::gateway {

struct GatewayOptions {
  std::string config_file;
  bool watch = true;            // reload when the file changes
  bool handle_signals = true;   // SIGHUP reloads, SIGINT and SIGTERM drain and end
  std::int64_t watch_ms = 500;  // how often the file is looked at
  std::int64_t drain_ms = 10'000;
};

// What changes when a file is written or replaced.
struct FileMark {
  std::int64_t mtime_ns = 0, size = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileMark&) const = default;
};

class Onboarding;

class Gateway {
 public:
  // registry and clock are borrowed for the gateway's life.
  Gateway(GatewayOptions options, const route::Registry& registry, const Clock& clock);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // Reads the configuration and listens. diag has every finding. kInvalidArgument: the
  // configuration is bad (exit 2); kIo, kUnavailable: the environment (port, directory).
  Status start(base::Diagnostics& diag);
  // Serves until stop() or a signal, then drains. REQUIRES: start() succeeded.
  void run();
  void stop();
  // On the control thread, or posted to it: reads the file again. A bad file leaves the running
  // configuration in force.
  void reload();
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const Config& config() const { return *snapshot_->config; }
  [[nodiscard]] net::Loop& control() { return control_; }

 private:
  struct Thread;
  Status start_worker(unsigned index, std::uint64_t salt);
  void handle_signals();
  bool read_again();
  void keep_line(std::string line);
  base::Task<void> watch();
  base::Task<void> sync_records();
  // On the control thread: what was learned becomes the next plan; beats until the end.
  void publish_learned();
  base::Task<void> beat();
  // What became of this feedback; line: the record's.
  std::string_view learn(const std::string& record, double score, const std::string& line);
  // What earlier processes learned, and what they could not publish any more.
  void begin_learning();
  void learn_what_is_left();
  void save_learning();
  // On the control thread: what experiments and drift are told, and what they tell.
  void begin_experiments();
  void adopt_experiments();
  void shares_changed();
  void heard(std::string_view record, double score);
  [[nodiscard]] std::string tell_experiments() const;
  void hand_out(std::shared_ptr<const Snapshot> snapshot);
  void warn_of_fixed_settings(const Config& next) const;

  GatewayOptions options_;
  const route::Registry& registry_;
  const Clock& clock_;
  base::Metrics metrics_;
  Shared shared_;
  net::Loop control_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::string address_;  // where the workers listen, whatever later configurations say
  std::uint16_t port_ = 0;
  Learner learner_;                         // control thread
  Trials trials_;                           // control thread
  Drift drift_;                             // control thread
  AccountFile account_file_;                // control thread
  FileMark seen_;                           // of the configuration file, control thread
  std::unique_ptr<Onboarding> onboarding_;  // control thread; its tasks use everything above
};

}  // namespace swy::gateway
