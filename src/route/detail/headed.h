// The signal over a trained head: cheap evidence first, the encoder only when that is unsure.
//
// When to use: by signal files whose answer is the label of a head (classifier, domain, task).
// Threading and ownership: as every signal.
#pragma once

#include "embed/head.h"
#include "route/detail/plugin.h"

namespace swy::route::headed {

struct Options {
  std::string head;
  std::string encoder;
  std::vector<std::string> any;
  double min_confidence = -1;
  double unsure_below = -1;
  std::string when_late = "unknown";
  std::string scope = "last_user";
  void bind(base::OptionBinder& b);
};

// `builtin`: name of the head that comes with the program; "" when the options must name a file.
std::unique_ptr<Signal> make(const base::Doc& node, BuildContext& ctx, std::string_view builtin);

}  // namespace swy::route::headed
