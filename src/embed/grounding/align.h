// Alignment of an answer's words with the context, and the features that follow from it.
//
// When to use: inside src/embed. Threading: one owner. Ownership: keeps its memory.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "embed/encoder.h"
#include "embed/grounding/index.h"
#include "embed/grounding/items.h"
#include "embed/grounding_features.h"
#include "embed/grounding_model.h"

namespace swy::embed::grounding {

// Of one item of the answer; indexes into the context's items, kNowhere where there is none.
struct Alignment {
  std::uint32_t place = kNowhere;  // where the same form stands in the most similar surroundings
  std::uint32_t rival = kNowhere;  // another value in the place where this one was to be expected
  std::uint32_t opposite = kNowhere;
  float agreement = 0;  // 0..1: share of the surroundings found around `place`
  float rival_agreement = 0;
  bool exact = false;
  bool negation_differs = false;
};

}  // namespace swy::embed::grounding

namespace swy::embed {

struct GroundingScratch::Impl {
  std::string_view context, answer, question;  // as read, of the last call only
  grounding::Items context_items, answer_items, question_items;
  grounding::Index index;
  std::vector<std::uint64_t> question_forms;  // sorted
  std::vector<grounding::Alignment> alignments;
  std::vector<grounding::Index::Top> tops;  // of each sentence of the answer
  std::vector<text::ByteSpan> tokens;
  std::vector<std::uint32_t> sentences;
  math::Matrix features;
  bool truncated = false;

  // neural.cc
  Workspace workspace;
  text::Encoding encoding;
  math::Matrix states, answer_states, context_states;
  std::vector<std::uint32_t> picked, last_picked, placed;  // sentences; row of a context item
  std::vector<std::uint32_t> row_items;                    // context item of a row
  std::string text;

  // grounding.cc
  GroundingBuffers buffers;
  std::vector<GroundingRun> runs;
  std::vector<TextPair> pairs;
  math::Matrix logits;
};

}  // namespace swy::embed

namespace swy::embed::grounding {

// Fills everything but the encoder's and the detector's columns.
void align(const GroundingText& text, GroundingScratch::Impl& s);

// neural.cc. REQUIRES: align() of the same texts before.
void add_states(const Encoder& encoder, GroundingScratch::Impl& s);
Status add_detector(const Encoder& detector, std::string_view prompt, GroundingScratch::Impl& s);
// The detector's label for words without support.
std::size_t unsupported_label(const EncoderInfo& info);

// Sentences of the context, in its order, as many as fit in `bytes`: those that the answer's
// sentences first .. last speak of, then their neighbours, then the beginning.
void pick_sentences(const GroundingScratch::Impl& s, std::uint32_t first, std::uint32_t last,
                    std::size_t bytes, std::vector<std::uint32_t>& out);

}  // namespace swy::embed::grounding
