// What comes inside the program: the English static embedding, the heads and the grounding model of
// models/ (see models/README.md for their data, figures and licences). So that semantics work with
// no download and no path.
//
// Threading: any. Ownership: shared, made on first use and kept.
#pragma once

#include <memory>
#include <string_view>

#include "embed/head.h"
#include "embed/static_embedding.h"

namespace swy::embed {

std::shared_ptr<const StaticEmbedding> builtin_static();
// "domain", "task", "facts", "difficulty". kNotFound with the known names for another; else as
// TextHead::parse.
Result<std::shared_ptr<const TextHead>> builtin_head(std::string_view name,
                                                     const HeadInputs& given);
// The text of models/grounding/grounding.json, for read_model().
std::string_view builtin_grounding();

}  // namespace swy::embed
