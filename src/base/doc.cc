#include "base/doc.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <numeric>
#include <sstream>
#include <unordered_set>

#include "base/json.h"

namespace swy::base {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxNodes = 200'000;  // an alias bomb expands to this and no further

Mark to_mark(const YAML::Mark& m) { return m.is_null() ? Mark{} : Mark{m.line + 1, m.column + 1}; }

}  // namespace

// Builds the immutable tree from yaml-cpp nodes; the only friend of Doc.
struct DocBuilder {
  Diagnostics& diag;
  std::size_t nodes = 0;

  Doc build(const YAML::Node& n, int depth) {
    Doc d;
    d.mark_ = to_mark(n.Mark());
    if (depth > kMaxDepth || ++nodes > kMaxNodes) {
      if (diag.ok()) diag.error(d.mark_, "nested too deeply or too large");
      return d;
    }
    switch (n.Type()) {
      case YAML::NodeType::Scalar:
        d.kind_ = Doc::Kind::kScalar;
        d.text_ = n.Scalar();
        d.quoted_ = n.Tag() == "!";
        break;
      case YAML::NodeType::Sequence:
        d.kind_ = Doc::Kind::kList;
        for (const auto& item : n) d.items_.push_back(build(item, depth + 1));
        break;
      case YAML::NodeType::Map:
        build_map(n, depth, d);
        break;
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        break;
    }
    return d;
  }

  void build_map(const YAML::Node& n, int depth, Doc& d) {
    d.kind_ = Doc::Kind::kMap;
    std::unordered_set<std::string> seen;
    for (const auto& kv : n) {
      const Mark at = to_mark(kv.first.Mark());
      if (!kv.first.IsScalar()) {
        diag.error(at, "a key must be text");
        continue;
      }
      const std::string& key = kv.first.Scalar();
      if (!seen.insert(key).second) diag.error(at, fmt::format("key '{}' is given twice", key));
      d.members_.push_back({key, at, build(kv.second, depth + 1)});
    }
  }
  static Doc make_scalar(std::string text, Mark mark) {
    Doc d;
    d.kind_ = Doc::Kind::kScalar;
    d.text_ = std::move(text);
    d.mark_ = mark;
    return d;
  }
};

Doc Doc::scalar(std::string text, Mark mark) {
  return DocBuilder::make_scalar(std::move(text), mark);
}

const Doc* Doc::find(std::string_view key) const {
  for (const auto& m : members_) {
    if (m.key == key) return &m.value;
  }
  return nullptr;
}

std::optional<double> Doc::as_number() const {
  if (!is_scalar() || quoted_ || text_.empty()) return std::nullopt;
  double v = 0;
  const auto r = std::from_chars(text_.data(), text_.data() + text_.size(), v);
  if (r.ec != std::errc{} || r.ptr != text_.data() + text_.size()) return std::nullopt;
  return v;
}

std::optional<std::int64_t> Doc::as_integer() const {
  if (!is_scalar() || quoted_ || text_.empty()) return std::nullopt;
  std::int64_t v = 0;
  const auto r = std::from_chars(text_.data(), text_.data() + text_.size(), v);
  if (r.ec != std::errc{} || r.ptr != text_.data() + text_.size()) return std::nullopt;
  return v;
}

std::optional<bool> Doc::as_bool() const {
  if (!is_scalar() || quoted_) return std::nullopt;
  if (text_ == "true") return true;
  if (text_ == "false") return false;
  return std::nullopt;
}

void Diagnostics::add(Diagnostic::Level level, Mark mark, std::string message) {
  if (level == Diagnostic::Level::kError) ++errors_;
  if (level == Diagnostic::Level::kWarning) ++warnings_;
  all_.push_back({level, mark, std::move(message)});
}

