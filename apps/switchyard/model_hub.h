// Pulling a model from a hub: HTTP GET of {hub}/{owner}/{name}/resolve/{revision}/{file} for every
// file that an encoder needs, into the store.
//
// When to use: `switchyard models pull`. Threading: blocks the calling thread, which must not run a
// loop. Ownership: borrows its arguments for the call.
#pragma once

#include <string>
#include <vector>

#include "embed/model_staging.h"
#include "http/client.h"
#include "switchyard/result.h"

namespace swy::app {

// Of the hub that is asked when neither --hub nor SWITCHYARD_HUB names one.
inline constexpr const char* kPublicHub = "https://huggingface.co";

struct HubPull {
  std::string hub;    // URL
  std::string token;  // goes to the hub's own origin only; "": none
  std::string ca_file;
  int silence_s = 60;  // after which a connection is given up (and tried again)
  std::string name;    // OWNER/NAME
  std::string revision = "main";
  std::vector<std::string> files;  // as of embed::FileQuest
  embed::Hashes expected;
};

// kInvalidArgument: a name, revision or URL that cannot be. kNotFound, kUnauthorized, kForbidden:
// the hub says so, or the model is not an encoder. kProtocol: a hash, size or redirect that must
// not be. kUnavailable, kTimeout, kClosed: after several tries; the next pull goes on from here.
Result<embed::Manifest> pull_from_hub(const embed::ModelStore& store, const HubPull& pull);

}  // namespace swy::app
