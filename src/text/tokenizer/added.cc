// The text is scanned for the first bytes of tokens; where one is found a trie gives the longest
// token. Matches do not overlap and one that is refused (single_word) still uses up its text, as in
// the reference. Cost: length x longest token at worst. Test: tokenizer_test.cc, tests/parity.
#include "text/tokenizer/added.h"

#include <algorithm>
#include <cstring>

#include "text/tokenizer/unicode.h"

namespace swy::text::tok {
namespace {

unsigned class_after(std::string_view text, std::size_t at) {
  std::size_t size = 0;
  return at < text.size() ? CharTable::get()[decode(text, at, size)] : 0U;
}

unsigned class_before(std::string_view text, std::size_t at) {
  if (at == 0) return 0;
  --at;
  while (at > 0 && is_continuation(text[at])) --at;
  return class_after(text, at);
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && (class_after(text, at) & kSpace) != 0) {
    std::size_t size = 0;
    decode(text, at, size);
    at += size;
  }
  return at;
}

std::size_t skip_spaces_back(std::string_view text, std::size_t at, std::size_t floor) {
  while (at > floor && (class_before(text, at) & kSpace) != 0) {
    --at;
    while (at > floor && is_continuation(text[at])) --at;
  }
  return at;
}

}  // namespace

AddedMatcher::AddedMatcher(const std::vector<AddedToken>& tokens,
                           const std::vector<std::string>& contents)
    : tokens_(tokens) {
  std::vector<Trie::Entry> entries;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    if (contents[i].empty()) continue;
    entries.emplace_back(contents[i], static_cast<std::uint32_t>(i));
    first_[static_cast<unsigned char>(contents[i][0])] = true;
  }
  trie_ = Trie(std::move(entries));
  if (std::count(first_.begin(), first_.end(), true) == 1)
    only_first_ = static_cast<char>(std::find(first_.begin(), first_.end(), true) - first_.begin());
}

const AddedToken* AddedMatcher::at(std::string_view text, std::size_t at, std::size_t& end) const {
  std::uint32_t node = Trie::kRoot;
  const AddedToken* found = nullptr;
  for (std::size_t i = at; i < text.size(); ++i) {
    if (!trie_.step(node, static_cast<unsigned char>(text[i]))) break;
    if (trie_.value(node) == Trie::kNone) continue;
    found = &tokens_[trie_.value(node)];
    end = i + 1;
  }
  return found;
}

void AddedMatcher::cut(std::string_view text, std::vector<Part>& out) const {
  const auto span = [](std::size_t b, std::size_t e) {
    return ByteSpan{static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(e)};
  };
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size() && !tokens_.empty();) {
    if (only_first_ != '\0') {
      const void* next = std::memchr(text.data() + i, only_first_, text.size() - i);
      if (next == nullptr) break;
      i = static_cast<std::size_t>(static_cast<const char*>(next) - text.data());
    } else if (!first_[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    std::size_t end = i;
    const AddedToken* token = at(text, i, end);
    if (token == nullptr) {
      ++i;
      continue;
    }
    std::size_t begin = i;
    i = end;
    if (token->single_word && ((class_before(text, begin) | class_after(text, end)) & kWord) != 0) {
      continue;
    }
    begin = std::max(begin, done);  // a token before may have taken our white space
    if (token->lstrip) begin = skip_spaces_back(text, begin, done);
    if (token->rstrip) end = skip_spaces(text, end);
    end = std::max(end, begin);
    if (done < begin) out.push_back({span(done, begin), false, 0});
    out.push_back({span(begin, end), true, token->id});
    done = end;
  }
  if (done < text.size()) out.push_back({span(done, text.size()), false, 0});
}

}  // namespace swy::text::tok
