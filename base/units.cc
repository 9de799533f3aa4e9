#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

#include "base/strings.h"

namespace {

struct Scaled {
  double number;
  std::string_view unit;
};

// "1.5g" -> {1.5, "g"}; fails when there is no number.
Result<Scaled> split_unit(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() &&
         (std::string_view("0123456789.").find(text[digits]) != std::string_view::npos))
    ++digits;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (digits == 0 || error != std::errc() || end != text.data() + digits) return invalid("no number");
  return Scaled{number, trim(text.substr(digits))};
}

std::string scaled_text(double value, double base, const std::array<const char*, 7>& units) {
  size_t i = 0;
  while (value >= base && i + 1 < units.size()) {
    value /= base;
    ++i;
  }
  std::array<char, 32> buffer = {};
  std::snprintf(buffer.data(), buffer.size(), "%.4g%s", value, units[i]);
  return buffer.data();
}

}  // namespace

Result<int64_t> parse_size(std::string_view text) {
  const Error bad = invalid("invalid size: '" + printable(text) + "'");
  auto scaled = split_unit(text);
  if (!scaled) return bad;
  std::string unit = to_lower(scaled->unit);
  if (unit.ends_with("ib")) {
    unit.resize(unit.size() - 2);
  } else if (unit.ends_with('b')) {
    unit.pop_back();
  }
  if (unit.size() > 1) return bad;
  const size_t power = unit.empty() ? 0 : std::string_view("?kmgtp").find(unit[0]);
  if (power == std::string_view::npos || (power == 0 && !unit.empty())) return bad;
  const double bytes = scaled->number * std::pow(1024.0, static_cast<double>(power));
  if (!(bytes < 9.2e18)) return bad;
  return static_cast<int64_t>(bytes);
}

std::string human_size(uint64_t bytes) {
  return scaled_text(static_cast<double>(bytes), 1000.0, {"B", "kB", "MB", "GB", "TB", "PB", "EB"});
}

std::string human_size_binary(uint64_t bytes) {
  return scaled_text(static_cast<double>(bytes), 1024.0, {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"});
}

Result<int64_t> parse_duration(std::string_view text) {
  const Error bad = invalid("time: invalid duration \"" + printable(text) + "\"");
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) return bad;
  struct Unit {
    std::string_view name;
    double ns;
  };
  constexpr std::array<Unit, 6> kUnits = {Unit{"ns", 1},  Unit{"us", 1e3}, Unit{"ms", 1e6},
                                          Unit{"s", 1e9}, Unit{"m", 60e9}, Unit{"h", 3600e9}};
  double total = 0;
  while (!rest.empty()) {
    auto scaled = split_unit(rest);
    if (!scaled) return bad;
    const std::string_view tail = rest.substr(rest.find(scaled->unit));
    const size_t length = std::min(tail.find_first_of("0123456789."), tail.size());
    const std::string_view name = tail.substr(0, length);
    double factor = 0;
    for (const auto& unit : kUnits) {
      if (unit.name == name) factor = unit.ns;
    }
    if (factor == 0) return bad;
    total += scaled->number * factor;
    rest = tail.substr(length);
  }
  if (!(total < 9.2e18)) return bad;
  return static_cast<int64_t>(negative ? -total : total);
}

std::string human_duration(int64_t seconds) {
  const auto plural = [](int64_t n, const char* unit) { return std::to_string(n) + " " + unit; };
  const int64_t minutes = seconds / 60;
  const int64_t hours = (seconds + 1800) / 3600;
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return plural(seconds, "seconds");
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return plural(minutes, "minutes");
  if (hours == 1) return "About an hour";
  if (hours < 48) return plural(hours, "hours");
  const int64_t days = hours / 24;
  if (days < 14) return plural(days, "days");
  if (days < 60) return plural(days / 7, "weeks");
  if (days < 730) return plural(days / 30, "months");
  return plural(days / 365, "years");
}

int64_t now_ns() {
  timespec time = {};
  ::clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * kSecondNs + time.tv_nsec;
}

int64_t monotonic_ns() {
  timespec time = {};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecondNs + time.tv_nsec;
}

std::string format_time(int64_t epoch_ns) {
  int64_t fraction = epoch_ns % kSecondNs;
  time_t seconds = epoch_ns / kSecondNs;
  if (fraction < 0) {
    fraction += kSecondNs;
    --seconds;
  }
  tm parts = {};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 80> buffer = {};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02d-%02dT%02d:%02d:%02d", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  std::string text = buffer.data();
  if (fraction != 0) {
    std::string digits = std::to_string(fraction);
    digits.insert(0, 9 - digits.size(), '0');
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text + "Z";
}

Result<int64_t> parse_time(std::string_view text) {
  const Error bad = invalid("\"" + printable(text) + "\" is not an RFC 3339 time");
  const std::string copy(text);
  tm parts = {};
  int used = 0;
  // NOLINTNEXTLINE(cert-err34-c): of so few digits no number is out of range
  const int fields = std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                                 &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &used);
  if (fields != 6) return bad;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  std::string_view rest = std::string_view(copy).substr(static_cast<size_t>(used));
  int64_t fraction = 0;
  if (rest.starts_with('.')) {
    const size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    std::string digits(rest.substr(1, end - 1));
    digits.resize(9, '0');
    fraction = static_cast<int64_t>(TRY(parse_uint(digits)));
    rest.remove_prefix(end);
  }
  int64_t offset = 0;
  if (rest != "Z" && rest != "z") {
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return bad;
    const uint64_t hours = TRY(parse_uint(rest.substr(1, 2)));
    const uint64_t minutes = TRY(parse_uint(rest.substr(4, 2)));
    offset = static_cast<int64_t>(hours * 3600 + minutes * 60) * (rest[0] == '-' ? -1 : 1);
  }
  return (static_cast<int64_t>(::timegm(&parts)) - offset) * kSecondNs + fraction;
}
