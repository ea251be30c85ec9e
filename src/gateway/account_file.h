// The file of what policies keep from one choice to the next (fleet::Accounts), so that a budget
// goes on over a restart: for every rule that keeps an account its name, policy, candidates and
// numbers. A rule that has changed opens anew, as with a reload.
//
// When to use: the gateway's control thread owns one. Threading: one thread; accounts are read
// under their own lock. Ownership: owns the last content that it wrote.
#pragma once

#include <string>

#include "gateway/snapshot.h"

namespace swy::gateway {

class AccountFile {
 public:
  // Takes over what an earlier process left in Config::state. A file that does not fit is told in
  // the log.
  static void restore(const Snapshot& snapshot);
  // Writes what has changed since the last call; nothing without Config::state or accounts.
  void save(const Snapshot& snapshot);

 private:
  std::string written_;
};

}  // namespace swy::gateway
