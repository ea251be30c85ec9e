// The one translation unit that compiles Asio's own code (BOOST_ASIO_SEPARATE_COMPILATION
// everywhere in net).
#include <boost/asio/impl/src.hpp>
