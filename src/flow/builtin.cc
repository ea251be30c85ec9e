// Expands the strategies of src/builtin.def; the other kinds are route's (route/builtin.cc).
#include "flow/builtin.h"

#include "switchyard/strategy.h"

namespace swy::flow {

using Made = std::unique_ptr<route::Strategy>;

#define ENCODER(name)
#define SIGNAL(name)
#define GUARD(name)
#define ESTIMATOR(name)
#define POLICY(name)
#define STRATEGY(name) Made make_##name(const base::Doc& node, route::BuildContext& ctx);
#include "builtin.def"
#undef STRATEGY

route::Registry builtin_registry() {
  route::Registry r = route::builtin_registry();
#define STRATEGY(name) r.add_strategy(#name, make_##name);
#include "builtin.def"
#undef ENCODER
#undef SIGNAL
#undef GUARD
#undef ESTIMATOR
#undef POLICY
#undef STRATEGY
  return r;
}

}  // namespace swy::flow
