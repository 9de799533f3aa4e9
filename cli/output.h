// Standard output and standard error of a command: whole strings, no stream library.
#pragma once

#include <string>
#include <string_view>

namespace cli {

// Writes to standard output. A failure (disk full, closed pipe) is remembered: output_failed().
void print(std::string_view text);
// A line on standard output.
void print_line(std::string_view text);
// A line on standard error, as it is: the caller passes untrusted text through printable().
void complain(std::string_view text);
bool output_failed();

// printable(), line by line: newlines stay.
std::string printable_lines(std::string_view text);

// True if standard output (or error) is a terminal and NO_COLOR is unset or empty (no-color.org).
bool has_colour(int fd);

// The width of the terminal on standard output; 80 when it is none. Columns.
int terminal_width();

// `text` in lines of at most `width` columns, broken at blanks; every line after the first begins with
// `indent` blanks. A newline in `text` stays.
std::string wrap(std::string_view text, size_t width, size_t indent);

}  // namespace cli
