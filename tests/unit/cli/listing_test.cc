#include "cli/listing.h"

#include <catch2/catch.hpp>

TEST_CASE("columns have three blanks between and ten at least") {
  CHECK(cli::align_columns("CONTAINER ID\tIMAGE\tNAMES\n0123456789ab\tbusybox\tweb\n") ==
        "CONTAINER ID   IMAGE     NAMES\n"
        "0123456789ab   busybox   web\n");
  CHECK(cli::align_columns("A\tB\nää\tx\n") == "A         B\nää        x\n");
  CHECK(cli::align_columns("") == "");
}

namespace {
const cli::ListFormat kHow = {
    "{{.ID}}\t{{.Names}}", {{"ID", "CONTAINER ID"}, {"Names", "NAMES"}, {"Label", "LABEL"}}, {"Label"}};
const std::vector<Json> kRows = {{{"ID", "1a"}, {"Names", "web"}, {"Label", {{"k", "v"}}}},
                                 {{"ID", "2b"}, {"Names", "d\x1b[1mb"}, {"Label", Json::object()}}};
}  // namespace

TEST_CASE("a list in its four formats") {
  CHECK(cli::render_list(kHow, "", kRows).value() ==
        "CONTAINER ID   NAMES\n1a             web\n2b             d\\x1b[1mb\n");
  CHECK(cli::render_list(kHow, "table", {}).value() == "CONTAINER ID   NAMES\n");
  CHECK(cli::render_list(kHow, "table {{.Names}}\\t{{.ID}}", kRows).value() ==
        "NAMES       CONTAINER ID\nweb         1a\nd\\x1b[1mb   2b\n");
  CHECK(cli::render_list(kHow, "json", {kRows[0]}).value() == "{\"ID\":\"1a\",\"Names\":\"web\"}\n");
  CHECK(cli::render_list(kHow, "{{.ID}}:{{.Label \"k\"}}", kRows).value() == "1a:v\n2b:\n");
  CHECK(cli::render_list(kHow, "table {{.Label \"k\"}}", {}).value() == "LABEL\n");
  CHECK_FALSE(cli::render_list(kHow, "{{.Nope}}", kRows));
  CHECK(cli::render_list(kHow, "{{.Nope}}", {}).value().empty());
}

TEST_CASE("long text ends in an ellipsis") {
  CHECK(cli::shorten("abcdef", 6) == "abcdef");
  CHECK(cli::shorten("abcdefg", 6) == "abcde…");
  CHECK(cli::shorten("äbcdefg", 3) == "äb…");
  CHECK(cli::shorten("ab€defg", 4) == "ab€…");
}

TEST_CASE("filters") {
  const auto filters = cli::parse_filters({"status=exited", "STATUS=created", "label=a=b"}).value();
  REQUIRE(filters.size() == 3);
  CHECK(filters[1].key == "status");
  CHECK(filters[2].value == "a=b");
  CHECK(cli::passes(filters, "status", [](const auto& v) { return v == "created"; }));
  CHECK_FALSE(cli::passes(filters, "status", [](const auto& v) { return v == "running"; }));
  CHECK(cli::passes(filters, "name", [](const auto&) { return false; }));
  CHECK_FALSE(cli::parse_filters({"status"}));
}
