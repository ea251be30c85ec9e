// normalizer, pre_tokenizer and post_processor of a tokenizer.json. Every `type` is looked up by
// its name; what changes the result and is not done here is refused by name and place. Test:
// tokenizer_test.cc, tests/parity.
#include <algorithm>
#include <array>

#include "text/tokenizer/load_json.h"
#include "text/utf8.h"

namespace swy::text::tok {
namespace {

// ---- Patterns

Result<Pattern> parse_pattern(const Json& j, const std::string& place) {
  const auto pattern = j.find("pattern");
  const std::string at = member(place, "pattern");
  if (pattern) {
    if (const auto literal = pattern->find("String")) {
      const auto s = literal->as_string();
      if (!s || s->empty()) return unsupported(at + ".String", "an empty pattern");
      return Pattern::literal(std::string(*s));
    }
    if (const auto regex = pattern->find("Regex"); regex && regex->as_string()) {
      auto p = Pattern::regex(std::string(*regex->as_string()));
      if (!p) return wrong(at + ".Regex", p.error().message, p.error().code);
      return p;
    }
  }
  return wrong(at, "a String or a Regex is expected");
}

// ---- Normalizers

Status parse_bert_normalizer(const Json& j, const std::string& place, NormalizerStep& step) {
  step.kind = NormalizerStep::Kind::kBert;
  SWY_TRY(step.clean, flag_of(j, place, "clean_text", true));
  SWY_TRY(step.cjk, flag_of(j, place, "handle_chinese_chars", true));
  SWY_TRY(step.lower, flag_of(j, place, "lowercase", true));
  SWY_TRY(step.accents, flag_of(j, place, "strip_accents", step.lower));
  return {};
}

Status parse_charsmap(const Json& j, const std::string& place, NormalizerStep& step) {
  step.kind = NormalizerStep::Kind::kCharsmap;
  SWY_TRY(const std::string base64, text_of(j, place, "precompiled_charsmap"));
  auto map = Charsmap::decode_base64(base64);
  if (!map) return wrong(member(place, "precompiled_charsmap"), map.error().message);
  step.charsmap = std::make_shared<const Charsmap>(std::move(*map));
  return {};
}

Status parse_normalizer_step(const Json& j, const std::string& place, const std::string& type,
                             NormalizerStep& step) {
  using Kind = NormalizerStep::Kind;
  static const std::array<std::pair<std::string_view, Form>, 4> forms{
      {{"NFC", Form::kNfc}, {"NFD", Form::kNfd}, {"NFKC", Form::kNfkc}, {"NFKD", Form::kNfkd}}};
  for (const auto& [name, form] : forms) {
    if (type != name) continue;
    step.kind = Kind::kForm;
    step.form = form;
    return {};
  }
  if (type == "BertNormalizer") return parse_bert_normalizer(j, place, step);
  if (type == "Precompiled") return parse_charsmap(j, place, step);
  if (type == "Lowercase") return step.kind = Kind::kLowercase, Status{};
  if (type == "StripAccents") return step.kind = Kind::kStripAccents, Status{};
  if (type == "Nmt") return step.kind = Kind::kNmt, Status{};
  if (type == "Strip") {
    step.kind = Kind::kStrip;
    SWY_TRY(step.left, flag_of(j, place, "strip_left", true));
    SWY_TRY(step.right, flag_of(j, place, "strip_right", true));
    return {};
  }
  if (type == "Prepend") {
    step.kind = Kind::kPrepend;
    SWY_TRY(step.text, text_of(j, place, "prepend"));
    return {};
  }
  if (type == "Replace") {
    step.kind = Kind::kReplace;
    SWY_TRY(step.text, text_of(j, place, "content"));
    SWY_TRY(step.pattern, parse_pattern(j, place));
    return {};
  }
  return unsupported(member(place, "type"), quoted(type));
}

// ---- Pre-tokenizers

Result<Behavior> parse_behavior(const Json& j, const std::string& place) {
  static const std::array<std::pair<std::string_view, Behavior>, 5> known_names{
      {{"Removed", Behavior::kRemoved},
       {"Isolated", Behavior::kIsolated},
       {"Contiguous", Behavior::kContiguous},
       {"MergedWithPrevious", Behavior::kMergedWithPrevious},
       {"MergedWithNext", Behavior::kMergedWithNext}}};
  const auto v = j.find("behavior");
  const std::string_view name = v ? v->as_string().value_or("") : "Isolated";
  for (const auto& [known, behavior] : known_names)
    if (name == known) return behavior;
  return wrong(member(place, "behavior"), quoted(name) + " is no behaviour");
}

Status parse_metaspace(const Json& j, const std::string& place, PreTokenizerStep& step) {
  using Prepend = PreTokenizerStep::Prepend;
  step.kind = PreTokenizerStep::Kind::kMetaspace;
  step.behavior = Behavior::kMergedWithNext;
  SWY_TRY(step.mark, text_of(j, place, "replacement"));
  if (count_code_points(step.mark) != 1)
    return wrong(member(place, "replacement"), "one character is expected");
  SWY_TRY(step.pattern, Pattern::literal(step.mark));
  SWY_TRY(step.cut, flag_of(j, place, "split", true));
  SWY_TRY(const bool prefix, flag_of(j, place, "add_prefix_space", true));
  const std::string_view scheme = j.string_or("prepend_scheme", "always");
  if (scheme == "always") {
    step.prepend = Prepend::kAlways;
  } else if (scheme == "first") {
    step.prepend = Prepend::kFirst;
  } else if (scheme == "never") {
    step.prepend = Prepend::kNever;
  } else {
    return wrong(member(place, "prepend_scheme"), quoted(scheme) + " is no scheme");
  }
  if (!prefix && step.prepend != Prepend::kNever)
    return wrong(member(place, "add_prefix_space"), "contradicts prepend_scheme");
  return {};
}

Status parse_byte_level(const Json& j, const std::string& place, PreTokenizerStep& step) {
  step.kind = PreTokenizerStep::Kind::kByteLevel;
  SWY_TRY(const bool prefix, flag_of(j, place, "add_prefix_space", true));
  step.prepend = prefix ? PreTokenizerStep::Prepend::kAlways : PreTokenizerStep::Prepend::kNever;
  SWY_TRY(step.cut, flag_of(j, place, "use_regex", true));
  step.pattern = Pattern::gpt2();
  return {};
}

Status parse_split(const Json& j, const std::string& place, PreTokenizerStep& step) {
  step.kind = PreTokenizerStep::Kind::kSplit;
  SWY_TRY(step.pattern, parse_pattern(j, place));
  SWY_TRY(step.behavior, parse_behavior(j, place));
  SWY_TRY(step.invert, flag_of(j, place, "invert", false));
  return {};
}

Status parse_pre_tokenizer_step(const Json& j, const std::string& place, const std::string& type,
                                PreTokenizerStep& step) {
  using Kind = PreTokenizerStep::Kind;
  if (type == "BertPreTokenizer") return step.kind = Kind::kBert, Status{};
  if (type == "Whitespace") return step.kind = Kind::kWhitespace, Status{};
  if (type == "WhitespaceSplit") return step.kind = Kind::kWhitespaceSplit, Status{};
  if (type == "Metaspace") return parse_metaspace(j, place, step);
  if (type == "ByteLevel") return parse_byte_level(j, place, step);
  if (type == "Split") return parse_split(j, place, step);
  if (type == "Punctuation") {
    step.kind = Kind::kPunctuation;
    SWY_TRY(step.behavior, parse_behavior(j, place));
    return {};
  }
  if (type == "Digits") {
    step.kind = Kind::kDigits;
    SWY_TRY(const bool each, flag_of(j, place, "individual_digits", false));
    step.behavior = each ? Behavior::kIsolated : Behavior::kContiguous;
    return {};
  }
  if (type == "CharDelimiterSplit") {
    step.kind = Kind::kSplit;
    step.behavior = Behavior::kRemoved;
    SWY_TRY(std::string delimiter, text_of(j, place, "delimiter"));
    if (count_code_points(delimiter) != 1)
      return wrong(member(place, "delimiter"), "one character is expected");
    SWY_TRY(step.pattern, Pattern::literal(std::move(delimiter)));
    return {};
  }
  return unsupported(member(place, "type"), quoted(type));
}

// ---- Post-processors

class PostParser {
 public:
  explicit PostParser(PostProcessor& out) : out_(out) {}

