// swy_icount: one request's own work without sockets, a fixed number of times, for counting
// instructions under callgrind: decode, decide, the record's beginning, the splice of the model
// name. Instruction counts do not depend on what else the machine does, so a regression is judged
// on them (2 %).
//
//   swy_icount CONFIG BODIES    prints the passes; counts are collected inside one_pass() only
#include <fmt/core.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/doc.h"
#include "chat/openai.h"
#include "gateway/config.h"
#include "gateway/record_line.h"
#include "route/trace.h"

namespace swy::bench {

struct State {
  std::shared_ptr<const gateway::Config> config;
  chat::RequestDoc doc;
  route::Scratch scratch;
  std::string decision, record;
  std::size_t bytes = 0;  // written, so that nothing is optimised away
};

// Not inlined: the name is callgrind's switch.
__attribute__((noinline)) bool one_pass(State& s, const std::string& body, std::uint64_t id) {
  if (!s.doc.decode(body)) return false;
  const route::Plan& plan = *s.config->plan;
  const route::RuleSet* set = plan.find(s.doc.request().model);
  if (set == nullptr) return false;
  route::Work work;
  work.id = id;
  work.request = &s.doc.request();
  work.key_name = "bench";
  work.role = "user";
  s.scratch.begin(work, plan.signals.size());
  const route::Decision d = route::decide_now(plan, *set, {}, base::Rng(1, id, 0), s.scratch);
  const auto* choice = std::get_if<route::Choice>(&d);
  if (choice == nullptr) return false;
  s.decision.clear();
  base::JsonWriter w(s.decision);
  route::write_decision(w, plan, *set, s.scratch, d);
  s.record.clear();
  gateway::RecordStart start;
  start.id = "01J00000000000000000000000";
  start.time_us = 1'700'000'000'000'000;
  start.decision = s.decision;
  gateway::append_record_start(s.record, start, plan, set, &s.scratch, {}, true);
  const auto spliced = chat::splice_model(body, plan.catalogue[choice->expert].upstream_model);
  if (!spliced) return false;
  s.bytes += s.record.size() + spliced->size();
  return true;
}

}  // namespace swy::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: swy_icount CONFIG BODIES\n");
    return 2;
  }
  const swy::route::Registry registry = swy::route::builtin_registry();
  swy::base::Diagnostics diag(argv[1]);
  swy::bench::State state;
  state.config = swy::gateway::load_config(argv[1], registry, diag);
  const auto text = swy::base::read_file(argv[2]);
  if (state.config == nullptr || !text) {
    fmt::print(stderr, "{}{}", diag.to_text(), text ? "" : text.error().message + "\n");
    return 2;
  }
  std::vector<std::string> bodies;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    bodies.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  std::uint64_t id = 0;
  constexpr int kRounds =
      2;  // the first one warms memory up; under callgrind both count, always alike
  for (int round = 0; round < kRounds; ++round) {
    for (const std::string& body : bodies) {
      if (!swy::bench::one_pass(state, body, ++id)) return 1;
    }
  }
  fmt::print("{{\"passes\":{},\"bytes\":{}}}\n", id, state.bytes);
  return 0;
}
