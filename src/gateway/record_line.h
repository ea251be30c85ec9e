// One record as a line of JSON (docs/reference/records.md): its beginning is written when the
// decision is made, its end when the exchange is over. Pure text.
#pragma once

#include <string>

#include "gateway/exchange.h"

namespace swy::gateway {

inline constexpr std::string_view kRecordKind = "records";  // of the log files

struct RecordStart {
  std::string_view id;
  std::int64_t time_us = 0;
  std::uint64_t seed = 0;
  std::string_view decision;          // JSON object; "" when none was made
  std::string_view experiment;        // JSON object; "" when it is of none
  std::string_view body;              // request body; "" : not kept
  const route::Rule* rule = nullptr;  // that chose
  std::string_view key;  // the caller's, when no decision was made (else it is part of the work)
};

// Leaves the object open. scratch: of the decision, or null when none was made. live: what the
// decision saw.
void append_record_start(std::string& out, const RecordStart& start, const route::Plan& plan,
                         const route::RuleSet* set, route::Scratch* scratch, fleet::LiveView live,
                         bool keep_sketch);
void append_record_end(std::string& out, const Exchange& x, std::int64_t now_ns);

struct Feedback {
  std::string_view record;
  double score = 0;          // 0 to 1
  std::string_view comment;  // "" : none
};
std::string feedback_line(const Feedback& feedback, std::string_view key, std::int64_t time_us);

}  // namespace swy::gateway
