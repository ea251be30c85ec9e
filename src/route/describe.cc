#include "route/describe.h"

#include <fmt/format.h>

#include "base/check.h"
#include "switchyard/strategy.h"

namespace swy::route {
namespace {

// A context in which nothing can be built: bind() lists the options and stops the factory.
class Lister final : public BuildContext {
 public:
  Lister(const Registry& registry, base::ListBinder& binder) : registry_(registry) {
    lister_ = &binder;
  }
  base::Diagnostics& diag() override { return diag_; }
  const Catalogue& catalogue() override { return catalogue_; }
  const Registry& registry() override { return registry_; }
  const std::string& directory() override { return directory_; }
  std::optional<FactId> signal(std::string_view) override { return std::nullopt; }
  std::vector<std::string> signal_names() override { return {}; }
  std::optional<std::uint16_t> encoder(std::string_view, base::Mark) override {
    return std::nullopt;
  }
  const Encoder& encoder(std::uint16_t) override { SWY_ASSERT(false); }
  std::shared_ptr<const Estimator> estimator(const base::Doc&) override { return nullptr; }
  std::unique_ptr<Policy> policy(const base::Doc&) override { return nullptr; }
  std::span<const ExpertId> candidates() override { return {}; }
  Status believe(const chat::Request&, std::string_view, std::int64_t, std::span<Belief>) override {
    return fail(ErrorCode::kUnsupported, "options are only listed here");
  }
  Status believe(const Estimator&, std::span<const ExpertId>, const chat::Request&,
                 std::string_view, std::int64_t, std::span<Belief>) override {
    return fail(ErrorCode::kUnsupported, "options are only listed here");
  }

 private:
  const Registry& registry_;
  base::Diagnostics diag_;
  Catalogue catalogue_;
  std::string directory_;
};

template <typename Map>
void add(const Registry& registry, std::string_view kind, const Map& factories,
         std::vector<PluginInfo>& out) {
  for (const auto& [name, make] : factories) {
    base::ListBinder binder;
    Lister lister(registry, binder);
    (void)make(base::Doc{}, lister);
    out.push_back({std::string(kind), name, binder.all()});
  }
}

}  // namespace

std::vector<PluginInfo> describe(const Registry& registry) {
  std::vector<PluginInfo> out;
  add(registry, "encoder", registry.encoders(), out);
  add(registry, "signal", registry.signals(), out);
  add(registry, "guard", registry.guards(), out);
  add(registry, "estimator", registry.estimators(), out);
  add(registry, "policy", registry.policies(), out);
  add(registry, "strategy", registry.strategies(), out);
  return out;
}

std::string options_table(const PluginInfo& info) {
  if (info.options.empty()) return "No options.\n";
  std::string out = "| option | type | default | range | meaning |\n|---|---|---|---|---|\n";
  for (const auto& o : info.options) {
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", o.name, o.type, o.default_value, o.range,
                       o.help);
  }
  return out;
}

}  // namespace swy::route
