#include "eval/explain.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>

#include "base/json.h"
#include "base/terminal.h"
#include "switchyard/expert.h"

namespace swy::eval {
namespace {

using base::Json;
using base::styled;

constexpr std::size_t kModelColumns = 30;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::string utc(std::int64_t time_us) {
  const auto seconds = static_cast<std::time_t>(time_us / 1'000'000);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:03} UTC", tm, time_us / 1000 % 1000);
}

std::string known(std::string_view name, double value, int decimals) {
  return std::isnan(value) ? "" : fmt::format("  {} {:.{}f}", name, value, decimals);
}

class Explainer {
 public:
  Explainer(const Json& record, bool color) : record_(record), color_(color) {}

  std::string text(const Json& decision) {
    const auto outcome = record_.find("outcome");
    line("record", styled(record_.string_or("id", "?"), "bold", color_));
    line("when", utc(record_.integer_or("time_us", 0)));
    if (const auto work = record_.find("work")) asked(*work);
    const auto set = decision.string_or("set", "");
    if (set.empty()) {
      line("decided by", "the client, who named the model");
    } else {
      line("decided by",
           fmt::format("rule set {}, rule {}, policy {}, estimator {}, plan {}", set,
                       decision.string_or("rule", "(none)"), decision.string_or("policy", "-"),
                       decision.string_or("estimator", "-"), record_.string_or("plan", "?")));
    }
    tried();
    facts(decision);
    candidates(decision);
    chosen(decision);
    guarded();
    flowed();
    if (outcome) paid(*outcome, decision);
    if (const auto times = record_.find("times")) timings(*times);
    return std::move(out_);
  }

  void feedback(const Json& f) {
    std::string all;
    f.each_member([&](std::string_view key, const Json& v) {
      if (key == "v" || key == "kind" || key == "record") return;
      const auto text = v.as_string();
      all += fmt::format("{}{} {}", all.empty() ? "" : ", ", key,
                         text ? std::string(*text) : v.to_string());
    });
    line("feedback", all);
  }
  [[nodiscard]] const std::string& feedback_text() const { return out_; }

 private:
  void line(std::string_view head, std::string_view text) {
    out_ += fmt::format("{} {}\n", styled(fmt::format("{:>11}", head), "dim", color_), text);
  }

  // The arm of an experiment that decided.
  void tried() {
    const auto e = record_.find("experiment");
    if (!e) return;
    std::string text = fmt::format("{}, arm {} with share {:g}, which unit {} keeps",
                                   e->string_or("name", "?"), e->string_or("arm", "?"),
                                   e->number_or("share", kUnknown), e->string_or("unit", "?"));
    if (const auto p = e->find("marginal"))
      text += fmt::format("; {:g} is the probability of this model over all arms",
                          p->as_number().value_or(kUnknown));
    if (const auto others = e->find("others")) {
      others->each([&](const Json& other) {
        text += fmt::format("; arm {} would choose {}", other.string_or("arm", "?"),
                            other.string_or("choice", "nobody"));
      });
    }
    line("experiment", text);
  }

  // The calls of a rule that makes several.
  void flowed() {
    const auto flow = record_.find("flow");
    if (!flow) return;
    const auto answer = flow->integer_or("answer", -1);
    line("flow",
         fmt::format("{}: {}", flow->string_or("strategy", "?"), flow->string_or("why", "")));
    const auto calls = flow->find("calls");
    if (!calls) return;
    std::int64_t i = 0;
    calls->each([&](const Json& call) {
      const std::string_view error = call.string_or("error", "");
      std::string text = fmt::format("{} round {}: {} ({}), {}", i == answer ? "->" : "  ",
                                     call.integer_or("round", 0), call.string_or("model", "?"),
                                     call.string_or("purpose", "?"), call.string_or("why", ""));
      if (!error.empty()) text += fmt::format("; failed: {}", error);
      if (const auto cost = call.find("cost_nano"))
        text += fmt::format("; {} USD", usd_text(cost->as_integer().value_or(0)));
      line("", text);
      ++i;
    });
  }

