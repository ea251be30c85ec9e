#include "wire/sse.h"

#include <gtest/gtest.h>
