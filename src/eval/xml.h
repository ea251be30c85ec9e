// Text as it may stand in the content and attributes of XML and HTML.
//
// When to use: plots and pages. Threading: pure. Ownership: the result is the caller's.
#pragma once

#include <string>
#include <string_view>

namespace swy::eval {

// Control characters become spaces; line ends stay where keep_lines says so.
inline std::string xml_text(std::string_view text, bool keep_lines) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && !(keep_lines && c == '\n') ? ' ' : c;
    }
  }
  return out;
}

}  // namespace swy::eval
