// What the .cc files of net share about a Loop. Asio's types appear by name only: its headers stay
// in .cc files. Threading: the loop's thread.
#pragma once

#include "net/loop.h"

namespace boost::asio {
class io_context;
}

namespace swy::net {

boost::asio::io_context& context_of(Loop& loop);

}  // namespace swy::net
