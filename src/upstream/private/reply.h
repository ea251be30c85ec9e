// Reply: one answer, decided completely before its first byte leaves. For the .cc files of
// upstream. Threading: values. Ownership: owns its texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chat/build.h"
#include "switchyard/chat.h"
#include "upstream/script_state.h"

namespace swy::upstream {

struct Reply {
  std::string id;
  std::string model;
  std::string text;
  std::string_view finish = "stop";
  chat::Usage usage;
  bool stream = false;
  bool include_usage = false;
  std::int64_t pieces = 1;  // content events of the stream
  double ttft_ms = 0;
  double piece_ms = 0;  // between two content events
  Fault fault;
  [[nodiscard]] chat::AnswerHead head() const;
};

// A function of the script, the request and its number; the fault is filled in by the caller.
Reply make_reply(const Script& script, const chat::Request& request, std::uint64_t number);

// Replaces the text, for Fault kHuge.
void make_huge(Reply& reply, std::int64_t bytes);

// The whole plain answer as JSON, with what the fault does to it.
std::string plain_body(const Reply& reply);

// The events of a stream, one a call. Borrows the reply.
class Events {
 public:
  explicit Events(const Reply& reply) : reply_(reply) {}
  // Appends the next event. REQUIRES: not ended().
  void append_next(std::string& out);
  [[nodiscard]] bool ended() const { return phase_ == Phase::kEnd; }
  // When the event that append_next() gave last is due, in ms after the request.
  [[nodiscard]] double due_ms() const { return due_ms_; }

 private:
  enum class Phase : std::uint8_t { kRole, kContent, kFinish, kUsage, kDone, kEnd };
  std::string_view next_piece();
  const Reply& reply_;
  Phase phase_ = Phase::kRole;
  std::int64_t piece_ = 0;
  std::size_t at_ = 0;
  double due_ms_ = 0;
};

}  // namespace swy::upstream
