// Sizes, times and durations as Docker reads and prints them (docker/go-units; docs of `docker run` and
// `docker ps`).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

inline constexpr int64_t kSecondNs = 1'000'000'000;
inline constexpr int64_t kMillisecondNs = 1'000'000;

// "512", "64m", "1.5g", "2GiB", "100kb" -> bytes; units are powers of 1024. kInvalid: `invalid size: 'x'`.
Result<int64_t> parse_size(std::string_view text);
// Decimal, four significant digits, no blank: 1980000 -> "1.98MB".
std::string human_size(uint64_t bytes);
// Binary: 67108864 -> "64MiB".
std::string human_size_binary(uint64_t bytes);
// "300ms", "1h30m", "-1.5s" (Go's time.ParseDuration) -> nanoseconds.
Result<int64_t> parse_duration(std::string_view text);
// "4 seconds", "About a minute", "2 weeks".
std::string human_duration(int64_t seconds);

// Nanoseconds since the epoch (CLOCK_REALTIME).
int64_t now_ns();
// Nanoseconds of CLOCK_MONOTONIC, for differences.
int64_t monotonic_ns();
// "2026-01-02T03:04:05.678901234Z" (RFC 3339, UTC, trailing zeros dropped as Go's RFC3339Nano does).
std::string format_time(int64_t epoch_ns);
// RFC 3339 with Z or an offset; kInvalid otherwise.
Result<int64_t> parse_time(std::string_view text);
