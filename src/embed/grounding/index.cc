// Inverted index over one context; see index.h. Open addressing, at most half full; building is
// linear, looking up constant, top() at most kMaxPlaces steps an item. A form that repeats more
// often is found at its first kMaxPlaces places only. Test: grounding_test.cc.
#include "embed/grounding/index.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace swy::embed::grounding {

std::size_t Index::find(std::uint64_t loose) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = loose & mask;
  while (slots_[i].first != kNowhere && slots_[i].loose != loose) i = (i + 1) & mask;
  return i;
}

void Index::build(const Items& items) {
  items_ = &items;
  const std::size_t n = items.items.size();
  slots_.assign(std::bit_ceil(2 * n + 2), Slot{});
  next_.assign(n, kNowhere);
  for (std::uint32_t i = 0; i < n; ++i) {
    const Item& item = items.items[i];
    Slot& slot = slots_[find(item.loose)];
    if (slot.first == kNowhere) {
      slot = {item.loose, i, i, 1};
      continue;
    }
    if (items.items[slot.last].sentence != item.sentence) ++slot.sentences;
    next_[slot.last] = i;
    slot.last = i;
  }
  score_.assign(items.sentences.size(), 0.0F);
}

std::uint32_t Index::first(std::uint64_t loose) const { return slots_[find(loose)].first; }

float Index::rarity(std::uint64_t loose) const {
  const Slot& slot = slots_[find(loose)];
  if (slot.first == kNowhere) return 1;
  const auto all = static_cast<float>(items_->sentences.size());
  return std::log1p(all / static_cast<float>(slot.sentences)) / std::log1p(all);
}

Index::Top Index::top(std::span<const Item> items) {
  seen_.clear();
  touched_.clear();
  for (const Item& item : items) {
    if (!item.content()) continue;
    if (std::find(seen_.begin(), seen_.end(), item.loose) != seen_.end()) continue;
    seen_.push_back(item.loose);
    const float gain = rarity(item.loose);
    std::uint32_t sentence = kNowhere;
    std::size_t places = 0;
    for (std::uint32_t at = first(item.loose); at != kNowhere && places < kMaxPlaces;
         at = next(at), ++places) {
      if (items_->items[at].sentence == sentence) continue;
      sentence = items_->items[at].sentence;
      if (score_[sentence] == 0) touched_.push_back(sentence);
      score_[sentence] += gain;
    }
  }
  const std::size_t n = std::min(kTopSentences, touched_.size());
  std::partial_sort(touched_.begin(), touched_.begin() + static_cast<std::ptrdiff_t>(n),
                    touched_.end(), [&](std::uint32_t a, std::uint32_t b) {
                      return score_[a] != score_[b] ? score_[a] > score_[b] : a < b;
                    });
  Top best{kNowhere, kNowhere, kNowhere};
  std::copy_n(touched_.begin(), n, best.begin());
  for (const std::uint32_t s : touched_) score_[s] = 0;
  return best;
}

}  // namespace swy::embed::grounding
