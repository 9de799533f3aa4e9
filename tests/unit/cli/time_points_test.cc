#include "cli/time_points.h"

#include <catch2/catch.hpp>

TEST_CASE("--since in every spelling") {
  constexpr int64_t kNow = 2'000'000'000'000'000'000;
  const auto at = [](std::string_view text) { return cli::parse_time_point(text, kNow).value(); };
  CHECK(at("10m") == kNow - 600'000'000'000);
  CHECK(at("1h30m") == kNow - 5'400'000'000'000);
  CHECK(at("1700000000") == 1'700'000'000'000'000'000);
  CHECK(at("1700000000.5") == 1'700'000'000'500'000'000);
  CHECK(at("1970-01-02") == 86'400'000'000'000);
  CHECK(at("1970-01-02T00:00") == 86'400'000'000'000);
  CHECK(at("1970-01-02T00:00:01") == 86'401'000'000'000);
  CHECK(at("1970-01-02T00:00:01Z") == 86'401'000'000'000);
  CHECK(at("1970-01-02T02:00:01+02:00") == 86'401'000'000'000);
  for (const char* bad : {"", "x", "yesterday", "1970-13-99x", "99999999999999"})
    CHECK_FALSE(cli::parse_time_point(bad, kNow));
}
