// Options bind themselves: every plug-in's `struct Options` has `void bind(OptionBinder&)`, which
// lists name, default (the member's initialiser), range and help once. From that one list come:
// reading a configuration node, errors with place and nearest names, and the generated reference
// page.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/doc.h"

namespace swy::base {

struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};

using NumberMap = std::vector<std::pair<std::string, double>>;  // in file order

class OptionBinder {
 public:
  virtual ~OptionBinder() = default;
  virtual void field(std::string_view name, double& value, Range range, std::string_view help) = 0;
  virtual void field(std::string_view name, std::int64_t& value, Range range,
                     std::string_view help) = 0;
  virtual void field(std::string_view name, bool& value, std::string_view help) = 0;
  virtual void field(std::string_view name, std::string& value, std::string_view help) = 0;
  virtual void field(std::string_view name, std::vector<std::string>& value,
                     std::string_view help) = 0;
  virtual void field(std::string_view name, NumberMap& value, std::string_view help) = 0;
  // A nested node that the plug-in's owner interprets (for example the inner policy of a wrapper).
  // Null when absent.
  virtual void node(std::string_view name, const Doc*& value, std::string_view help) = 0;
};

// Fills options from a map node. Reports wrong types, ranges and unknown keys into diag.
// `reserved`: keys that the owner of the node reads itself (such as "type"). A scalar or null node
// means "all defaults".
class DocBinder final : public OptionBinder {
 public:
  DocBinder(const Doc& node, Diagnostics& diag, std::vector<std::string> reserved);
  void field(std::string_view name, double& value, Range range, std::string_view help) override;
  void field(std::string_view name, std::int64_t& value, Range range,
             std::string_view help) override;
  void field(std::string_view name, bool& value, std::string_view help) override;
  void field(std::string_view name, std::string& value, std::string_view help) override;
  void field(std::string_view name, std::vector<std::string>& value,
             std::string_view help) override;
  void field(std::string_view name, NumberMap& value, std::string_view help) override;
  void node(std::string_view name, const Doc*& value, std::string_view help) override;
  // Call last: unknown keys become errors with the nearest known names.
  void finish();

 private:
  const Doc* take(std::string_view name);
  const Doc& node_;
  Diagnostics& diag_;
  std::vector<std::string> known_;
};

struct OptionInfo {
  std::string name;
  std::string type;
  std::string default_value;
  std::string range;
  std::string help;
};

// Collects the list itself, for reference pages and tests.
class ListBinder final : public OptionBinder {
 public:
  void field(std::string_view name, double& value, Range range, std::string_view help) override;
  void field(std::string_view name, std::int64_t& value, Range range,
             std::string_view help) override;
  void field(std::string_view name, bool& value, std::string_view help) override;
  void field(std::string_view name, std::string& value, std::string_view help) override;
  void field(std::string_view name, std::vector<std::string>& value,
             std::string_view help) override;
  void field(std::string_view name, NumberMap& value, std::string_view help) override;
  void node(std::string_view name, const Doc*& value, std::string_view help) override;
  [[nodiscard]] const std::vector<OptionInfo>& all() const { return all_; }

 private:
  std::vector<OptionInfo> all_;
};

}  // namespace swy::base
