// Reading tokenizer.json, and vocab.txt with tokenizer_config.json, into the parts of a tokenizer.
//
// When to use: Tokenizer::load only. Every part that the file asks for and that is not done here is
// an error with the place in the file ("normalizer.normalizers[1].type"). Threading: pure.
// Ownership: Parts owns everything.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "switchyard/result.h"
#include "text/tokenizer.h"
#include "text/tokenizer/added.h"
#include "text/tokenizer/model.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/post.h"
#include "text/tokenizer/pre_tokenizer.h"

namespace swy::text::tok {

struct Parts {
  std::vector<AddedToken> added;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<const Model> model;
  PostProcessor post;
  bool byte_level = false;
  std::vector<VocabEntry> vocab;  // as the file spells it; added tokens that are not in it follow
  SpecialIds special;
};

Result<Parts> parse_tokenizer_json(std::string_view json);
// `config`: tokenizer_config.json, or "" for BERT's defaults.
Result<Parts> parse_bert_vocab(std::string_view vocab, std::string_view config);
// cls_token and so on of tokenizer_config.json or special_tokens_map.json; what is not there stays.
void read_special_names(std::string_view json, const std::vector<VocabEntry>& vocab,
                        SpecialIds& special);

}  // namespace swy::text::tok
