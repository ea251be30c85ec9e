#include "embed/grounding.h"
#include <gtest/gtest.h>
