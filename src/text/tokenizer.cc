// The pipeline: repair the UTF-8, cut out added tokens, normalize and cut into words each stretch
// between them, let the model give the pieces of each word, put special tokens around. Cost: linear
// in the text but for BPE's heap on long words. Test: tokenizer_test.cc, tests/parity.
#include "text/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unordered_map>

#include "text/tokenizer/load.h"

namespace swy::text {

namespace {

// A token of a text with its place, before special tokens are put around.
struct Found {
  TokenId id = 0;
  ByteSpan place;
};

}  // namespace

struct Encoding::Scratch {
  std::string clean;
  std::vector<tok::Gap> gaps;
  std::vector<tok::Part> parts, inner;
  tok::Segment segment;
  tok::ModelScratch model;
  std::vector<tok::Piece> pieces;
  std::vector<Found> first, second;
};

Encoding::Encoding() = default;
Encoding::~Encoding() = default;
Encoding::Encoding(Encoding&&) noexcept = default;
Encoding& Encoding::operator=(Encoding&&) noexcept = default;

struct Tokenizer::Impl {
  tok::Parts parts;
  tok::AddedMatcher raw, normalized;
  bool keep_places = false;
  std::vector<std::string> tokens;  // by id
  std::unordered_map<std::string_view, TokenId> ids;

  explicit Impl(tok::Parts p);
  // Tokens of `text`, at most `most`. True if there would have been more.
  bool tokens_of(std::string_view text, std::size_t most, bool offsets, Encoding& out,
                 std::vector<Found>& found) const;
  void assemble(const tok::Template& form, const EncodeOptions& options, Encoding& out) const;

 private:
  struct Run;
};

Tokenizer::Impl::Impl(tok::Parts p) : parts(std::move(p)) {
  std::vector<tok::AddedToken> raw_tokens;
  std::vector<tok::AddedToken> normalized_tokens;
  std::vector<std::string> raw_contents;
  std::vector<std::string> normalized_contents;
  for (const tok::AddedToken& t : parts.added) {
    (t.normalized ? normalized_tokens : raw_tokens).push_back(t);
    if (t.normalized) {
      normalized_contents.push_back(parts.normalizer.apply(t.content));
    } else {
      raw_contents.push_back(t.content);
    }
  }
  raw = tok::AddedMatcher(raw_tokens, raw_contents);
  normalized = tok::AddedMatcher(normalized_tokens, normalized_contents);
  keep_places = parts.pre_tokenizer.needs_places();
  TokenId largest = 0;
  for (const tok::VocabEntry& e : parts.vocab) largest = std::max(largest, e.id);
  tokens.resize(parts.vocab.empty() ? 0 : std::size_t{largest} + 1);
  for (tok::VocabEntry& e : parts.vocab) tokens[e.id] = e.text;
  // Two spellings of one id: the last is the one that token() gives, both are found by id_of.
  ids.reserve(parts.vocab.size());
  for (const tok::VocabEntry& e : parts.vocab) ids[e.text] = e.id;
}

// One text on its way through the pipeline.
struct Tokenizer::Impl::Run {
  const Impl& impl;
  Encoding::Scratch& scratch;
  std::string_view text;
  std::size_t most;  // no more than this are wanted
  bool offsets;
  std::vector<Found>& found;
  bool complete = true;

  [[nodiscard]] bool room() const { return found.size() < most; }

  void part(const tok::Part& p) {
    if (p.added) return added(p.id, text.substr(p.span.begin, p.span.end - p.span.begin), p.span);
    tok::Segment& segment = scratch.segment;
    segment.reset(text, p.span.begin, p.span.end, offsets || impl.keep_places);
    complete = impl.parts.normalizer.apply(segment) && complete;
    if (impl.normalized.empty()) return words(segment);
    scratch.inner.clear();
    impl.normalized.cut(segment.text(), scratch.inner);
    if (scratch.inner.size() == 1 && !scratch.inner[0].added) return words(segment);
    inner(segment);
  }

