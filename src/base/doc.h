// Doc: a configuration file as a plain tree with the place (line, column) of every node, and
// Diagnostics: what a check found, each with file:line:col. The YAML parser stays behind doc.cc.
// Immutable after parse; shareable between threads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"

namespace swy::base {

struct Mark {
  int line = 0;  // 1-based; 0 = nowhere in particular
  int column = 0;
};

class Doc {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Member;

  Doc() = default;
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_map() const { return kind_ == Kind::kMap; }
  [[nodiscard]] bool is_list() const { return kind_ == Kind::kList; }
  [[nodiscard]] bool is_scalar() const { return kind_ == Kind::kScalar; }
  [[nodiscard]] bool is_null() const { return kind_ == Kind::kNull; }
  [[nodiscard]] Mark mark() const { return mark_; }
  [[nodiscard]] const std::string& text() const { return text_; }  // of a scalar
  [[nodiscard]] bool quoted() const { return quoted_; }            // "12" is text, 12 is a number
  [[nodiscard]] const std::vector<Doc>& items() const { return items_; }
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  [[nodiscard]] const Doc* find(
      std::string_view key) const;  // first member of that name, or nullptr

  // A wrong kind gives nullopt.
  [[nodiscard]] std::optional<double> as_number() const;
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;
  [[nodiscard]] std::optional<bool> as_bool() const;

  static Doc scalar(std::string text, Mark mark = {});

 private:
  friend struct DocBuilder;
  Kind kind_ = Kind::kNull;
  Mark mark_;
  bool quoted_ = false;
  std::string text_;
  std::vector<Doc> items_;
  std::vector<Member> members_;
};

// Where an option was written; the node's own place when it was left out.
inline Mark mark_of(const Doc& node, std::string_view key) {
  const Doc* at = node.is_map() ? node.find(key) : nullptr;
  return at != nullptr ? at->mark() : node.mark();
}

struct Doc::Member {
  std::string key;
  Mark key_mark;
  Doc value;
};

struct Diagnostic {
  enum class Level { kError, kWarning, kNote };  // a note never fails a check
  Level level = Level::kError;
  Mark mark;
  std::string message;  // one sentence, with the nearest known names or the next step
};

class Diagnostics {
 public:
  explicit Diagnostics(std::string file = "") : file_(std::move(file)) {}
  void error(Mark mark, std::string message) {
    add(Diagnostic::Level::kError, mark, std::move(message));
  }
  void warning(Mark mark, std::string message) {
    add(Diagnostic::Level::kWarning, mark, std::move(message));
  }
  void note(Mark mark, std::string message) {
    add(Diagnostic::Level::kNote, mark, std::move(message));
  }
  [[nodiscard]] bool ok() const { return errors_ == 0; }
  [[nodiscard]] std::size_t warnings() const { return warnings_; }
  [[nodiscard]] std::size_t errors() const { return errors_; }
  [[nodiscard]] const std::vector<Diagnostic>& all() const { return all_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  // "file:line:col: error: message", one a line, in order of place.
  [[nodiscard]] std::string to_text() const;
  // {"file":..., "errors":n, "warnings":n, "diagnostics":[{"level","line","column","message"}]}
  [[nodiscard]] std::string to_json() const;

 private:
  void add(Diagnostic::Level level, Mark mark, std::string message);
  std::string file_;
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

// Parses YAML. Duplicate keys, several documents, anchors that repeat themselves and depth over 64
// are errors. On a syntax error the Diagnostics has it and the result is null.
std::optional<Doc> parse_yaml(std::string_view text, Diagnostics& diag);

// The whole file as bytes; the error names the path.
Result<std::string> read_file(const std::string& path);

// Up to three known names closest to the wanted one, as "did you mean a, b?"; "" when nothing is
// near.
std::string did_you_mean(std::string_view wanted, const std::vector<std::string>& known);
// The known names closest first, at most n, with edit distance at most half the length.
std::vector<std::string> nearest_names(std::string_view wanted,
                                       const std::vector<std::string>& known, std::size_t n);

}  // namespace swy::base
