// What a person sees: colour only on a terminal (and never with NO_COLOR), a progress bar on
// standard error for work over two seconds. Single-threaded use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace swy::base {

bool color_on(int fd);
// Wraps text in an ANSI style when on. Styles: "bold", "dim", "red", "green", "yellow", "blue",
// "cyan", "magenta".
std::string styled(std::string_view text, std::string_view style, bool on);
int terminal_width(int fd, int fallback = 100);
// Cuts UTF-8 text to at most `columns` display columns, ending with an ellipsis when cut.
std::string fit_columns(std::string_view text, std::size_t columns);

class Progress {
 public:
  Progress(std::string label, std::uint64_t total);  // shows nothing unless stderr is a terminal
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::uint64_t n = 1);

 private:
  void draw();
  std::string label_;
  std::uint64_t total_, done_ = 0;
  std::int64_t start_ns_, last_ns_ = 0;
  bool on_, drawn_ = false;
};

}  // namespace swy::base
