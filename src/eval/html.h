// A Report as one HTML file that needs nothing else: no scripts, no fonts, nothing fetched; light
// and dark as the reader's system is set.
//
// When to use: `switchyard eval --html FILE`. Threading: pure; the caller writes the text.
// Ownership: values. What is in it: docs/reference/eval.md.
#pragma once

#include <string>
#include <string_view>

#include "eval/evaluate.h"

namespace swy::eval {

// command: what made the report, to be shown as it is.
std::string to_html(const Report& report, std::string_view command);

// Reliability diagram of a router: mean outcome over believed quality, for what it chose and for
// every candidate; the area of a dot is its share of the questions. An <svg> element.
std::string calibration_svg(const ChoiceReport& choices, std::string_view name);

// Text for element content and attributes.
std::string html_text(std::string_view text);

}  // namespace swy::eval
