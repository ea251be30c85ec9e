// The configuration under which a pool's models are routed in an evaluation: cards, a table to
// learn from, rules; compiled as any other.
//
// When to use: lines of plug-in routers (routed.cc) and tests with models or outcomes withheld.
// Threading: pure but for files in a TempDir. Ownership: values.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "eval/pool.h"
#include "eval/spec.h"
#include "route/plan.h"
#include "switchyard/registry.h"

namespace swy::eval {

// A directory that is gone with this object.
class TempDir {
 public:
  static Result<TempDir> make();
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&&) = delete;
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TempDir(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// The outcomes of these rows as a table file, hidden ones left out.
Status write_train(const Pool& pool, std::span<const std::size_t> rows, const std::string& path);

std::string yaml_text(std::string_view text);
// Cards of all models: every capability, unlimited context, mean quality and fitted price on
// `rows`.
std::string models_yaml(const Pool& pool, std::span<const std::size_t> rows);
std::string node_yaml(std::string_view type, const RouterSpec::Options& options);

struct RouteYaml {
  std::string name;
  std::string estimator;
  std::string policy;
};
// A rule set over all models for each.
std::string routes_yaml(const Pool& pool, const std::vector<RouteYaml>& routes);

// kInvalidArgument with the first error; `what` stands for the file in it. notes: gets what was
// noted and warned of.
Result<std::shared_ptr<const route::Plan>> compile_text(const std::string& yaml,
                                                        const std::string& directory,
                                                        const route::Registry& registry,
                                                        const std::string& what,
                                                        std::vector<std::string>* notes = nullptr);

}  // namespace swy::eval
