// deliver: sends a Reply at its pace, with its fault. For the .cc files of upstream. Threading: the
// loop's thread.
#pragma once

#include "base/task.h"
#include "http/server.h"
#include "upstream/private/reply.h"

namespace swy::upstream {

// false: the client went away before the answer was complete. Connection and script outlive it.
base::Task<bool> deliver(http::ServerConnection& connection, Reply reply, Script& script);

}  // namespace swy::upstream
