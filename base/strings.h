// Text without locale: split, trim, case, numbers, escaping for terminals and shells.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool contains(std::string_view text, std::string_view part);

// Decimal digits only, the whole text; kInvalid otherwise (empty, sign, blanks, overflow).
Result<uint64_t> parse_uint(std::string_view text);
Result<int64_t> parse_int(std::string_view text);

// One word of a POSIX shell: quoted when it has to be.
std::string shell_quote(std::string_view word);
std::string shell_words(const std::vector<std::string>& words);

// For terminals: C0, C1, DEL, bidirectional controls and invalid UTF-8 become \xNN or \u escapes. Everything
// that an image, a registry or a container named passes through here before it is printed.
std::string printable(std::string_view text);

// `count` random bytes from getrandom(2) as lower-case hex.
std::string random_hex(size_t count);
