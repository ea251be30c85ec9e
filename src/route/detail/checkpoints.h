// Transformer checkpoints in use by any plan of this process, each held once: a reload that changes
// something else must not read 90 MB again, nor hold them twice.
//
// When to use: plug-ins and output guards that run a checkpoint. Threading: any; loading is one at
// a time. Ownership: shared by the plans that use it, freed with the last.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "embed/encoder.h"
#include "switchyard/result.h"

namespace swy::route {

using Checkpoint = std::shared_ptr<const embed::Encoder>;

// path: as a configuration writes it, model:NAME or relative to `directory`. Errors name the file
// and, where one is at fault, the tensor; of a model that is not in the store, the command that
// fetches it.
Result<Checkpoint> load_checkpoint(std::string_view path, std::string_view directory,
                                   const embed::EncoderOptions& options);

}  // namespace swy::route
