// What comes inside the program: the English static embedding and the heads of models/ (see
// models/README.md for their data, figures and licences). So that semantics work with no download
// and no path.
//
// Threading: any. Ownership: shared, made on first use and kept.
#pragma once

#include <memory>
#include <string_view>

#include "embed/head.h"
#include "embed/static_embedding.h"

namespace swy::embed {

std::shared_ptr<const StaticEmbedding> builtin_static();
// "domain", "task". kNotFound with the known names for another; else as TextHead::parse.
Result<std::shared_ptr<const TextHead>> builtin_head(std::string_view name,
                                                     const HeadInputs& given);

}  // namespace swy::embed
