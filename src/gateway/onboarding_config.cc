#include "gateway/onboarding_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "flow/plugin.h"

namespace swy::gateway {
namespace {

using base::Doc;

struct Keys {
  OnboardingOptions o;
  std::string form = "auto";
  void bind(base::OptionBinder& b) {
    b.field("table", o.table, "outcome tables: questions with known outcomes of other models");
    b.field("directory", o.directory, "where outcomes of new models are kept");
    b.field("probes", o.probes, {1, 1000}, "questions asked of a new model");
    b.field("concurrency", o.concurrency, {1, 64}, "probes at once");
    b.field("max_cost_usd", o.max_cost_usd, {0, 1e6}, "of one model's probes and their judging");
    b.field("max_tokens", o.max_tokens, {1, 1e6}, "of an answer");
    b.field("timeout_ms", o.timeout_ms, {10, 3.6e6}, "of a probe, from its start to its end");
    b.field("judge", o.judge, "a model that grades answers; none: compared with recorded ones");
    b.field("form", form, "of answers that are compared: auto, letter, number, text, json");
    b.field("feedback", o.feedback, {0, 1e6},
            "observations up to which feedback on the model's answers joins them");
  }
};

std::string resolved(const std::string& directory, const std::string& path) {
  std::string out = (std::filesystem::path(directory) / path).lexically_normal().string();
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

// Whether some text in the document means this path.
bool names_path(const Doc& node, const std::string& directory, const std::string& path) {
  if (node.is_scalar()) return resolved(directory, node.text()) == path;
  for (const Doc& item : node.items()) {
    if (names_path(item, directory, path)) return true;
  }
  return std::any_of(node.members().begin(), node.members().end(),
                     [&](const auto& m) { return names_path(m.value, directory, path); });
}

}  // namespace

std::optional<OnboardingOptions> read_onboarding(const base::Doc& node, const base::Doc& config,
                                                 const Config& read, const std::string& directory,
                                                 base::Diagnostics& diag) {
  const std::size_t before = diag.errors();
  Keys keys;
  base::DocBinder binder(node, diag, {});
  keys.bind(binder);
  binder.finish();
  OnboardingOptions& o = keys.o;
  if (o.table.empty() || o.directory.empty()) {
    diag.error(node.mark(),
               "onboarding needs a table (questions whose outcomes are known) and a directory "
               "(where those of new models are kept)");
    return std::nullopt;
  }
  o.directory = resolved(directory, o.directory);
  for (std::string& path : o.table) {
    path = resolved(directory, path);
    if (path == o.directory) {
      diag.error(mark_of(node, "table"),
                 "onboarding.table must not be its directory: a new model would count as known");
    } else if (std::error_code ec; !std::filesystem::exists(path, ec)) {
      diag.error(mark_of(node, "table"), fmt::format("outcome table {} does not exist", path));
    }
  }
  if (const auto form = flow::form_named(keys.form, node, diag)) o.form = *form;
  if (!o.judge.empty() && read.plan != nullptr && !read.plan->catalogue.find(o.judge)) {
    diag.error(mark_of(node, "judge"),
               fmt::format("unknown model '{}'{}", o.judge,
                           base::did_you_mean(o.judge, read.plan->catalogue.names())));
  }
  if (diag.errors() != before) return std::nullopt;
  const Doc* estimators = config.find("estimators");
  const Doc* routes = config.find("routes");
  const auto named = [&](const Doc* part) {
    return part != nullptr && names_path(*part, directory, o.directory);
  };
  if (!named(estimators) && !named(routes)) {
    diag.warning(mark_of(node, "directory"),
                 "no estimator learns from this directory: name it in their `table`");
  }
  if (o.feedback > o.probes && !read.records.bodies) {
    diag.note(mark_of(node, "feedback"),
              "without records: { bodies: true } feedback on a new model's answers does not join "
              "its outcomes");
  }
  return o;
}

std::vector<base::OptionInfo> onboarding_keys() {
  Keys keys;
  base::ListBinder binder;
  keys.bind(binder);
  return binder.all();
}

}  // namespace swy::gateway