  Status parse(const Json& j, const std::string& place) {
    SWY_TRY(const std::string type, text_of(j, place, "type"));
    if (type == "Sequence") {
      return each_element(j, place, "processors",
                          [&](const Json& e, const std::string& p) { return parse(e, p); });
    }
    if (has_template_) return unsupported(place, "a post-processor after " + has_template_name_);
    if (type == "ByteLevel") return trim(j, place);
    has_template_ = true;
    has_template_name_ = type;
    if (type == "TemplateProcessing") return templates(j, place);
    if (type == "BertProcessing") return pairs(j, place, false);
    if (type == "RobertaProcessing") {
      SWY_DO(trim(j, place));
      return pairs(j, place, true);
    }
    return unsupported(member(place, "type"), quoted(type));
  }

 private:
  Status trim(const Json& j, const std::string& place) {
    SWY_TRY(const bool on, flag_of(j, place, "trim_offsets", true));
    if (!on) return {};
    if (out_.trim_offsets) return unsupported(place, "trimming offsets twice");
    out_.trim_offsets = true;
    SWY_TRY(out_.add_prefix_space, flag_of(j, place, "add_prefix_space", true));
    return {};
  }

  static Result<TemplatePart> special(const Json& j, const std::string& place,
                                      std::string_view key) {
    const auto v = j.find(key);
    if (!v || !v->is_array() || v->size() != 2)
      return wrong(member(place, key), "a text and an id are expected");
    base::JsonIter it(*v);
    it.next();
    SWY_TRY(const TokenId id, id_in(it.value(), element(member(place, key), 1)));
    return TemplatePart{TemplatePart::Kind::kSpecial, 0, {id}};
  }

