#include "cli/image_rows.h"
#include "base/units.h"

#include <catch2/catch.hpp>

namespace {

image::Image make_image(const std::vector<std::string>& tags, const std::vector<std::string>& digests) {
  image::Image image{.id = image::Digest::parse("sha256:" + std::string(64, 'a')).value()};
  image.created_ns = 1'000 * kSecondNs;
  image.size_bytes = 1'980'000;
  image.repo_tags = tags;
  image.repo_digests = digests;
  return image;
}

std::string table(const image::Image& image, bool digests) {
  const cli::ImageRowDetails details = {1'004 * kSecondNs, true, digests};
  return cli::render_list(cli::image_list_format(digests), "", cli::image_rows(image, details)).value();
}

}  // namespace

TEST_CASE("the default table of images") {
  CHECK(table(make_image({"busybox:1.36", "localhost:5000/a/b:x"}, {}), false) ==
        "REPOSITORY           TAG       IMAGE ID       CREATED         SIZE\n"
        "busybox              1.36      aaaaaaaaaaaa   4 seconds ago   1.98MB\n"
        "localhost:5000/a/b   x         aaaaaaaaaaaa   4 seconds ago   1.98MB\n");
  CHECK(table(make_image({}, {}), false) ==
        "REPOSITORY   TAG       IMAGE ID       CREATED         SIZE\n"
        "<none>       <none>    aaaaaaaaaaaa   4 seconds ago   1.98MB\n");
}

TEST_CASE("digests stand beside their repository's tags") {
  const std::string digest = "sha256:" + std::string(64, 'b');
  const auto rows = cli::image_rows(make_image({"busybox:1"}, {"busybox@" + digest, "other@" + digest}), {});
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["Digest"] == digest);
  CHECK(rows[1]["Repository"] == "other");
  CHECK(rows[1]["Tag"] == "<none>");
}

TEST_CASE("patterns of images") {
  const Json row = {{"Repository", "host:5000/team/app"}, {"Tag", "1.2"}};
  CHECK(cli::image_row_matches(row, "host:5000/team/app"));
  CHECK(cli::image_row_matches(row, "host:5000/team/app:1.*"));
  CHECK(cli::image_row_matches(row, "host:5000/*/app"));
  CHECK_FALSE(cli::image_row_matches(row, "*app"));
  CHECK_FALSE(cli::image_row_matches(row, "host:5000/team/app:2"));
}

TEST_CASE("image inspect shows the configuration as it is") {
  const image::Store store("/nonexistent");
  const auto made = cli::inspect_image(store, make_image({"a:1"}, {}),
                                       R"({"author":"me","config":{"Cmd":["sh"],"Odd":1}})");
  REQUIRE(made);
  CHECK((*made)["Config"] == Json({{"Cmd", {"sh"}}, {"Odd", 1}}));
  CHECK((*made)["Author"] == "me");
  CHECK((*made)["RepoTags"] == Json({"a:1"}));
  CHECK((*made)["RootFS"]["Layers"] == Json::array());
  CHECK_FALSE(cli::inspect_image(store, make_image({}, {}), "{"));
}
