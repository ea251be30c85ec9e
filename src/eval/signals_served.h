// Signals that are not heads, asked as requests ask them: the part of the signal evaluation
// (signals.h) for pii, jailbreak, safety, needs_facts, feedback, modality, complexity.
//
// When to use: by evaluate_signals(). Threading: one thread. Ownership: fills the report.
#pragma once

#include "eval/signals.h"

namespace swy::eval {

// A set whose files are absent becomes a note.
Status evaluate_served(const SignalsOptions& options, SignalReport& report);

}  // namespace swy::eval
