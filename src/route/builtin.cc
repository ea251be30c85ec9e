// Expands src/builtin.def twice: declarations of the factories, then their registration. main and
// tests call it; there are no static registrars, so what a program contains can be read in one
// list.
#include "switchyard/registry.h"

namespace swy::route {

#define ENCODER(name) \
  std::unique_ptr<Encoder> make_##name(const base::Doc& node, BuildContext& ctx);
#define SIGNAL(name) std::unique_ptr<Signal> make_##name(const base::Doc& node, BuildContext& ctx);
#define GUARD(name) std::unique_ptr<Guard> make_##name(const base::Doc& node, BuildContext& ctx);
#define ESTIMATOR(name) \
  std::unique_ptr<Estimator> make_##name(const base::Doc& node, BuildContext& ctx);
#define POLICY(name) std::unique_ptr<Policy> make_##name(const base::Doc& node, BuildContext& ctx);
#define STRATEGY(name)
#include "builtin.def"
#undef ENCODER
#undef SIGNAL
#undef GUARD
#undef ESTIMATOR
#undef POLICY
#undef STRATEGY

Registry builtin_registry() {
  Registry r;
#define ENCODER(name) r.add_encoder(#name, make_##name);
#define SIGNAL(name) r.add_signal(#name, make_##name);
#define GUARD(name) r.add_guard(#name, make_##name);
#define ESTIMATOR(name) r.add_estimator(#name, make_##name);
#define POLICY(name) r.add_policy(#name, make_##name);
#define STRATEGY(name)
#include "builtin.def"
#undef ENCODER
#undef SIGNAL
#undef GUARD
#undef ESTIMATOR
#undef POLICY
#undef STRATEGY
  return r;
}

}  // namespace swy::route
