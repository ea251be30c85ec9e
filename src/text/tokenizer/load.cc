// tokenizer.json: the model, the added tokens, and the whole; vocab.txt. The ids of added tokens
// follow the reference: the model's id of the same text, else the next free one. Test:
// tokenizer_test.cc, tests/parity.
#include "text/tokenizer/load.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "text/tokenizer/load_json.h"
#include "text/utf8.h"

namespace swy::text::tok {
namespace {

// ---- The byte-level alphabet: every byte as a printable character (GPT-2).

const std::unordered_map<char32_t, char>& byte_of_character() {
  static const auto map = [] {
    std::unordered_map<char32_t, char> m;
    char32_t next = 256;
    for (char32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      m.emplace(printable ? b : next++, static_cast<char>(static_cast<unsigned char>(b)));
    }
    return m;
  }();
  return map;
}

// The bytes that a byte-level token stands for; nothing for one that no text can give.
std::optional<std::string> raw_bytes(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size();) {
    std::size_t size = 0;
    const auto it = byte_of_character().find(decode(token, i, size));
    if (it == byte_of_character().end()) return std::nullopt;
    out.push_back(it->second);
    i += size;
  }
  return out;
}

// ---- Models

Status parse_vocab_map(const Json& j, std::vector<VocabEntry>& out) {
  const auto vocab = j.find("vocab");
  if (!vocab || !vocab->is_object()) return wrong("model.vocab", "an object is expected");
  for (base::JsonIter it(*vocab); !it.done(); it.next()) {
    SWY_TRY(const TokenId id, id_in(it.value(), "model.vocab." + std::string(it.key())));
    out.push_back({std::string(it.key()), id, 0});
  }
  if (out.empty()) return wrong("model.vocab", "is empty");
  return {};
}

// Vocabulary entries as the model sees the text: in raw bytes under ByteLevel.
std::vector<VocabEntry> spelled(const Parts& parts) {
  if (!parts.byte_level) return parts.vocab;
  std::vector<VocabEntry> out;
  out.reserve(parts.vocab.size());
  for (const VocabEntry& e : parts.vocab)
    if (auto raw = raw_bytes(e.text)) out.push_back({std::move(*raw), e.id, e.score});
  return out;
}

std::optional<TokenId> find_id(const std::vector<VocabEntry>& vocab, std::string_view token) {
  const auto it = std::find_if(vocab.rbegin(), vocab.rend(),
                               [&](const VocabEntry& e) { return e.text == token; });
  return it == vocab.rend() ? std::nullopt : std::optional(it->id);
}

Result<TokenId> unknown_token(const Json& j, const Parts& parts) {
  SWY_TRY(const std::string token, text_of(j, "model", "unk_token"));
  const auto id = find_id(parts.vocab, token);
  if (!id) return wrong("model.unk_token", quoted(token) + " is not in the vocabulary");
  return *id;
}

Status parse_word_piece(const Json& j, Parts& parts) {
  SWY_DO(parse_vocab_map(j, parts.vocab));
  WordPieceOptions o;
  SWY_TRY(o.unknown, unknown_token(j, parts));
  o.prefix = j.string_or("continuing_subword_prefix", "##");
  const std::int64_t most = j.integer_or("max_input_chars_per_word", 100);
  if (most < 0) return wrong("model.max_input_chars_per_word", "is negative");
  o.max_characters = static_cast<std::size_t>(std::min<std::int64_t>(most, 1 << 20));
  o.byte_level = parts.byte_level;
  parts.model = make_word_piece(spelled(parts), o);
  return {};
}

Result<std::pair<std::string, std::string>> parse_merge(const Json& j, const std::string& place) {
  if (const auto s = j.as_string()) {
    const std::size_t space = s->find(' ');
    if (space == std::string_view::npos || s->find(' ', space + 1) != std::string_view::npos)
      return wrong(place, "two texts with one space between are expected");
    return std::pair(std::string(s->substr(0, space)), std::string(s->substr(space + 1)));
  }
  if (j.is_array() && j.size() == 2) {
    base::JsonIter it(j);
    const auto a = it.value().as_string();
    it.next();
    const auto b = it.value().as_string();
    if (a && b) return std::pair(std::string(*a), std::string(*b));
  }
  return wrong(place, "a pair of texts is expected");
}

Status parse_bpe_affixes(const Json& j, const Parts& parts, BpeOptions& o) {
  o.prefix = j.string_or("continuing_subword_prefix", "");
  o.suffix = j.string_or("end_of_word_suffix", "");
  const bool any = !o.prefix.empty() || !o.suffix.empty();
  if (o.byte_fallback && any)
    return unsupported("model.byte_fallback", "byte_fallback with a subword prefix or suffix");
  if (!parts.byte_level || !any) return {};
  auto prefix = raw_bytes(o.prefix);
  auto suffix = raw_bytes(o.suffix);
  if (!prefix || !suffix)
    return unsupported("model", "a prefix or suffix outside of the byte-level alphabet");
  o.prefix = std::move(*prefix);
  o.suffix = std::move(*suffix);
  return {};
}

Status parse_bpe(const Json& j, Parts& parts) {
  SWY_DO(parse_vocab_map(j, parts.vocab));
  if (j.number_or("dropout", 0) > 0) return unsupported("model.dropout", "dropout");
  BpeOptions o;
  SWY_TRY(o.fuse_unknown, flag_of(j, "model", "fuse_unk", false));
  SWY_TRY(o.byte_fallback, flag_of(j, "model", "byte_fallback", false));
  SWY_TRY(o.ignore_merges, flag_of(j, "model", "ignore_merges", false));
  o.byte_level = parts.byte_level;
  if (const auto unk = j.find("unk_token"); unk && !unk->is_null()) {
    SWY_TRY(o.unknown, unknown_token(j, parts));
  }
  SWY_DO(parse_bpe_affixes(j, parts, o));
  Merges merges;
  SWY_DO(each_element(j, "model", "merges", [&](const Json& e, const std::string& p) -> Status {
    SWY_TRY(auto merge, parse_merge(e, p));
    if (parts.byte_level) {
      auto a = raw_bytes(merge.first);
      auto b = raw_bytes(merge.second);
      merge.first = a.value_or("");
      merge.second = b.value_or("");
      if (!a || !b) merge = {};  // no text comes here; the rank is kept
    }
    merges.push_back(std::move(merge));
    return {};
  }));
  SWY_TRY(parts.model, make_bpe(spelled(parts), merges, o));
  return {};
}

Status parse_unigram(const Json& j, Parts& parts) {
  SWY_DO(each_element(j, "model", "vocab", [&](const Json& e, const std::string& p) -> Status {
    if (!e.is_array() || e.size() != 2) return wrong(p, "a text and a score are expected");
    base::JsonIter it(e);
    const auto token = it.value().as_string();
    it.next();
    const auto score = it.value().as_number();
    if (!token || !score) return wrong(p, "a text and a score are expected");
    if (parts.vocab.size() >= kMaxId) return wrong(p, "too many tokens", ErrorCode::kTooLarge);
    parts.vocab.push_back({std::string(*token), static_cast<TokenId>(parts.vocab.size()), *score});
    return {};
  }));
  UnigramOptions o;
  const std::int64_t unk = j.integer_or("unk_id", -1);
  if (unk < 0 || unk >= static_cast<std::int64_t>(parts.vocab.size()))
    return unsupported("model.unk_id", "a vocabulary without an unknown token");
  o.unknown = static_cast<TokenId>(unk);
  o.lowest_score =
      std::min_element(parts.vocab.begin(), parts.vocab.end(),
                       [](const VocabEntry& a, const VocabEntry& b) { return a.score < b.score; })
          ->score;
  SWY_TRY(o.byte_fallback, flag_of(j, "model", "byte_fallback", false));
  o.byte_level = parts.byte_level;
  parts.model = make_unigram(spelled(parts), o);
  return {};
}

// Under ByteLevel a byte that is not in the vocabulary falls back to the bytes of its printable
// stand-in, which nobody means.
Status check_byte_fallback(const Json& j, const Parts& parts) {
  if (!parts.byte_level || !j.bool_or("byte_fallback", false)) return {};
  std::array<bool, 256> there{};
  for (const VocabEntry& e : parts.vocab) {
    const auto raw = raw_bytes(e.text);
    if (raw && raw->size() == 1) there[static_cast<unsigned char>((*raw)[0])] = true;
  }
  if (std::all_of(there.begin(), there.end(), [](bool b) { return b; })) return {};
  return unsupported("model.byte_fallback", "byte_fallback under ByteLevel with bytes missing");
}

Status parse_model(const Json& j, Parts& parts) {
  std::string type(j.string_or("type", ""));
  if (type.empty()) {  // files of before 2021
    const auto vocab = j.find("vocab");
    if (j.find("merges")) {
      type = "BPE";
    } else if (vocab && vocab->is_array()) {
      type = "Unigram";
    } else if (j.find("max_input_chars_per_word")) {
      type = "WordPiece";
    }
  }
  if (type == "WordPiece") {
    SWY_DO(parse_word_piece(j, parts));
  } else if (type == "BPE") {
    SWY_DO(parse_bpe(j, parts));
  } else if (type == "Unigram") {
    SWY_DO(parse_unigram(j, parts));
  } else {
    return unsupported("model.type", quoted(type));
  }
  return check_byte_fallback(j, parts);
}

// ---- Added tokens

Status parse_added(const Json& root, std::vector<AddedToken>& out) {
  const auto list = root.find("added_tokens");
  if (!list || list->is_null()) return {};
  return each_element(root, "", "added_tokens", [&](const Json& e, const std::string& p) -> Status {
    AddedToken t;
    SWY_TRY(t.content, text_of(e, p, "content"));
    SWY_TRY(t.special, flag_of(e, p, "special", false));
    SWY_TRY(t.single_word, flag_of(e, p, "single_word", false));
    SWY_TRY(t.lstrip, flag_of(e, p, "lstrip", false));
    SWY_TRY(t.rstrip, flag_of(e, p, "rstrip", false));
    SWY_TRY(t.normalized, flag_of(e, p, "normalized", !t.special));
    if (!t.content.empty()) out.push_back(std::move(t));
    return {};
  });
}

// Gives added tokens their ids and appends those that the model does not have to the vocabulary.
void number_added(Parts& parts) {
  std::unordered_map<std::string, TokenId> ids;
  for (const VocabEntry& e : parts.vocab) ids[e.text] = e.id;
  auto next = static_cast<TokenId>(ids.size());
  std::vector<AddedToken> unique;
  std::unordered_map<TokenId, std::size_t> place;
  for (AddedToken& t : parts.added) {
    const auto [it, fresh] = ids.emplace(t.content, next);
    t.id = it->second;
    if (fresh) {
      ++next;
      parts.vocab.push_back({t.content, t.id, 0});
    }
    const auto [at, first] = place.emplace(t.id, unique.size());
    if (first) {
      unique.push_back(t);
    } else {
      unique[at->second] = t;
    }
  }
  parts.added = std::move(unique);
}

std::optional<TokenId> first_of(const std::vector<VocabEntry>& vocab, std::string_view a,
                                std::string_view b) {
  const auto id = find_id(vocab, a);
  return id ? id : find_id(vocab, b);
}

void name_special(Parts& parts) {
  parts.special.unk = parts.model->unknown();
  parts.special.pad = first_of(parts.vocab, "[PAD]", "<pad>");
  parts.special.cls = first_of(parts.vocab, "[CLS]", "<s>");
  parts.special.sep = first_of(parts.vocab, "[SEP]", "</s>");
  parts.special.mask = first_of(parts.vocab, "[MASK]", "<mask>");
}

// f(value, key) when root[key] is there and not null.
template <typename F>
Status optional_part(const Json& root, std::string_view key, F f) {
  const auto v = root.find(key);
  if (!v || v->is_null()) return {};
  return f(*v, std::string(key));
}

}  // namespace