  // BERT: cls A sep B:1 sep:1. RoBERTa: cls A sep sep B sep, one segment.
  Status pairs(const Json& j, const std::string& place, bool roberta) {
    SWY_TRY(const TemplatePart sep, special(j, place, "sep"));
    SWY_TRY(const TemplatePart cls, special(j, place, "cls"));
    const TemplatePart first{TemplatePart::Kind::kFirst, 0, {}};
    TemplatePart second{TemplatePart::Kind::kSecond, 0, {}};
    TemplatePart last = sep;
    out_.single = {cls, first, sep};
    out_.pair = out_.single;
    if (roberta) {
      out_.pair.push_back(sep);
    } else {
      second.type_id = last.type_id = 1;
    }
    out_.pair.push_back(second);
    out_.pair.push_back(last);
    return {};
  }

  Status templates(const Json& j, const std::string& place) {
    SWY_DO(one_template(j, place, "single", out_.single));
    SWY_DO(one_template(j, place, "pair", out_.pair));
    const auto count = [](const Template& t, TemplatePart::Kind kind) {
      return std::count_if(t.begin(), t.end(), [&](const auto& p) { return p.kind == kind; });
    };
    if (count(out_.single, TemplatePart::Kind::kFirst) != 1 ||
        count(out_.single, TemplatePart::Kind::kSecond) != 0)
      return unsupported(member(place, "single"), "a template without exactly one A");
    if (count(out_.pair, TemplatePart::Kind::kFirst) != 1 ||
        count(out_.pair, TemplatePart::Kind::kSecond) != 1)
      return unsupported(member(place, "pair"), "a template without exactly one A and one B");
    return {};
  }

  static Status one_template(const Json& j, const std::string& place, std::string_view key,
                             Template& out) {
    out.clear();
    return each_element(j, place, key, [&](const Json& e, const std::string& p) -> Status {
      SWY_TRY(TemplatePart part, template_part(j, e, place, p));
      out.push_back(std::move(part));
      return {};
    });
  }

  static Result<TemplatePart> template_part(const Json& j, const Json& e, const std::string& place,
                                            const std::string& at) {
    const auto sequence = e.find("Sequence");
    const auto token = e.find("SpecialToken");
    if (!sequence && !token) return wrong(at, "a Sequence or a SpecialToken is expected");
    const Json& body = sequence ? *sequence : *token;
    const std::int64_t type_id = body.integer_or("type_id", 0);
    if (type_id < 0 || type_id > 255) return wrong(at + ".type_id", "is not from 0 to 255");
    TemplatePart part;
    part.type_id = static_cast<std::uint8_t>(type_id);
    const std::string_view id = body.string_or("id", "");
    if (sequence) {
      if (id != "A" && id != "B") return wrong(at + ".Sequence.id", "A or B is expected");
      part.kind = id == "A" ? TemplatePart::Kind::kFirst : TemplatePart::Kind::kSecond;
      return part;
    }
    part.kind = TemplatePart::Kind::kSpecial;
    const auto all = j.find("special_tokens");
    const auto one = all ? all->find(id) : std::nullopt;
    if (!one) return wrong(member(place, "special_tokens"), quoted(id) + " is missing");
    SWY_DO(each_element(*one, member(place, "special_tokens." + std::string(id)), "ids",
                        [&](const Json& v, const std::string& p) -> Status {
                          SWY_TRY(const TokenId t, id_in(v, p));
                          part.ids.push_back(t);
                          return {};
                        }));
    return part;
  }

  PostProcessor& out_;
  bool has_template_ = false;
  std::string has_template_name_;
};

}  // namespace

Status parse_normalizer(const Json& j, const std::string& place, Normalizer& out) {
  SWY_TRY(const std::string type, text_of(j, place, "type"));
  if (type == "Sequence") {
    return each_element(j, place, "normalizers", [&](const Json& e, const std::string& p) {
      return parse_normalizer(e, p, out);
    });
  }
  NormalizerStep step;
  SWY_DO(parse_normalizer_step(j, place, type, step));
  out.steps.push_back(std::move(step));
  return {};
}

Status parse_pre_tokenizer(const Json& j, const std::string& place, PreTokenizer& out) {
  SWY_TRY(const std::string type, text_of(j, place, "type"));
  if (type == "Sequence") {
    return each_element(j, place, "pretokenizers", [&](const Json& e, const std::string& p) {
      return parse_pre_tokenizer(e, p, out);
    });
  }
  if (!out.steps.empty() && out.steps.back().kind == PreTokenizerStep::Kind::kByteLevel)
    return unsupported(place, "a pre-tokenizer after ByteLevel");
  PreTokenizerStep step;
  SWY_DO(parse_pre_tokenizer_step(j, place, type, step));
  out.steps.push_back(std::move(step));
  return {};
}

Status parse_post_processor(const Json& j, const std::string& place, PostProcessor& out) {
  return PostParser(out).parse(j, place);
}

}  // namespace swy::text::tok
