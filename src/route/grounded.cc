// grounding: embed/grounding.h as an output guard.
//
// What: the answer's probability is that of its worst choice; it is unsupported from `threshold`
// on. Runs of words without support are quoted with what stands in their place. Cost: see
// docs/guide/grounding.md; linear in context and answer, both bounded. When it loses:
// without a checkpoint it is a weak detector on free text. Source: HaluGate (vLLM Semantic Router).
// Test: grounded_test.cc.
#include "route/grounded.h"

#include "embed/grounding.h"
#include "embed/model_store.h"
#include "route/detail/checkpoints.h"
#include "route/detail/plugin.h"
#include "text/utf8.h"

namespace swy::route {
namespace {

constexpr std::array<plugin::Named<bool>, 2> kActions = {{{"annotate", false}, {"block", true}}};
constexpr std::array<plugin::Named<bool>, 2> kUnknown = {{{"closed", true}, {"open", false}}};

struct Options {
  std::string action = "annotate";
  std::string unknown = "closed";
  double threshold = 0.5;
  std::string when;
  std::vector<std::string> context = {"tool_results"};
  double deadline_ms = 500;
  std::string model, encoder, detector, detector_prompt, entailment;
  void bind(base::OptionBinder& b) {
    b.field("action", action, "annotate or block");
    b.field("unknown", unknown,
            "block: an answer that cannot be judged in time: closed (stopped) or open (passes)");
    b.field("threshold", threshold, {0.01, 0.99},
            "probability that something has no support from which the answer is unsupported");
    b.field("when", when,
            "signal that says whether a check is needed, such as needs_facts; false: none; empty: "
            "always");
    b.field("context", context,
            "texts that support may come from: tool_results, retrieved, system, user, last_user, "
            "all");
    b.field("deadline_ms", deadline_ms, {0, 60'000}, "how long the finished answer may wait");
    b.field("model", model, "file of train grounding; empty: the one that is built in");
    b.field("encoder", encoder, "model:NAME or folder of the encoder that the model learned with");
    b.field("detector", detector, "model:NAME or folder of a token classifier of pairs");
    b.field("detector_prompt", detector_prompt,
            "its first text with {context} and {question}; empty: the question, then the context");
    b.field("entailment", entailment, "model:NAME or folder of an entailment classifier of pairs");
  }
};

std::string quote(std::string_view text, text::ByteSpan span) {
  std::string_view part = text.substr(span.begin, span.end - span.begin);
  if (part.size() > GroundingGuard::kMaxQuote) {
    std::size_t n = GroundingGuard::kMaxQuote;
    while (n > 0 && (static_cast<unsigned char>(part[n]) & 0xC0U) == 0x80U) --n;
    part = part.substr(0, n);
  }
  return std::string(part);
}

// Code points before every byte place asked for, in rising order.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}
  std::size_t of(std::size_t byte) {
    for (; at_ < byte && at_ < text_.size(); ++at_) {
      if ((static_cast<unsigned char>(text_[at_]) & 0xC0U) != 0x80U) ++points_;
    }
    return points_;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0, points_ = 0;
};

void add_parts(const embed::GroundingReport& report, std::string_view context,
               std::string_view answer, std::size_t choice, Grounded& out) {
  Places places(answer);
  for (const embed::GroundingVerdict& v : report.verdicts) {
    if (v.support == embed::Support::kSupported) continue;
    if (out.parts.size() >= GroundingGuard::kMaxParts) {
      ++out.more_parts;
      continue;
    }
    UngroundedPart p;
    p.choice = choice;
    p.begin = places.of(v.span.begin);
    p.end = places.of(v.span.end);
    p.support = v.support;
    p.p = v.p_unsupported;
    p.text = quote(answer, v.span);
    p.said = quote(answer, v.said);
    p.found = quote(context, v.found);
    p.evidence = quote(context, v.evidence);
    out.parts.push_back(std::move(p));
  }
}

bool load_model(const Options& o, const base::Doc& node, BuildContext& ctx, GroundingGuard& g) {
  embed::GroundingOptions with;
  if (!o.detector_prompt.empty()) with.detector_prompt = o.detector_prompt;
  bool ok = true;
  const auto load = [&](std::string_view key, const std::string& path, Checkpoint& into) {
    if (path.empty()) return;
    auto loaded = load_checkpoint(path, ctx.directory(), {});
    if (loaded) {
      into = std::move(*loaded);
    } else {
      ok = false;
      ctx.diag().error(plugin::mark_of(node, key), loaded.error().message);
    }
  };
  load("encoder", o.encoder, with.encoder);
  load("detector", o.detector, with.detector);
  load("entailment", o.entailment, with.entailment);
  if (!o.model.empty()) {
    const auto path = embed::resolve_model_path(o.model, ctx.directory());
    if (path) {
      with.model = *path;
    } else {
      ok = false;
      ctx.diag().error(plugin::mark_of(node, "model"), path.error().message);
    }
  }
  if (!ok) return false;
  auto model = embed::Grounding::load(std::move(with));
  if (!model) return ctx.diag().error(node.mark(), model.error().message), false;
  g.model = std::move(*model);
  return true;
}

}  // namespace

std::string_view to_string(GroundingResult result) {
  constexpr std::array<std::string_view, 4> kNames{"supported", "unsupported", "unknown",
                                                   "unchecked"};
  return kNames[static_cast<std::size_t>(result)];
}

std::optional<GroundingCase> GroundingGuard::case_of(const Scratch& scratch,
                                                     std::string_view& why) const {
  if (when && scratch.facts[*when].truth == Truth::kFalse) {
    why = "not needed";
    return std::nullopt;
  }
  GroundingCase c;
  const chat::Request& request = scratch.reading.request();
  for (const chat::Scope scope : context) {
    chat::each_text(request, scope, [&](std::string_view part) {
      const std::size_t room = kMaxContext - c.context.size();
      c.cut = c.cut || part.size() + 1 > room;
      if (room == 0) return;
      c.context.append(part.substr(0, room - 1));
      c.context += '\n';
    });
  }
  if (c.context.find_first_not_of(" \t\r\n") == std::string::npos) {
    why = "no context";
    return std::nullopt;
  }
  chat::each_text(request, chat::Scope::kLastUser, [&](std::string_view part) {
    c.question.append(part.substr(0, kMaxContext - c.question.size()));
  });
  return c;
}

Grounded GroundingGuard::judge(const GroundingCase& c,
                               const std::map<std::size_t, std::string>& answers,
                               const std::atomic<bool>& stop) const {
  thread_local embed::GroundingScratch scratch;
  thread_local embed::GroundingReport report;
  Grounded out;
  out.truncated = c.cut;
  bool any = false;
  for (const auto& [choice, answer] : answers) {
    if (answer.find_first_not_of(" \t\r\n") == std::string::npos) continue;
    any = true;
    if (!model->check({c.question, c.context, answer, &stop}, scratch, report)) {
      out.result = GroundingResult::kUnknown;
      out.why = stop ? "late" : "failed";
      return out;
    }
    // NaN is not less than anything: the first choice counts.
    if (!(report.p_unsupported < out.p_unsupported)) out.p_unsupported = report.p_unsupported;
    out.calibrated = out.calibrated && report.calibrated;
    out.truncated = out.truncated || report.truncated;
    add_parts(report, c.context, answer, choice, out);
  }
  if (!any) {
    out.result = GroundingResult::kUnchecked;
    out.why = "no text";
    return out;
  }
  out.result = static_cast<double>(out.p_unsupported) >= threshold ? GroundingResult::kUnsupported
                                                                   : GroundingResult::kSupported;
  return out;
}

std::unique_ptr<GroundingGuard> make_grounding_guard(const std::string& name, const base::Doc& node,
                                                     BuildContext& ctx) {
  Options o;
  if (!ctx.bind(node, o)) return nullptr;
  auto g = std::make_unique<GroundingGuard>();
  g->name = name;
  const auto block = plugin::choose(ctx, node, "action", o.action, kActions);
  const auto closed = plugin::choose(ctx, node, "unknown", o.unknown, kUnknown);
  bool ok = block && closed;
  if (!o.when.empty()) {
    g->when = ctx.signal(o.when);
    if (!g->when) {
      ok = false;
      ctx.diag().error(plugin::mark_of(node, "when"),
                       fmt::format("unknown signal '{}'{}", o.when,
                                   base::did_you_mean(o.when, ctx.signal_names())));
    }
  }
  if (o.context.empty()) {
    ok = false;
    ctx.diag().error(plugin::mark_of(node, "context"), "context names no texts");
  }
  for (const std::string& scope : o.context) {
    const auto known = plugin::choose(ctx, node, "context", scope, plugin::kScopes);
    if (known) g->context.push_back(*known);
    ok = ok && known;
  }
  if (!ok || !load_model(o, node, ctx, *g)) return nullptr;
  g->block = *block;
  g->closed = *closed;
  g->threshold = o.threshold;
  g->deadline_ms = o.deadline_ms;
  return g;
}

std::vector<base::OptionInfo> grounding_guard_options() {
  Options o;
  base::ListBinder lister;
  o.bind(lister);
  return lister.all();
}

}  // namespace swy::route
