// ScriptOptions: what a scripted upstream does: how fast each model answers and which faults it
// injects. Read from a YAML (or JSON) document, or from the short forms of the command line.
//
// Use: tests fill the structs by hand; the program reads them with read_script(). Threading:
// values. Ownership: own everything they hold. Reference page: docs/reference/upstream.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/doc.h"
#include "switchyard/result.h"

namespace swy::upstream {

// What can be made to go wrong with one answer. "After n events" counts the events of a stream, the
// first of which carries the role; 0 means before the first byte of the response.
enum class FaultKind : std::uint8_t {
  kNone,         // none:           a good answer, whatever the rules say (for x-script-fault)
  kStatus,       // status:CODE[:RETRY_AFTER_S]: this status with the error envelope
  kDelay,        // delay:MS:       the response head comes so much later, then a good answer
  kReset,        // reset:N:        TCP reset after N events
  kCut,          // cut:N:          the connection closes in mid-message after N events
  kUndone,       // undone:N:       a well-formed end of message after N events, without [DONE]
  kError,        // error:N:        an error event after N events, then a well-formed end
  kStall,        // stall:N[:MS]:   silence after N events, for MS or until the client goes away
  kLoris,        // loris:MS:       one byte of the body every MS
  kMalformed,    // malformed:N:    after N events one that is not JSON; plain: a broken JSON body
  kContentType,  // content_type:   a content-type that the body does not have
  kNoUsage,      // no_usage:       no usage anywhere
  kWrongUsage,   // wrong_usage:    usage with negative and absurd numbers
  kEmpty,        // empty:          status 200 and no body
  kHuge,         // huge:BYTES:     one event (plain: the whole answer) of so many bytes of content
};

struct Fault {
  FaultKind kind = FaultKind::kNone;
  std::int64_t first = 0;   // CODE, N, MS or BYTES
  std::int64_t second = 0;  // RETRY_AFTER_S or MS of a stall; 0: none, for ever
  bool operator==(const Fault&) const = default;
};

// "reset:3". kInvalidArgument says what is wrong, with the nearest known names.
Result<Fault> parse_fault(std::string_view text);
std::string to_string(const Fault& fault);

// A fault and the requests it meets. The first rule that applies decides.
struct FaultRule {
  Fault fault;
  std::string model = {};    // "": every model
  double probability = 1.0;  // drawn from (seed, request number, place of the rule)
  std::int64_t every = 1;    // only every n-th request for the model
  std::int64_t times = 0;    // stop after so many faults; 0: never
};

struct ModelScript {
  std::string name;
  double ttft_ms = 0;            // from the request to the first content
  double tokens_per_s = 0;       // 0: all at once
  double jitter = 0;             // share of ttft_ms by which it varies up and down, 0 to 1
  std::string recorded_as = {};  // name of the model in the outcome tables; "": the same
};

struct ScriptOptions {
  std::uint64_t seed = 1;
  std::vector<ModelScript> models = {};  // "*" as name: every model that is not listed
  std::vector<FaultRule> faults = {};
  bool only_listed = false;    // answer 404 to models that are neither listed nor in the tables
  bool fast = false;           // no pacing at all
  std::int64_t chunks = 0;     // content events of every stream; 0: one a token
  std::int64_t remember = 64;  // how many of the last requests /script/requests shows
  std::string api_key = {};    // "": any or none is accepted
};

// "name=ttft_ms:tokens_per_s[:jitter]".
Result<ModelScript> parse_model(std::string_view text);

// The document of --script. Everything wrong goes to diag with its place; keys that are absent keep
// what options has.
void read_script(const base::Doc& doc, ScriptOptions& options, base::Diagnostics& diag);
// The list under "faults", also what POST /script/faults takes.
std::vector<FaultRule> read_faults(const base::Doc& list, base::Diagnostics& diag);

}  // namespace swy::upstream
