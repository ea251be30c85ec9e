// Names and grammar of faults in one table (kFaults), so that parsing, printing and messages cannot
// differ. Tests: script_test.cc.
#include "upstream/script.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/options.h"

namespace swy::upstream {
namespace {

struct FaultName {
  FaultKind kind;
  std::string_view name;
  std::string_view usage;
  int needed;   // arguments that must be there
  int allowed;  // and that may be there
  std::int64_t min;
  std::int64_t max;  // of the first argument
};

constexpr std::int64_t kMaxEvents = 1'000'000;
constexpr std::int64_t kMaxMs = 86'400'000;             // a day
constexpr std::int64_t kMaxBytes = 64LL * 1024 * 1024;  // above what any reader here accepts
constexpr std::array<FaultName, 15> kFaults{{
    {FaultKind::kNone, "none", "none", 0, 0, 0, 0},
    {FaultKind::kStatus, "status", "status:CODE[:RETRY_AFTER_S]", 1, 2, 400, 599},
    {FaultKind::kDelay, "delay", "delay:MS", 1, 1, 0, kMaxMs},
    {FaultKind::kReset, "reset", "reset:N", 1, 1, 0, kMaxEvents},
    {FaultKind::kCut, "cut", "cut:N", 1, 1, 0, kMaxEvents},
    {FaultKind::kUndone, "undone", "undone:N", 1, 1, 0, kMaxEvents},
    {FaultKind::kError, "error", "error:N", 1, 1, 0, kMaxEvents},
    {FaultKind::kStall, "stall", "stall:N[:MS]", 1, 2, 0, kMaxEvents},
    {FaultKind::kLoris, "loris", "loris:MS", 1, 1, 1, kMaxMs},
    {FaultKind::kMalformed, "malformed", "malformed:N", 1, 1, 0, kMaxEvents},
    {FaultKind::kContentType, "content_type", "content_type", 0, 0, 0, 0},
    {FaultKind::kNoUsage, "no_usage", "no_usage", 0, 0, 0, 0},
    {FaultKind::kWrongUsage, "wrong_usage", "wrong_usage", 0, 0, 0, 0},
    {FaultKind::kEmpty, "empty", "empty", 0, 0, 0, 0},
    {FaultKind::kHuge, "huge", "huge:BYTES", 1, 1, 1, kMaxBytes},
}};

template <typename T>
std::optional<T> read_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return {};
  return value;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

tl::unexpected<Error> wrong_fault(std::string_view text, const FaultName& known) {
  std::string message =
      "fault \"" + std::string(text) + "\": write it as " + std::string(known.usage);
  if (known.allowed > 0) {
    message += ", with " + std::to_string(known.min) + " to " + std::to_string(known.max);
  }
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

struct ModelFields {
  double ttft_ms = 0;
  double tokens_per_s = 0;
  double jitter = 0;
  std::string recorded_as;
  void bind(base::OptionBinder& b) {
    b.field("ttft_ms", ttft_ms, {0, 86'400'000}, "time to the first content, milliseconds");
    b.field("tokens_per_s", tokens_per_s, {0, 1e9}, "speed of a stream; 0: all at once");
    b.field("jitter", jitter, {0, 1}, "share of ttft_ms by which it varies up and down");
    b.field("recorded_as", recorded_as, "name of the model in the outcome tables, if another");
  }
};

struct RuleFields {
  std::string fault;
  std::string model;
  double probability = 1.0;
  std::int64_t every = 1;
  std::int64_t times = 0;
  void bind(base::OptionBinder& b) {
    b.field("fault", fault, "what goes wrong");
    b.field("model", model, "only requests for this model");
    b.field("probability", probability, {0, 1}, "share of the requests, drawn from the seed");
    b.field("every", every, {1, 1e9}, "only every n-th request for the model");
    b.field("times", times, {0, 1e9}, "stop after so many faults; 0: never");
  }
};

struct ScriptFields {
  std::int64_t seed = 1;
  bool only_listed = false;
  bool fast = false;
  std::int64_t chunks = 0;
  std::int64_t remember = 64;
  void bind(base::OptionBinder& b) {
    b.field("seed", seed, {0, 9e15}, "of everything drawn by chance");
    b.field("only_listed", only_listed, "404 for models that are neither listed nor recorded");
    b.field("fast", fast, "no pacing");
    b.field("chunks", chunks, {0, 1e6}, "content events of every stream; 0: one a token");
    b.field("remember", remember, {0, 1e5}, "how many requests /script/requests shows");
  }
};

void read_models(const base::Doc& map, ScriptOptions& options, base::Diagnostics& diag) {
  if (!map.is_map()) {
    diag.error(map.mark(), "models: expected a map of name to {ttft_ms, tokens_per_s, ...}");
    return;
  }
  for (const auto& member : map.members()) {
    ModelFields f;
    base::DocBinder binder(member.value, diag, {});
    f.bind(binder);
    binder.finish();
    options.models.push_back({member.key, f.ttft_ms, f.tokens_per_s, f.jitter, f.recorded_as});
  }
}

}  // namespace

Result<Fault> parse_fault(std::string_view text) {
  const auto words = split(text, ':');
  for (const FaultName& known : kFaults) {
    if (words[0] != known.name) continue;
    const int given = static_cast<int>(words.size()) - 1;
    if (given < known.needed || given > known.allowed) return wrong_fault(text, known);
    Fault fault{known.kind, 0, 0};
    if (given >= 1) {
      const auto first = read_number<std::int64_t>(words[1]);
      if (!first || *first < known.min || *first > known.max) return wrong_fault(text, known);
      fault.first = *first;
    }
    if (given == 2) {
      const auto second = read_number<std::int64_t>(words[2]);
      if (!second || *second < 0 || *second > kMaxMs) return wrong_fault(text, known);
      fault.second = *second;
    }
    return fault;
  }
  std::vector<std::string> names;
  names.reserve(kFaults.size());
  for (const FaultName& known : kFaults) names.emplace_back(known.name);
  std::string message = "unknown fault \"" + std::string(words[0]) + "\"";
  message += base::did_you_mean(words[0], names);
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::string to_string(const Fault& fault) {
  for (const FaultName& known : kFaults) {
    if (known.kind != fault.kind) continue;
    std::string out(known.name);
    if (known.allowed >= 1) out += ":" + std::to_string(fault.first);
    if (known.allowed >= 2 && fault.second != 0) out += ":" + std::to_string(fault.second);
    return out;
  }
  return "none";
}

Result<ModelScript> parse_model(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument,
                "model \"" + std::string(text) + "\": " + std::string(why) +
                    "; write it as name=ttft_ms:tokens_per_s[:jitter], such as small=80:120:0.2");
  };
  const std::size_t eq = text.rfind('=');
  if (eq == std::string_view::npos || eq == 0) return wrong("no name or no \"=\"");
  const auto words = split(text.substr(eq + 1), ':');
  if (words.size() < 2 || words.size() > 3) return wrong("two or three numbers are needed");
  std::array<double, 3> numbers{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto n = read_number<double>(words[i]);
    if (!n || !(*n >= 0) || *n > (i == 2 ? 1.0 : 1e9)) {
      return wrong("\"" + std::string(words[i]) + "\" is not a number in range");
    }
    numbers[i] = *n;
  }
  return ModelScript{std::string(text.substr(0, eq)), numbers[0], numbers[1], numbers[2], ""};
}

std::vector<FaultRule> read_faults(const base::Doc& list, base::Diagnostics& diag) {
  std::vector<FaultRule> out;
  if (!list.is_list()) {
    diag.error(list.mark(), "faults: expected a list such as [{fault: \"reset:3\", every: 10}]");
    return out;
  }
  for (const base::Doc& item : list.items()) {
    RuleFields f;
    base::DocBinder binder(item, diag, {});
    f.bind(binder);
    binder.finish();
    auto fault = parse_fault(f.fault);
    if (!fault) {
      diag.error(item.mark(), fault.error().message);
      continue;
    }
    out.push_back({*fault, f.model, f.probability, f.every, f.times});
  }
  return out;
}

void read_script(const base::Doc& doc, ScriptOptions& options, base::Diagnostics& diag) {
  if (doc.is_null()) return;
  if (!doc.is_map()) {
    diag.error(doc.mark(), "a script is a map with the keys seed, models, faults, ...");
    return;
  }
  ScriptFields f{static_cast<std::int64_t>(options.seed), options.only_listed, options.fast,
                 options.chunks, options.remember};
  base::DocBinder binder(doc, diag, {"models", "faults"});
  f.bind(binder);
  binder.finish();
  options.seed = static_cast<std::uint64_t>(f.seed);
  options.only_listed = f.only_listed;
  options.fast = f.fast;
  options.chunks = f.chunks;
  options.remember = f.remember;
  if (const base::Doc* models = doc.find("models")) read_models(*models, options, diag);
  if (const base::Doc* faults = doc.find("faults")) options.faults = read_faults(*faults, diag);
}

}  // namespace swy::upstream
