// switchyard explain: one record told to a person.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/terminal.h"
#include "cli.h"
#include "eval/explain.h"
#include "gateway/record_line.h"
#include "record/log_reader.h"

namespace swy::app {
namespace {

struct Options {
  std::string id, records = "records/";
  bool json = false;
};

std::vector<std::string> feedback_on(const Options& o) {
  std::vector<std::string> out;
  const std::string needle = fmt::format("\"kind\":\"feedback\",\"record\":\"{}\"", o.id);
  (void)record::scan(o.records, gateway::kRecordKind,
                     [&](std::string_view line, const record::LogPlace&) {
                       if (line.find(needle) != std::string_view::npos) out.emplace_back(line);
                       return true;
                     });
  return out;
}

// The id of the last request among lines; feedback lines have none.
std::string last_request(const std::vector<std::string>& lines) {
  base::JsonDoc doc;
  for (std::size_t i = lines.size(); i-- > 0;) {
    const auto j = doc.parse(lines[i]);
    if (j && j->string_or("kind", "") == "request") return std::string(j->string_or("id", ""));
  }
  return "";
}

int explain(Options o) {
  if (o.id == "last") {
    const auto lines = record::tail(o.records, gateway::kRecordKind, 256);
    if (!lines) return complain(kEnvironment, lines.error().message);
    o.id = last_request(*lines);
    if (o.id.empty()) return complain(kEnvironment, "no records in " + o.records);
  }
  const auto line = record::find(o.records, gateway::kRecordKind, o.id);
  if (!line) {
    return complain(line.error().code == ErrorCode::kInvalidArgument ? kUsage : kEnvironment,
                    line.error().message);
  }
  if (o.json) {
    fmt::print("{}\n", *line);
    return kOk;
  }
  const auto text = eval::explain(*line, feedback_on(o), base::color_on(1));
  if (!text) return complain(kEnvironment, text.error().message);
  fmt::print("{}", *text);
  return kOk;
}

}  // namespace

void add_explain(CLI::App& app, int& exit_code) {
  auto o = std::make_shared<Options>();
  CLI::App* c = app.add_subcommand(
      "explain", "Tell the decision of one record: facts, candidates, choice, cost");
  c->add_option("id", o->id, "the x-switchyard-record of the answer, or `last`")->required();
  c->add_option("--records", o->records, "record directory")->capture_default_str();
  c->add_flag("--json", o->json, "the record itself");
  c->footer("\nExample: switchyard explain last --records records/");
  c->callback([o, &exit_code] { exit_code = explain(*o); });
}

}  // namespace swy::app