  // What content guards, output guards and a grounding guard did.
  void guarded() {
    if (const auto done = record_.string_or("guards", ""); !done.empty()) line("guards", done);
    if (const auto done = record_.string_or("output_guards", ""); !done.empty())
      line("answer", done);
    const auto g = record_.find("grounding");
    if (!g) return;
    std::string text =
        fmt::format("{}: {}", g->string_or("guard", "?"), g->string_or("result", "?"));
    if (const auto why = g->string_or("why", ""); !why.empty()) {
      text += fmt::format(" ({})", why);
    } else if (const auto p = g->find("p_unsupported")) {
      text += fmt::format(" (p {:.3f}, {} parts without support, {} contradicted)",
                          p->as_number().value_or(0), g->integer_or("parts", 0),
                          g->integer_or("contradicted", 0));
    }
    line("grounding", text);
  }

  void asked(const Json& work) {
    std::string who = std::string(work.string_or("key", ""));
    if (who.empty()) who = "(no key)";
    if (const auto role = work.string_or("role", ""); !role.empty())
      who += fmt::format(", role {}", role);
    if (const auto session = work.string_or("session", ""); !session.empty())
      who += fmt::format(", session {}", session);
    line("who", who);
    std::string what =
        fmt::format("model {}, {} message{}, about {} prompt tokens", work.string_or("model", "?"),
                    work.integer_or("turns", 0), work.integer_or("turns", 0) == 1 ? "" : "s",
                    work.integer_or("tokens", 0));
    if (const auto tools = work.find("tools")) what += fmt::format(", {} tools", tools->size());
    for (const std::string_view kind : {"images", "audios", "files"}) {
      if (const auto n = work.integer_or(kind, 0); n > 0) what += fmt::format(", {} {}", n, kind);
    }
    if (work.bool_or("stream", false)) what += ", streamed";
    if (const auto format = work.string_or("response_format", ""); !format.empty())
      what += fmt::format(", answer as {}", format);
    if (const auto previous = work.string_or("previous", ""); !previous.empty())
      what += fmt::format(", served before by {}", previous);
    line("asked", what);
    if (const auto metadata = work.find("metadata")) {
      std::string all;
      metadata->each_member([&](std::string_view k, const Json& v) {
        all += fmt::format("{}{}={}", all.empty() ? "" : ", ", k, v.as_string().value_or(""));
      });
      line("metadata", all);
    }
  }

  void facts(const Json& decision) {
    const auto all = decision.find("facts");
    if (!all || all->size() == 0) return;
    bool first = true;
    all->each([&](const Json& f) {
      const auto truth = f.string_or("truth", "unknown");
      std::string text = fmt::format("{} {}", f.string_or("signal", "?"),
                                     styled(truth,
                                            truth == "true"    ? "green"
                                            : truth == "false" ? ""
                                                               : "yellow",
                                            color_));
      if (const auto label = f.string_or("label", ""); !label.empty())
        text += fmt::format(" '{}'", label);
      if (const auto value = f.number_or("value", kUnknown); !std::isnan(value))
        text += fmt::format(" = {:g}", value);
      if (const auto c = f.number_or("confidence", 1); c < 1)
        text += fmt::format(" (confidence {:.2f})", c);
      line(first ? "facts" : "", text);
      first = false;
    });
  }

  void candidates(const Json& decision) {
    const auto all = decision.find("candidates");
    if (!all) return;
    const auto choice = decision.string_or("choice", "");
    bool first = true;
    all->each([&](const Json& c) {
      const std::string name =
          base::fit_columns(std::string(c.string_or("model", "?")), kModelColumns);
      std::string text = fmt::format("{:<{}}", name, kModelColumns);
      if (const auto guard = c.string_or("masked_by", ""); !guard.empty()) {
        text += styled(fmt::format("  forbidden by {}: {}", guard, c.string_or("why", "")), "red",
                       color_);
      } else {
        text += known("quality", c.number_or("quality", kUnknown), 3) +
                known("evidence", c.number_or("evidence", kUnknown), 1);
        if (const double micro = c.number_or("cost_micro", kUnknown); !std::isnan(micro))
          text += fmt::format("  cost {} USD", usd_text(std::llround(micro * 1000)));
        text += known("latency ms", c.number_or("latency_ms", kUnknown), 0) +
                known("p(fail)", c.number_or("p_fail", kUnknown), 3);
        text += known("score", c.number_or("score", kUnknown), 4) +
                known("p", c.number_or("p", kUnknown), 3);
      }
      const bool chosen = c.string_or("model", "") == choice;
      line(first ? "candidates" : "",
           (chosen ? "> " : "  ") + (chosen ? styled(text, "bold", color_) : text));
      first = false;
    });
  }

