// Asked: one question of a pool as work for decide().
//
// When to use: by lines that ask a plan. Threading: one thread. Ownership: keeps what the work
// views, but for the pool, which outlives it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "eval/pool.h"
#include "route/plan.h"

namespace swy::eval {

// One test question as work. Keeps what the work views.
class Asked {
 public:
  void load(const Pool& pool, std::size_t row) { load(pool, row, pool.table.row(row).prompt); }
  // The same question in other words, which must outlive this.
  void load(const Pool& pool, std::size_t row, std::string_view prompt) {
    const record::OutcomeRow r = pool.table.row(row);
    request_.clear();
    request_.parts.push_back({chat::PartKind::kText, prompt});
    request_.messages.push_back({chat::Role::kUser, 0, 1, 0});
    request_.tools.assign(r.tools, "tool");
    work_ = route::Work{};
    work_.id = base::hash64(r.id);
    work_.request = &request_;
    work_.exclude_row = r.id;
    tokens_ = record::mean_tokens_in(pool.table.cells(row));
  }
  void begin(const route::Plan& plan, route::Scratch& scratch) const {
    scratch.begin(work_, plan.signals.size());
    if (tokens_ > 0) scratch.reading.preset_tokens(tokens_);
  }
  [[nodiscard]] const route::Work& work() const { return work_; }

 private:
  chat::Request request_;
  route::Work work_;
  std::int64_t tokens_ = 0;
};

}  // namespace swy::eval