  // Added tokens were found in normalized text: each stretch between is a segment of its own.
  void inner(const tok::Segment& whole) {
    for (const tok::Part& p : scratch.inner) {
      if (!room()) return;
      if (p.added) {
        added(p.id, whole.text().substr(p.span.begin, p.span.end - p.span.begin),
              whole.original(p.span.begin, p.span.end));
        continue;
      }
      tok::Segment slice = whole.slice(p.span);
      words(slice);
    }
  }

  void words(tok::Segment& segment) {
    complete = impl.parts.pre_tokenizer.apply(segment) && complete;
    scratch.pieces.clear();
    impl.parts.model->tokenize(segment.text(), segment.splits, scratch.model, most - found.size(),
                               scratch.pieces);
    for (const tok::Piece& p : scratch.pieces) {
      ByteSpan place;
      if (offsets) {
        place = segment.original(p.begin, p.end);
        if (impl.parts.post.trim_offsets && p.id != impl.parts.model->unknown())
          trim(segment.text().substr(p.begin, p.end - p.begin), impl.parts.byte_level, place);
      }
      found.push_back({p.id, place});
    }
  }

  void added(TokenId id, std::string_view matched, ByteSpan place) {
    if (impl.parts.post.trim_offsets) trim(matched, false, place);
    found.push_back({id, place});
  }

  // Offsets without the white space at the ends of a token. In bytes only U+0020 is a space.
  void trim(std::string_view token, bool bytes, ByteSpan& place) const;
};

namespace {

// Characters at the start (or end) of `s` that are white space or the byte-level space.
std::size_t spaces_at_start(std::string_view s, bool bytes) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < s.size(); ++n) {
    std::size_t size = 1;
    if (bytes) {
      if (s[i] != ' ') break;
    } else {
      const char32_t cp = tok::decode(s, i, size);
      if (cp != 0x120 && (tok::CharTable::get()[cp] & tok::kSpace) == 0) break;
    }
    i += size;
  }
  return n;
}

std::size_t spaces_at_end(std::string_view s, bool bytes) {
  std::size_t n = 0;
  while (!s.empty()) {
    std::size_t at = s.size() - 1;
    while (!bytes && at > 0 && tok::is_continuation(s[at])) --at;
    if (spaces_at_start(s.substr(at), bytes) == 0) break;
    s = s.substr(0, at);
    ++n;
  }
  return n;
}

}  // namespace

void Tokenizer::Impl::Run::trim(std::string_view token, bool bytes, ByteSpan& place) const {
  std::size_t leading = spaces_at_start(token, bytes);
  const std::size_t trailing = spaces_at_end(token, bytes);
  if (leading == 0 && trailing == 0) return;
  const bool is_first = found.empty() || place.begin == 0;
  if (is_first && impl.parts.post.add_prefix_space && leading == 1) leading = 0;
  for (; leading > 0 && place.begin < place.end; --leading) {
    std::size_t size = 0;
    tok::decode(text, place.begin, size);
    place.begin += static_cast<std::uint32_t>(size);
  }
  for (std::size_t n = trailing; n > 0 && place.end > place.begin; --n) {
    --place.end;
    while (place.end > place.begin && tok::is_continuation(text[place.end])) --place.end;
  }
}

