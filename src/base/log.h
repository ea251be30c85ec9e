// Log lines for the operator, on standard error (spdlog behind log.cc). Thread-safe. Not for
// request data: that is what records are for. Rare by design: nothing on the path of a healthy
// request logs.
#pragma once

#include <string_view>

namespace swy::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };
void set_log_level(LogLevel level);
void log(LogLevel level, std::string_view message);
inline void log_info(std::string_view message) { log(LogLevel::kInfo, message); }
inline void log_warning(std::string_view message) { log(LogLevel::kWarning, message); }
inline void log_error(std::string_view message) { log(LogLevel::kError, message); }

}  // namespace swy::base
