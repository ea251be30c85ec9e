// Building the double array: the nodes breadth first, each placed at the first base where all its
// children fall on free units. Free units are a linked list; a node tries a bounded number of them
// before it is placed behind the end, so that building is linear whatever the keys are. Every base
// leaves 256 units behind it, so that step never reads past the end.
#include "text/tokenizer/trie.h"

#include <algorithm>
#include <cstddef>

namespace swy::text::tok {
namespace {
constexpr int kTries = 24;  // denser packing does not pay beyond: under 3 % fewer units with 200
}

class Trie::Builder {
 public:
  Builder(std::vector<Unit>& units, const std::vector<Entry>& entries)
      : units_(units), entries_(entries) {
    units_.assign(1, Unit{});
    next_.assign(1, 0);
    prev_.assign(1, 0);
  }

  void run() {
    struct Node {
      std::size_t begin, end, depth;
      std::uint32_t unit;
    };
    std::vector<Node> queue;
    queue.push_back({0, entries_.size(), 0, kRoot});
    for (std::size_t q = 0; q < queue.size(); ++q) {
      Node n = queue[q];
      while (n.begin < n.end && entries_[n.begin].first.size() == n.depth) {
        if (n.depth > 0) units_[n.unit].value = entries_[n.begin].second;
        ++n.begin;
      }
      labels_.clear();
      starts_.clear();
      for (std::size_t i = n.begin; i < n.end; ++i) {
        const auto b = static_cast<unsigned char>(entries_[i].first[n.depth]);
        if (!labels_.empty() && labels_.back() == b) continue;
        labels_.push_back(b);
        starts_.push_back(i);
      }
      if (labels_.empty()) continue;
      const std::uint32_t base = place();
      units_[n.unit].base = base;
      for (std::size_t k = 0; k < labels_.size(); ++k) {
        const std::uint32_t child = base + labels_[k];
        take(child);
        units_[child].check = n.unit;
        const std::size_t end = k + 1 < starts_.size() ? starts_[k + 1] : n.end;
        queue.push_back({starts_[k], end, n.depth + 1, child});
      }
    }
    grow(units_.size() + 257);
  }

 private:
  // A base of at least 1 whose units for all labels are free.
  std::uint32_t place() {
    const std::uint32_t first = labels_.front();
    int tries = 0;
    for (std::uint32_t f = next_[0]; f != 0 && tries < kTries; f = next_[f], ++tries) {
      if (f <= first) continue;
      const std::uint32_t base = f - first;
      if (std::all_of(labels_.begin(), labels_.end(), [&](unsigned char b) {
            return base + b >= units_.size() || is_free(base + b);
          })) {
        grow(base + labels_.back() + 1);
        return base;
      }
    }
    const auto end = static_cast<std::uint32_t>(std::max<std::size_t>(units_.size(), first + 1));
    const std::uint32_t base = end - first;
    grow(base + labels_.back() + 1);
    return base;
  }

  [[nodiscard]] bool is_free(std::uint32_t u) const { return u != 0 && units_[u].check == kNone; }

  void grow(std::size_t size) {
    while (units_.size() < size) {
      const auto u = static_cast<std::uint32_t>(units_.size());
      units_.emplace_back();
      next_.push_back(0);
      prev_.push_back(prev_[0]);
      next_[prev_[0]] = u;
      prev_[0] = u;
    }
  }

  void take(std::uint32_t u) {
    next_[prev_[u]] = next_[u];
    prev_[next_[u]] = prev_[u];
  }

  std::vector<Unit>& units_;
  const std::vector<Entry>& entries_;
  std::vector<std::uint32_t> next_, prev_;  // the free units, a ring through unit 0
  std::vector<unsigned char> labels_;
  std::vector<std::size_t> starts_;
};

Trie::Trie(std::vector<Entry> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.first < b.first; });
  Builder(units_, entries).run();
  units_.shrink_to_fit();
}

}  // namespace swy::text::tok