bool Tokenizer::Impl::tokens_of(std::string_view text, std::size_t most, bool offsets,
                                Encoding& out, std::vector<Found>& found) const {
  Encoding::Scratch& scratch = *out.scratch_;
  found.clear();
  bool more = text.size() > kMaxTokenizedBytes;
  if (more) text = text.substr(0, kMaxTokenizedBytes);
  const bool repaired = tok::repair(text, scratch.clean, scratch.gaps);
  if (repaired) text = scratch.clean;
  // One more than wanted tells whether there are more.
  Run run{*this, scratch, text, most + (most < SIZE_MAX ? 1U : 0U), offsets, found};
  scratch.parts.clear();
  raw.cut(text, scratch.parts);
  for (const tok::Part& p : scratch.parts) {
    if (!run.room()) break;
    run.part(p);
  }
  out.pattern_gave_up = out.pattern_gave_up || !run.complete;
  if (repaired && offsets) {
    for (Found& f : found) {
      f.place.begin = tok::original_place(scratch.gaps, f.place.begin);
      f.place.end = tok::original_place(scratch.gaps, f.place.end);
    }
  }
  more = more || found.size() > most;
  if (found.size() > most) found.resize(most);
  return more;
}

void Tokenizer::Impl::assemble(const tok::Template& form, const EncodeOptions& options,
                               Encoding& out) const {
  const auto text = [&](const std::vector<Found>& found, std::uint8_t type_id, ByteSpan& range) {
    range.begin = static_cast<std::uint32_t>(out.ids.size());
    for (const Found& f : found) {
      out.ids.push_back(f.id);
      if (options.offsets) out.offsets.push_back(f.place);
    }
    range.end = static_cast<std::uint32_t>(out.ids.size());
    out.type_ids.resize(out.ids.size(), type_id);
    out.special.resize(out.ids.size(), 0);
  };
  for (const tok::TemplatePart& p : form) {
    if (p.kind == tok::TemplatePart::Kind::kFirst) {
      text(out.scratch_->first, p.type_id, out.first);
    } else if (p.kind == tok::TemplatePart::Kind::kSecond) {
      text(out.scratch_->second, p.type_id, out.second);
    } else if (options.add_special) {
      out.ids.insert(out.ids.end(), p.ids.begin(), p.ids.end());
      out.type_ids.resize(out.ids.size(), p.type_id);
      out.special.resize(out.ids.size(), 1);
      if (options.offsets) out.offsets.resize(out.ids.size());
    }
  }
  if (out.ids.size() <= options.max_tokens) return;
  out.truncated = true;  // not even the special tokens fit
  out.ids.resize(options.max_tokens);
  out.type_ids.resize(options.max_tokens);
  out.special.resize(options.max_tokens);
  if (options.offsets) out.offsets.resize(options.max_tokens);
}

namespace {

void clear(Encoding& out) {
  out.ids.clear();
  out.type_ids.clear();
  out.special.clear();
  out.offsets.clear();
  out.first = out.second = {};
  out.truncated = out.pattern_gave_up = false;
}

// The shorter text keeps its tokens up to half of the room, the longer one has the rest.
void keep_longest_first(std::size_t most, std::vector<Found>& first, std::vector<Found>& second) {
  if (first.size() + second.size() <= most) return;
  const bool swapped = first.size() > second.size();
  std::vector<Found>& shorter = swapped ? second : first;
  std::vector<Found>& longer = swapped ? first : second;
  std::size_t n1 = shorter.size();
  std::size_t n2 = n1 > most ? n1 : std::max(n1, most - n1);
  if (n1 + n2 > most) {
    n1 = most / 2;
    n2 = n1 + most % 2;
  }
  shorter.resize(n1);
  longer.resize(n2);
}

std::size_t room_for_text(std::size_t max_tokens, std::size_t special) {
  return max_tokens > special ? max_tokens - special : 0;
}

}  // namespace

void Tokenizer::encode(std::string_view text, const EncodeOptions& options, Encoding& out) const {
  if (!out.scratch_) out.scratch_ = std::make_unique<Encoding::Scratch>();
  clear(out);
  const tok::PostProcessor& post = impl_->parts.post;
  const std::size_t most =
      room_for_text(options.max_tokens, options.add_special ? post.special_count(false) : 0);
  out.truncated = impl_->tokens_of(text, most, options.offsets, out, out.scratch_->first);
  impl_->assemble(post.single, options, out);
}

