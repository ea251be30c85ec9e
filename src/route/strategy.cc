#include "switchyard/strategy.h"

namespace swy::route {

std::string_view to_string(Purpose purpose) {
  switch (purpose) {
    case Purpose::kAnswer:
      return "answer";
    case Purpose::kVerify:
      return "verify";
    case Purpose::kJudge:
      return "judge";
  }
  return "answer";
}

}  // namespace swy::route
