// The weight file of TreeHop's query update.
//
// When to use: the strategy treehop, and whoever converts a trained checkpoint. Threading: pure.
// Ownership: values. Format: safetensors with the tensors of the authors' release under their names
// (node.update_gate.heads.0.W_Q.weight ..., node.update_attn_scale.weight) and the metadata format
// = switchyard-treehop, version, encoder (content hash of the encoder whose vectors it was trained
// on) and hash (of all tensors).
#pragma once

#include <string>
#include <string_view>

#include "math/tree_hop.h"
#include "switchyard/result.h"

namespace swy::flow {

// kParse: not such a file, damaged (both hashes are named), of another version, or of another
// encoder (both are named). Nothing of a checked file can fail later.
Result<math::TreeHopWeights> load_tree_hop(const std::string& path, std::string_view encoder);
[[nodiscard]] Status save_tree_hop(const std::string& path, const math::TreeHopWeights& weights,
                                   std::string_view encoder);

}  // namespace swy::flow