Result<Parts> parse_tokenizer_json(std::string_view json) {
  base::JsonDoc doc;
  SWY_TRY(const Json root, doc.parse(json));
  if (!root.is_object()) return fail(ErrorCode::kParse, "not a JSON object");
  Parts parts;
  SWY_DO(optional_part(root, "normalizer", [&](const Json& j, const std::string& p) {
    return parse_normalizer(j, p, parts.normalizer);
  }));
  SWY_DO(optional_part(root, "pre_tokenizer", [&](const Json& j, const std::string& p) {
    return parse_pre_tokenizer(j, p, parts.pre_tokenizer);
  }));
  SWY_DO(optional_part(root, "post_processor", [&](const Json& j, const std::string& p) {
    return parse_post_processor(j, p, parts.post);
  }));
  parts.normalizer.finish();
  parts.byte_level = !parts.pre_tokenizer.steps.empty() &&
                     parts.pre_tokenizer.steps.back().kind == PreTokenizerStep::Kind::kByteLevel;
  const auto model = root.find("model");
  if (!model) return wrong("model", "is missing");
  SWY_DO(parse_model(*model, parts));
  SWY_DO(parse_added(root, parts.added));
  number_added(parts);
  name_special(parts);
  return parts;
}

Result<Parts> parse_bert_vocab(std::string_view vocab, std::string_view config) {
  Parts parts;
  base::JsonDoc doc;
  bool lower = true;
  bool cjk = true;
  std::optional<bool> accents;
  if (!config.empty()) {
    SWY_TRY(const Json j, doc.parse(config));
    lower = j.bool_or("do_lower_case", true);
    cjk = j.bool_or("tokenize_chinese_chars", true);
    if (const auto a = j.find("strip_accents")) accents = a->as_bool();
    if (!j.bool_or("do_basic_tokenize", true))
      return unsupported("tokenizer_config.json: do_basic_tokenize", "false");
  }
  NormalizerStep bert;
  bert.kind = NormalizerStep::Kind::kBert;
  bert.clean = true;
  bert.cjk = cjk;
  bert.lower = lower;
  bert.accents = accents.value_or(lower);
  parts.normalizer.steps.push_back(std::move(bert));
  parts.normalizer.finish();
  parts.pre_tokenizer.steps.emplace_back();
  for (std::size_t at = 0; at < vocab.size();) {
    const std::size_t end = std::min(vocab.find('\n', at), vocab.size());
    std::string_view line = vocab.substr(at, end - at);
    while (!line.empty() && static_cast<unsigned char>(line.back()) <= ' ') line.remove_suffix(1);
    if (!is_valid_utf8(line))
      return wrong("line " + std::to_string(parts.vocab.size() + 1), "is not UTF-8");
    parts.vocab.push_back({std::string(line), static_cast<TokenId>(parts.vocab.size()), 0});
    at = end + 1;
  }
  std::array<TokenId, 5> ids{};
  const std::array<const char*, 5> names{"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto id = find_id(parts.vocab, names[i]);
    if (!id) return wrong(names[i], "is not in the vocabulary");
    ids[i] = *id;
    parts.added.push_back({names[i], *id, false, false, false, false, true});
  }
  const TemplatePart cls{TemplatePart::Kind::kSpecial, 0, {ids[1]}};
  const TemplatePart sep{TemplatePart::Kind::kSpecial, 0, {ids[2]}};
  const TemplatePart sep1{TemplatePart::Kind::kSpecial, 1, {ids[2]}};
  parts.post.single = {cls, {TemplatePart::Kind::kFirst, 0, {}}, sep};
  parts.post.pair = parts.post.single;
  parts.post.pair.push_back({TemplatePart::Kind::kSecond, 1, {}});
  parts.post.pair.push_back(sep1);
  WordPieceOptions o;
  o.unknown = ids[0];
  parts.model = make_word_piece(parts.vocab, o);
  name_special(parts);
  return parts;
}

void read_special_names(std::string_view json, const std::vector<VocabEntry>& vocab,
                        SpecialIds& special) {
  base::JsonDoc doc;
  const auto root = doc.parse(json);
  if (!root) return;
  const std::array<std::pair<std::string_view, std::optional<TokenId>*>, 5> names{
      {{"pad_token", &special.pad},
       {"cls_token", &special.cls},
       {"sep_token", &special.sep},
       {"unk_token", &special.unk},
       {"mask_token", &special.mask}}};
  for (const auto& [key, id] : names) {
    const auto v = root->find(key);
    if (!v) continue;
    const std::string_view content =
        v->is_object() ? v->string_or("content", "") : v->as_string().value_or("");
    if (const auto found = find_id(vocab, content)) *id = found;
  }
}

}  // namespace swy::text::tok
