// How many operations one core does when nothing but the multiply-add unit is in the way: the
// yardstick of swy_understand. Registers only, twelve independent chains.
#pragma once

namespace swy::bench {

// Operations (a multiply-add is two); 0 where the CPU has no such instruction.
double fma_peak_run(long rounds);
double vnni_peak_run(long rounds);

}  // namespace swy::bench
