// Asked: one question of a pool as work for decide().
//
// When to use: by lines that ask a plan. Threading: one thread. Ownership: keeps what the work
// views, but for the pool, which outlives it.
#pragma once

#include <cmath>
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
    tokens_ = mean_tokens_in(pool, row);
  }
  void begin(const route::Plan& plan, route::Scratch& scratch) const {
    scratch.begin(work_, plan.signals.size());
    if (tokens_ > 0) scratch.reading.preset_tokens(tokens_);
  }
  [[nodiscard]] const route::Work& work() const { return work_; }

 private:
  // What the providers counted, tool declarations included, which the table does not keep as text.
  static std::int64_t mean_tokens_in(const Pool& pool, std::size_t row) {
    double sum = 0;
    double n = 0;
    for (const record::Cell& c : pool.table.cells(row)) {
      if (std::isnan(c.tokens_in)) continue;
      sum += static_cast<double>(c.tokens_in);
      n += 1;
    }
    return n > 0 ? std::llround(sum / n) : 0;
  }
  chat::Request request_;
  route::Work work_;
  std::int64_t tokens_ = 0;
};

}  // namespace swy::eval
