// Onboarding: a model that was added to a running gateway is asked some questions whose outcomes
// other models' are known of; what came of them becomes an outcome table that estimators learn from
// when the configuration is read again (docs/reference/onboarding.md).
//
// When to use: the gateway's control thread owns one. Threading: the thread of its loop. Probes
// touch no request and no decision: what they give comes into force with the next configuration.
// Ownership: owns its calls and files; loop, clock, metrics and host are borrowed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/metrics.h"
#include "base/task.h"
#include "chat/answer.h"
#include "chat/openai.h"
#include "gateway/probes.h"
#include "gateway/snapshot.h"
#include "http/client.h"
#include "net/loop.h"
#include "record/record_id.h"

namespace swy::gateway {

struct OnboardingHost {
  std::function<void(std::string line)> record;  // into the record log
  std::function<void()> publish;  // read the configuration again, not inside this call
};

class Onboarding {
 public:
  Onboarding(net::Loop& loop, const Clock& clock, base::Metrics& metrics, OnboardingHost host);
  ~Onboarding();
  Onboarding(const Onboarding&) = delete;
  Onboarding& operator=(const Onboarding&) = delete;

  // From here on the models of this snapshot count; those that are new are probed, one after the
  // other. Probes of models that did not change go on. Reads the tables: takes as long.
  void adopt(std::shared_ptr<const Snapshot> snapshot);
  // Feedback for the request of this record line.
  void hear(const base::Json& record, double score);
  void stop();  // cancels what is under way
  [[nodiscard]] std::string tell() const;

 private:
  struct Subject;
  struct Asked;
  struct Lane;
  std::unique_ptr<Subject> begin(const Snapshot& snapshot, ExpertId id,
                                 const record::OutcomeTable& table,
                                 const record::Responses& responses) const;
  void next_one();
  const ProbeQuestion* take(Subject& s);
  base::Task<void> lane(Subject& s);
  base::Task<void> probe(Subject& s, const ProbeQuestion& question);
  base::Task<Asked> ask(Subject& s, ExpertId expert, std::string prompt);
  void read_answer(Asked& out, const Card& card, int status, const std::string& body,
                   std::size_t prompt_bytes);
  void settle(const Subject& s, ExpertId expert, const Asked& asked);
  void note(const Subject& s, const ProbeQuestion& question, std::string_view purpose,
            ExpertId expert, const Asked& asked, double score);
  void finished(const std::string& name);
  void publish(Subject& s);
  Subject* find(std::string_view name);

  net::Loop& loop_;
  const Clock& clock_;
  base::Metrics& metrics_;
  OnboardingHost host_;
  record::RecordIds ids_;
  chat::AnswerDoc answer_doc_;
  chat::RequestDoc request_doc_;
  std::string trouble_;  // why nothing can be probed; "" when all is well
  std::vector<std::unique_ptr<Subject>> subjects_;  // last: its tasks use everything above
};

}  // namespace swy::gateway