  void chosen(const Json& decision) {
    if (const auto refused = decision.string_or("refused", ""); !refused.empty()) {
      return line(
          "refused",
          styled(fmt::format("{}: {}", refused, decision.string_or("reason", "")), "red", color_));
    }
    line("chosen", fmt::format("{} with probability {:g}",
                               styled(decision.string_or("choice", "?"), "green", color_),
                               decision.number_or("propensity", 1)));
    line("because", decision.string_or("reason", ""));
  }

  // What the dearest candidate that was not forbidden was expected to cost, against the chosen
  // one's expectation, scaled to what the chosen one did cost.
  static std::string saved(const Json& decision, double cost_usd) {
    const auto all = decision.find("candidates");
    if (!all) return "";
    double dearest = 0;
    double mine = kUnknown;
    std::string name;
    all->each([&](const Json& c) {
      const double micro = c.number_or("cost_micro", kUnknown);
      if (std::isnan(micro)) return;
      if (c.string_or("model", "") == decision.string_or("choice", "")) mine = micro;
      if (micro > dearest) {
        dearest = micro;
        name = c.string_or("model", "");
      }
    });
    if (!(mine > 0) || !(dearest > mine)) return "";
    const double other = cost_usd * dearest / mine;
    return fmt::format("; {} would have cost about {} USD: {:.0f} % saved", name,
                       usd_text(std::llround(other * 1e9)), 100 * (1 - mine / dearest));
  }

  void paid(const Json& outcome, const Json& decision) {
    std::string text(outcome.string_or("status", ""));
    if (text.empty()) text = fmt::format("{}", outcome.integer_or("status", 0));
    for (const std::string_view key : {"error", "message", "finish_reason"}) {
      if (const auto more = outcome.string_or(key, ""); !more.empty())
        text += fmt::format(", {}", more);
    }
    if (outcome.bool_or("aborted", false)) text += ", the client went away";
    line("outcome", text);
    const std::int64_t cached = outcome.integer_or("tokens_cached", 0);
    line("tokens", fmt::format("{} in{}, {} out", outcome.integer_or("tokens_in", 0),
                               cached > 0 ? fmt::format(" ({} from cache)", cached) : "",
                               outcome.integer_or("tokens_out", 0)));
    const auto basis = outcome.string_or("cost_basis", "none");
    if (basis == "none") return line("cost", "unknown: the model has no price");
    const std::int64_t nano = outcome.integer_or("cost_nano", 0);
    line("cost",
         fmt::format("{} USD{}{}", usd_text(nano), basis == "estimate" ? " (estimated tokens)" : "",
                     saved(decision, static_cast<double>(nano) * 1e-9)));
  }

  void timings(const Json& times) {
    std::string all;
    times.each_member([&](std::string_view key, const Json& v) {
      if (const auto n = v.as_number())
        all += fmt::format("{}{} {:g}", all.empty() ? "" : ", ", key, *n);
    });
    line("times", all);
  }

  const Json& record_;
  bool color_;
  std::string out_;
};

}  // namespace

Result<std::string> explain(std::string_view text, const std::vector<std::string>& feedback,
                            bool color) {
  base::JsonDoc doc;
  SWY_TRY(const Json record, doc.parse(text));
  const auto decision = record.find("decision");
  if (record.string_or("kind", "") != "request" || !decision)
    return fail(ErrorCode::kParse, "this line is no record of a request");
  std::string out = Explainer(record, color).text(*decision);
  for (const std::string& line : feedback) {
    base::JsonDoc one;
    SWY_TRY(const Json f, one.parse(line));
    Explainer e(f, color);
    e.feedback(f);
    out += e.feedback_text();
  }
  return out;
}

}  // namespace swy::eval