void Tokenizer::encode_pair(std::string_view first, std::string_view second,
                            const EncodeOptions& options, Encoding& out) const {
  if (!out.scratch_) out.scratch_ = std::make_unique<Encoding::Scratch>();
  clear(out);
  const tok::PostProcessor& post = impl_->parts.post;
  const std::size_t most =
      room_for_text(options.max_tokens, options.add_special ? post.special_count(true) : 0);
  Encoding::Scratch& s = *out.scratch_;
  // Both are read whole: which one is longer decides what is kept.
  const bool more_first = impl_->tokens_of(first, SIZE_MAX, options.offsets, out, s.first);
  const bool more_second = impl_->tokens_of(second, SIZE_MAX, options.offsets, out, s.second);
  out.truncated = more_first || more_second || s.first.size() + s.second.size() > most;
  keep_longest_first(most, s.first, s.second);
  impl_->assemble(post.pair, options, out);
}

std::optional<TokenId> Tokenizer::id_of(std::string_view token) const {
  const auto it = impl_->ids.find(token);
  return it == impl_->ids.end() ? std::nullopt : std::optional(it->second);
}
std::string_view Tokenizer::token(TokenId id) const {
  return id < impl_->tokens.size() ? std::string_view(impl_->tokens[id]) : std::string_view();
}
std::size_t Tokenizer::size() const { return impl_->tokens.size(); }
const SpecialIds& Tokenizer::special() const { return impl_->parts.special; }
std::size_t Tokenizer::special_count(bool pair) const {
  return impl_->parts.post.special_count(pair);
}

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

Result<std::shared_ptr<const Tokenizer>> Tokenizer::parse(std::string_view json,
                                                          const std::string& name) {
  auto parts = tok::parse_tokenizer_json(json);
  if (!parts) return fail_in(name, std::move(parts).error());
  return std::shared_ptr<const Tokenizer>(
      new Tokenizer(std::make_unique<const Impl>(std::move(*parts))));
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::parse_vocab(std::string_view vocab,
                                                                std::string_view config,
                                                                const std::string& name) {
  auto parts = tok::parse_bert_vocab(vocab, config);
  if (!parts) return fail_in(name, std::move(parts).error());
  tok::read_special_names(config, parts->vocab, parts->special);
  return std::shared_ptr<const Tokenizer>(
      new Tokenizer(std::make_unique<const Impl>(std::move(*parts))));
}

namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{256} << 20U;

Result<std::string> read_file(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return fail(ErrorCode::kNotFound, path.string() + ": " + error.message());
  if (size > kMaxFileBytes) return fail(ErrorCode::kTooLarge, path.string() + ": over 256 MiB");
  std::ifstream in(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  if (!in) return fail(ErrorCode::kIo, path.string() + ": cannot be read");
  return text;
}

std::string read_if_there(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return "";
  return read_file(path).value_or("");
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> Tokenizer::load(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  const fs::path json = folder ? fs::path(path) / "tokenizer.json" : fs::path(path);
  const fs::path vocab = fs::path(path) / "vocab.txt";
  const bool use_vocab = folder && !fs::exists(json, error) && fs::exists(vocab, error);
  SWY_TRY(const std::string text, read_file(use_vocab ? vocab : json));
  const std::string config = folder ? read_if_there(fs::path(path) / "tokenizer_config.json") : "";
  auto parts = use_vocab ? tok::parse_bert_vocab(text, config) : tok::parse_tokenizer_json(text);
  if (!parts) return fail_in((use_vocab ? vocab : json).string(), std::move(parts).error());
  if (folder) {
    const std::string map = read_if_there(fs::path(path) / "special_tokens_map.json");
    tok::read_special_names(map, parts->vocab, parts->special);
    tok::read_special_names(config, parts->vocab, parts->special);
  }
  return std::shared_ptr<const Tokenizer>(
      new Tokenizer(std::make_unique<const Impl>(std::move(*parts))));
}

}  // namespace swy::text