namespace {
std::vector<const Diagnostic*> by_place(const std::vector<Diagnostic>& all) {
  std::vector<const Diagnostic*> out;
  for (const auto& d : all) out.push_back(&d);
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
    return std::pair(a->mark.line, a->mark.column) < std::pair(b->mark.line, b->mark.column);
  });
  return out;
}
std::string_view name(Diagnostic::Level level) {
  if (level == Diagnostic::Level::kError) return "error";
  return level == Diagnostic::Level::kWarning ? "warning" : "note";
}
}  // namespace

std::string Diagnostics::to_text() const {
  std::string out;
  for (const auto* d : by_place(all_)) {
    out += fmt::format("{}:{}:{}: {}: {}\n", file_, d->mark.line, d->mark.column, name(d->level),
                       d->message);
  }
  return out;
}

std::string Diagnostics::to_json() const {
  std::string out;
  JsonWriter w(out);
  w.begin_object().field("file", file_).field("errors", std::uint64_t{errors_});
  w.field("warnings", std::uint64_t{warnings_}).key("diagnostics").begin_array();
  for (const auto* d : by_place(all_)) {
    w.begin_object()
        .field("level", name(d->level))
        .field("line", d->mark.line)
        .field("column", d->mark.column);
    w.field("message", d->message).end_object();
  }
  w.end_array().end_object();
  return out;
}

namespace {

// Where each document of a text starts; nothing else is kept.
class DocumentStarts final : public YAML::EventHandler {
 public:
  std::vector<YAML::Mark> at;
  void OnDocumentStart(const YAML::Mark& mark) override { at.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Reads two documents at most: on a token that belongs nowhere (a comma at the start) the parser
// hands out empty documents without end and without moving on.
std::optional<YAML::Mark> second_document(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  DocumentStarts starts;
  while (starts.at.size() < 2 && parser.HandleNextDocument(starts)) {
  }
  return starts.at.size() < 2 ? std::nullopt : std::optional(starts.at[1]);
}

}  // namespace

std::optional<Doc> parse_yaml(std::string_view text, Diagnostics& diag) {
  try {
    const std::string bytes(text);
    const std::size_t before = diag.errors();
    if (const auto second = second_document(bytes)) {
      diag.error(to_mark(*second),
                 "one document expected; another starts here, or text that is not YAML");
    }
    DocBuilder builder{diag};
    Doc doc = builder.build(YAML::Load(bytes), 0);
    if (diag.errors() != before) return std::nullopt;
    return doc;
  } catch (const YAML::Exception& e) {
    diag.error(to_mark(e.mark), fmt::format("not valid YAML: {}", e.msg));
  }
  return std::nullopt;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::kNotFound, fmt::format("cannot open {}", path));
  std::ostringstream out;
  out << in.rdbuf();
  if (in.bad() || out.bad()) return fail(ErrorCode::kIo, fmt::format("cannot read {}", path));
  return std::move(out).str();
}

namespace {

// Optimal string alignment: insert, delete, replace, swap of neighbours, each one step.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view wanted,
                                       const std::vector<std::string>& known, std::size_t n) {
  wanted = wanted.substr(0, 128);  // a client's text: bounded work
  std::vector<std::pair<std::size_t, const std::string*>> scored;
  for (const auto& k : known) {
    std::size_t d = edit_distance(wanted, std::string_view(k).substr(0, 128));
    const bool part =
        wanted.size() >= 3 && (k.find(wanted) != std::string::npos ||
                               (k.size() >= 3 && wanted.find(k) != std::string_view::npos));
    if (part) d = std::min<std::size_t>(d, 1);
    if (d <= std::max<std::size_t>(1, std::max(wanted.size(), k.size()) / 2))
      scored.emplace_back(d, &k);
  }
  std::stable_sort(scored.begin(), scored.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (const auto& [d, k] : scored) {
    if (out.size() == n) break;
    if (std::find(out.begin(), out.end(), *k) == out.end()) out.push_back(*k);
  }
  return out;
}

std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& known) {
  const auto names = nearest_names(wanted, known, 3);
  return names.empty() ? "" : fmt::format(", did you mean {}?", fmt::join(names, ", "));
}

}  // namespace swy::base
